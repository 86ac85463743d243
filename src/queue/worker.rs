//! The threads that take batches to the engine.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use event_listener::IntoNotification;

use super::state::{Gathering, Next};
use super::{QueueError, Shared};
use crate::Outcome;
use crate::ed25519::{Batch, Verdicts};
use crate::panics::message;

impl Shared {
    /// Verifies batches until the queue is closed and empty.
    pub(super) fn work(&self) {
        while let Some(gathering) = self.next() {
            let answer = self.verify(&gathering.batch);
            self.answer(gathering, answer);
        }
    }

    fn next(&self) -> Option<Gathering> {
        let mut state = self.state();
        loop {
            let time = match state.next(&self.options) {
                Next::Verify(gathering) => {
                    if state.calls_for_another() {
                        self.work.notify_one();
                    }
                    return Some(gathering);
                }
                Next::Wait(time) => time,
                Next::Stop => return None,
            };
            state.idle += 1;
            state = match time {
                Some(time) => self.work.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0,
                None => self.work.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            state.idle -= 1;
        }
    }

    fn verify(&self, batch: &Batch<'_>) -> Result<Outcome<Verdicts>, QueueError> {
        // The engine keeps nothing that a panic could leave half changed.
        let answer = catch_unwind(AssertUnwindSafe(|| self.engine.verify(self.rule, batch)));
        let error = match answer {
            Ok(Ok(outcome)) => return Ok(outcome),
            Ok(Err(error)) => QueueError::Engine(Arc::new(error)),
            Err(panic) => {
                QueueError::Panicked(message(panic.as_ref()).unwrap_or("it did not say why").into())
            }
        };
        tracing::error!(items = batch.len(), %error, "a batch got no verdicts");
        Err(error)
    }

    fn answer(&self, gathering: Gathering, answer: Result<Outcome<Verdicts>, QueueError>) {
        let Gathering { batch, round, .. } = gathering;
        let size = batch.len();
        let mut state = self.state();
        state.finish(batch);
        state.stats.count(size, &answer);
        round.answer(answer.map(Outcome::into_inner));
        let is_drained = state.is_drained();
        drop(state);
        round.wake();
        self.room.notify(size.additional());
        if is_drained {
            self.drained.notify_all();
        }
    }
}
