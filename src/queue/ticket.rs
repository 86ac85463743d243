//! Tickets: each caller's claim to its own verdict.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use super::QueueError;
use crate::signature::Verdicts;

/// The claim to the verdict on one accepted signature.
///
/// It is a future for any executor; a thread calls [`wait`](Ticket::wait). Dropping it
/// discards the verdict; the signature is still verified.
#[derive(Debug)]
#[must_use = "the verdict is lost with the ticket"]
pub struct Ticket {
    result: Arc<BatchResult>,
    index: usize,
}

/// The result of a batch, once it is known, and the waiters for it. Shared by the tickets of
/// the batch.
#[derive(Debug, Default)]
pub(super) struct BatchResult {
    verdicts: OnceLock<Result<Verdicts, QueueError>>,
    /// The wakers of waiting tasks, by the position of their signature in the batch.
    wakers: Mutex<Vec<Option<Waker>>>,
    /// Notified when the result is known.
    known: Condvar,
}

impl Ticket {
    pub(super) fn new(result: Arc<BatchResult>, index: usize) -> Self {
        Ticket { result, index }
    }

    /// Blocks the thread until there is a verdict: whether the signature is valid.
    ///
    /// # Errors
    /// [`QueueError::Engine`] if every back end failed; [`QueueError::Panicked`]
    /// if a back end panicked.
    pub fn wait(self) -> Result<bool, QueueError> {
        if let Some(verdict) = self.verdict() {
            return verdict;
        }
        let mut wakers = self.result.wakers();
        loop {
            if let Some(verdict) = self.verdict() {
                return verdict;
            }
            wakers = self.result.known.wait(wakers).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn verdict(&self) -> Option<Result<bool, QueueError>> {
        let verdicts = self.result.verdicts.get()?;
        Some(verdicts.as_ref().map(|verdicts| verdicts.as_slice()[self.index]).map_err(Clone::clone))
    }
}

impl Future for Ticket {
    type Output = Result<bool, QueueError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(verdict) = self.verdict() {
            return Poll::Ready(verdict);
        }
        let mut wakers = self.result.wakers();
        if let Some(verdict) = self.verdict() {
            return Poll::Ready(verdict);
        }
        if wakers.len() <= self.index {
            wakers.resize(self.index + 1, None);
        }
        match &mut wakers[self.index] {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

impl BatchResult {
    /// Sets the result. Call [`wake_all`](BatchResult::wake_all) afterwards.
    pub fn set(&self, verdicts: Result<Verdicts, QueueError>) {
        self.verdicts.set(verdicts).expect("the result of a batch is set once");
    }

    /// Wakes all waiters.
    pub fn wake_all(&self) {
        // A waiter that saw no result under this lock has registered its waker, or waits.
        let wakers = std::mem::take(&mut *self.wakers());
        self.known.notify_all();
        for waker in wakers.into_iter().flatten() {
            // A panic in one caller's executor must not keep the verdicts from the others.
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
    }

    fn wakers(&self) -> MutexGuard<'_, Vec<Option<Waker>>> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
