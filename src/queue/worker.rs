//! The worker threads that verify batches on the engine.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use event_listener::IntoNotification;

use super::state::{NextStep, PendingBatch};
use super::{Queue, QueueError};
use crate::Outcome;
use crate::panics::message;
use crate::signature::{Batch, Verdicts};

impl Queue {
    /// Verifies batches until the queue is closed and empty.
    pub(super) fn run_worker(&self) {
        while let Some(pending) = self.next_batch() {
            let result = self.verify(&pending.batch);
            self.complete(pending, result);
        }
    }

    /// Waits for the next batch to verify; `None` once the queue is closed and empty.
    fn next_batch(&self) -> Option<PendingBatch> {
        let mut state = self.state();
        loop {
            let timeout = match state.next_step(&self.options) {
                NextStep::Verify(pending) => {
                    if state.needs_another_worker() {
                        self.work_available.notify_one();
                    }
                    return Some(pending);
                }
                NextStep::Wait(timeout) => timeout,
                NextStep::Stop => return None,
            };
            state.idle_workers += 1;
            let work = &self.work_available;
            state = match timeout {
                Some(timeout) => work.wait_timeout(state, timeout).unwrap_or_else(PoisonError::into_inner).0,
                None => work.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            state.idle_workers -= 1;
        }
    }

    fn verify(&self, batch: &Batch<'_>) -> Result<Outcome<Verdicts>, QueueError> {
        // Unwind safe: the engine has no state that a panic could leave inconsistent.
        let result = catch_unwind(AssertUnwindSafe(|| self.engine.verify(self.rule, batch)));
        let error = match result {
            Ok(Ok(outcome)) => return Ok(outcome),
            Ok(Err(error)) => QueueError::Engine(Arc::new(error)),
            Err(panic) => QueueError::Panicked(message(panic.as_ref()).unwrap_or("no message").into()),
        };
        tracing::error!(items = batch.len(), %error, "a batch got no verdicts");
        Err(error)
    }

    /// Gives every caller its verdict and frees the capacity of the batch.
    fn complete(&self, pending: PendingBatch, outcome: Result<Outcome<Verdicts>, QueueError>) {
        let PendingBatch { batch, result, .. } = pending;
        let size = batch.len();
        let mut state = self.state();
        state.finish(batch);
        state.stats.record_batch(size, &outcome);
        result.set(outcome.map(Outcome::into_inner));
        let is_drained = state.is_drained();
        drop(state);
        result.wake_all();
        self.capacity_freed.notify(size.additional());
        if is_drained {
            self.drained.notify_all();
        }
    }
}
