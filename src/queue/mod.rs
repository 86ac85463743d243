//! A queue for callers that have one signature at a time.
//!
//! A [`Verifier`] collects signatures from any number of threads and tasks into batches
//! for the [`Engine`], and gives each caller its own verdict. Batches form under load only:
//! an idle queue verifies a signature at once, and signatures that arrive in the meantime
//! form the next batch. A batch is as large as the load requires, and no larger.
//!
//! ```
//! use std::sync::Arc;
//! use verilane::Engine;
//! use verilane::ed25519::Rule;
//! use verilane::queue::{QueueOptions, Verifier};
//!
//! let verifier = Verifier::new(Arc::new(Engine::new()?), Rule::Strict, QueueOptions::default())?;
//!
//! // From a thread, and from a task of any executor.
//! let valid = verifier.verify_blocking(&[0; 32], &[0; 64], b"signed by nobody")?;
//! assert!(!valid);
//! let valid = pollster::block_on(verifier.verify(&[0; 32], &[0; 64], b"nor this"))?;
//! assert!(!valid);
//!
//! // Many signatures: submit all, then wait for their verdicts.
//! let tickets: Vec<_> = ["a", "b", "c"]
//!     .iter()
//!     .map(|message| verifier.submit_blocking(&[0; 32], &[0; 64], message.as_bytes()))
//!     .collect::<Result<_, _>>()?;
//! for ticket in tickets {
//!     assert!(!ticket.wait()?);
//! }
//!
//! verifier.shutdown();
//! assert_eq!(verifier.stats().invalid, 5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! With the feature `tower`, `Service` implements `tower::Service` on a queue.
//!
//! [`QueueOptions`] bound the queue. While it is full, tasks and threads wait, and
//! [`Verifier::try_submit`] returns an error. Waiters are not admitted strictly in order of
//! arrival.
//!
//! Every accepted signature gets exactly one verdict or error: also when a device faults
//! (the engine verifies the batch on the next back end), when a back end panics, when other
//! callers give up, and when the queue is shut down.
//!
//! Under [`Rule::Zip215`] signatures of different callers may be verified by a common
//! equation, which accepts an invalid one with probability at most 2⁻¹²⁵: see
//! [`ed25519`](crate::ed25519#independence).

mod error;
#[cfg(feature = "tower")]
mod service;
mod state;
mod ticket;
mod worker;

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use event_listener::{Event, EventListener, Listener};

pub use error::QueueError;
#[cfg(feature = "tower")]
pub use service::{Request, Service};
pub use ticket::Ticket;

use crate::ed25519::Rule;
use crate::signature::Verdicts;
use crate::{BackendKind, Engine, Error, Outcome};
use state::{State, Submission};

/// The bounds of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueOptions {
    /// The maximum number of signatures in a batch.
    pub max_batch: usize,
    /// How long a signature may wait for others to join its batch while other batches are
    /// being verified; after that it waits for a free thread only. Zero gives the lowest
    /// latency. A longer delay saves processor time, since a few signatures cost as much as
    /// one. An idle queue never waits.
    pub max_delay: Duration,
    /// The maximum number of signatures that are accepted and not yet answered.
    pub capacity: usize,
    /// The maximum total length of their messages in bytes.
    pub capacity_bytes: usize,
}

impl Default for QueueOptions {
    /// 16,384 signatures in a batch, no delay, a capacity of 65,536 signatures with 64 MiB
    /// of messages.
    fn default() -> Self {
        QueueOptions {
            max_batch: 1 << 14,
            max_delay: Duration::ZERO,
            capacity: 1 << 16,
            capacity_bytes: 64 << 20,
        }
    }
}

impl QueueOptions {
    fn check(&self) -> Result<(), Error> {
        let sizes = [
            ("max_batch", self.max_batch),
            ("capacity", self.capacity),
            ("capacity_bytes", self.capacity_bytes),
        ];
        match sizes.into_iter().find(|&(_, size)| size == 0) {
            Some((name, size)) => {
                Err(Error::Parameter { name, found: size.to_string(), valid: "at least 1 is needed" })
            }
            None => Ok(()),
        }
    }
}

/// Counters of a queue.
///
/// `accepted` = `depth` + `valid` + `invalid` + `failed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Signatures accepted and not yet answered.
    pub depth: u64,
    /// Signatures accepted in total.
    pub accepted: u64,
    /// Signatures found valid.
    pub valid: u64,
    /// Signatures found invalid.
    pub invalid: u64,
    /// Signatures that got an error instead of a verdict.
    pub failed: u64,
    /// Signatures that [`Verifier::try_submit`] did not accept because the queue was full.
    pub refused: u64,
    /// Batches answered.
    pub batches: u64,
    /// The number of signatures in the largest batch.
    pub largest_batch: usize,
    /// Faults of back ends on batches that a later back end then verified.
    pub passed_over: u64,
}

impl Stats {
    fn record_batch(&mut self, size: usize, result: &Result<Outcome<Verdicts>, QueueError>) {
        self.batches += 1;
        self.largest_batch = self.largest_batch.max(size);
        match result {
            Ok(outcome) => {
                let valid = outcome.valid_count();
                self.valid += valid as u64;
                self.invalid += (size - valid) as u64;
                self.passed_over += outcome.report().passed_over.len() as u64;
            }
            Err(_) => self.failed += size as u64,
        }
    }
}

/// Collects single signatures into batches and gives each caller its own verdict.
///
/// Clones share the queue. When the last clone is dropped, the queue is closed; signatures
/// that it has accepted are still answered.
#[derive(Clone)]
pub struct Verifier(Arc<CloseOnDrop>);

/// Closes the queue when the last clone of a [`Verifier`] is dropped.
struct CloseOnDrop(Arc<Queue>);

/// The queue, shared by verifiers and workers.
struct Queue {
    engine: Arc<Engine>,
    rule: Rule,
    options: QueueOptions,
    state: Mutex<State>,
    /// Notified when there may be work for a waiting worker.
    work_available: Condvar,
    /// Notified when every accepted signature is answered.
    drained: Condvar,
    /// Notified when capacity is freed.
    capacity_freed: Event,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Verifier {
    /// Starts a queue that verifies on `engine` under `rule`. It has as many worker threads
    /// as the engine's first back end uses.
    ///
    /// # Errors
    /// [`Error::Parameter`] if `max_batch`, `capacity` or `capacity_bytes` is 0;
    /// [`Error::Unavailable`] if the system cannot start the threads.
    pub fn new(engine: Arc<Engine>, rule: Rule, options: QueueOptions) -> Result<Self, Error> {
        options.check()?;
        let workers = engine.concurrency();
        let queue = Arc::new(Queue {
            engine,
            rule,
            options,
            state: Mutex::default(),
            work_available: Condvar::new(),
            drained: Condvar::new(),
            capacity_freed: Event::new(),
        });
        let verifier = Verifier(Arc::new(CloseOnDrop(queue.clone())));
        for index in 0..workers {
            let queue = queue.clone();
            thread::Builder::new()
                .name(format!("verilane-queue-{index}"))
                .spawn(move || queue.run_worker())
                .map_err(|error| Error::Unavailable {
                    backend: BackendKind::Cpu,
                    reason: error.to_string(),
                })?;
        }
        Ok(verifier)
    }

    /// Whether a signature is valid. Waits asynchronously until it is accepted, then for the
    /// verdict. If the future is dropped before, the signature is not submitted.
    ///
    /// # Errors
    /// Any [`QueueError`] except [`Full`](QueueError::Full).
    pub async fn verify(
        &self,
        public_key: &[u8; 32],
        signature: &[u8; 64],
        message: &[u8],
    ) -> Result<bool, QueueError> {
        self.submit(public_key, signature, message).await?.await
    }

    /// Whether a signature is valid. Blocks the thread until it is accepted, then until there
    /// is a verdict.
    ///
    /// # Errors
    /// Any [`QueueError`] except [`Full`](QueueError::Full).
    pub fn verify_blocking(
        &self,
        public_key: &[u8; 32],
        signature: &[u8; 64],
        message: &[u8],
    ) -> Result<bool, QueueError> {
        self.submit_blocking(public_key, signature, message)?.wait()
    }

    /// Submits a signature. Waits asynchronously while the queue is full. The ticket gives
    /// the verdict.
    ///
    /// # Errors
    /// [`QueueError::Closed`] or [`QueueError::TooLong`].
    pub async fn submit(
        &self,
        public_key: &[u8; 32],
        signature: &[u8; 64],
        message: &[u8],
    ) -> Result<Ticket, QueueError> {
        let submission = Submission { public_key, signature, message };
        self.queue().retry_until_admitted(|| self.queue().submit(submission)).await
    }

    /// Submits a signature. Blocks the thread while the queue is full. The ticket gives the
    /// verdict.
    ///
    /// # Errors
    /// [`QueueError::Closed`] or [`QueueError::TooLong`].
    pub fn submit_blocking(
        &self,
        public_key: &[u8; 32],
        signature: &[u8; 64],
        message: &[u8],
    ) -> Result<Ticket, QueueError> {
        let submission = Submission { public_key, signature, message };
        loop {
            match self.queue().try_or_listen(|| self.queue().submit(submission)) {
                Ok(result) => return result,
                Err(listener) => listener.wait(),
            }
        }
    }

    /// Submits a signature if the queue is not full.
    ///
    /// # Errors
    /// [`QueueError::Full`], [`QueueError::Closed`] or [`QueueError::TooLong`].
    pub fn try_submit(
        &self,
        public_key: &[u8; 32],
        signature: &[u8; 64],
        message: &[u8],
    ) -> Result<Ticket, QueueError> {
        let result = self.queue().submit(Submission { public_key, signature, message });
        if matches!(result, Err(QueueError::Full)) {
            self.queue().state().stats.refused += 1;
        }
        result
    }

    /// The counters of the queue.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let stats = self.queue().state().stats;
        Stats { depth: stats.accepted - stats.valid - stats.invalid - stats.failed, ..stats }
    }

    /// Closes the queue and blocks until every accepted signature is answered. Callers that
    /// wait to submit, and later ones, get [`QueueError::Closed`].
    pub fn shutdown(&self) {
        let queue = self.queue();
        queue.close();
        let mut state = queue.state();
        while !state.is_drained() {
            state = queue.drained.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn queue(&self) -> &Queue {
        &self.0.0
    }
}

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        // Poisoning can be ignored: no code panics while it holds this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(&self, submission: Submission<'_>) -> Result<Ticket, QueueError> {
        let mut state = self.state();
        state.check_message(submission.message, &self.options)?;
        state.reserve(&self.options)?;
        Ok(self.push(state, submission))
    }

    /// Adds a submission for which the capacity is reserved.
    fn push(&self, mut state: MutexGuard<'_, State>, submission: Submission<'_>) -> Ticket {
        let (ticket, wake_worker) = state.push(submission, &self.options);
        drop(state);
        if wake_worker {
            self.work_available.notify_one();
        }
        ticket
    }

    /// The result of `attempt`; if the queue is full, a listener for freed capacity.
    fn try_or_listen<T>(
        &self,
        attempt: impl Fn() -> Result<T, QueueError>,
    ) -> Result<Result<T, QueueError>, EventListener> {
        match attempt() {
            Err(QueueError::Full) => {}
            result => return Ok(result),
        }
        let listener = self.capacity_freed.listen();
        // Capacity may have been freed before the listener was registered.
        match attempt() {
            Err(QueueError::Full) => Err(listener),
            result => Ok(result),
        }
    }

    /// Repeats `attempt` until its result is not [`QueueError::Full`].
    async fn retry_until_admitted<T>(
        &self,
        attempt: impl Fn() -> Result<T, QueueError>,
    ) -> Result<T, QueueError> {
        loop {
            match self.try_or_listen(&attempt) {
                Ok(result) => return result,
                Err(listener) => listener.await,
            }
        }
    }

    fn close(&self) {
        self.state().close();
        self.work_available.notify_all();
        self.capacity_freed.notify(usize::MAX);
    }
}
