//! How each caller gets its own verdict.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use super::QueueError;
use crate::ed25519::Verdicts;

/// The claim to the verdict on one signature that the queue has taken.
///
/// It is a future, for any executor; threads [`wait`](Ticket::wait). Dropped, it
/// gives up the verdict: the signature is verified all the same.
#[derive(Debug)]
#[must_use = "the verdict is lost with the ticket"]
pub struct Ticket {
    round: Arc<Round>,
    index: usize,
}

/// What the tickets of one batch share: its verdicts, once there are any, and
/// who waits for them.
#[derive(Debug, Default)]
pub(super) struct Round {
    answer: OnceLock<Result<Verdicts, QueueError>>,
    /// The task that waits for each signature, by its position in the batch.
    tasks: Mutex<Vec<Option<Waker>>>,
    answered: Condvar,
}

impl Ticket {
    pub(super) fn new(round: Arc<Round>, index: usize) -> Self {
        Ticket { round, index }
    }

    /// Waits on this thread for the verdict: whether the signature is valid.
    ///
    /// # Errors
    /// [`QueueError::Engine`] if every back end failed; [`QueueError::Panicked`]
    /// if one panicked.
    pub fn wait(self) -> Result<bool, QueueError> {
        if let Some(verdict) = self.verdict() {
            return verdict;
        }
        let mut tasks = self.round.tasks();
        loop {
            if let Some(verdict) = self.verdict() {
                return verdict;
            }
            tasks = self.round.answered.wait(tasks).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn verdict(&self) -> Option<Result<bool, QueueError>> {
        let answer = self.round.answer.get()?;
        Some(answer.as_ref().map(|verdicts| verdicts.as_slice()[self.index]).map_err(Clone::clone))
    }
}

impl Future for Ticket {
    type Output = Result<bool, QueueError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(verdict) = self.verdict() {
            return Poll::Ready(verdict);
        }
        let mut tasks = self.round.tasks();
        if let Some(verdict) = self.verdict() {
            return Poll::Ready(verdict);
        }
        if tasks.len() <= self.index {
            tasks.resize(self.index + 1, None);
        }
        match &mut tasks[self.index] {
            Some(task) => task.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

impl Round {
    /// Makes the answer visible; [`wake`](Round::wake) tells those who wait.
    pub fn answer(&self, answer: Result<Verdicts, QueueError>) {
        self.answer.set(answer).expect("a batch is answered once");
    }

    pub fn wake(&self) {
        // Who saw no answer under this lock is in the list, or waits, by now.
        let tasks = std::mem::take(&mut *self.tasks());
        self.answered.notify_all();
        for task in tasks.into_iter().flatten() {
            // An executor's panic must not keep the others from their verdicts.
            let _ = catch_unwind(AssertUnwindSafe(|| task.wake()));
        }
    }

    fn tasks(&self) -> MutexGuard<'_, Vec<Option<Waker>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
