//! Verification for callers that have one signature at a time.
//!
//! A [`Verifier`] gathers signatures from any number of threads and tasks into
//! batches for the [`Engine`], and gives each caller its own verdict. Batches form
//! on backlog only: an idle queue verifies what comes at once, and what comes
//! meanwhile makes up the next batch. So a batch is as large as the load demands,
//! and no larger.
//!
//! ```
//! use std::sync::Arc;
//! use verilane::Engine;
//! use verilane::ed25519::Rule;
//! use verilane::queue::{QueueOptions, Verifier};
//!
//! let verifier = Verifier::new(Arc::new(Engine::new()?), Rule::Strict, QueueOptions::default())?;
//!
//! // From a thread, or from a task of any executor.
//! let valid = verifier.verify_blocking(&[0; 32], &[0; 64], b"signed by nobody")?;
//! assert!(!valid);
//! let valid = pollster::block_on(verifier.verify(&[0; 32], &[0; 64], b"nor this"))?;
//! assert!(!valid);
//!
//! // Many at once: first all in, then their verdicts.
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
//! With the feature `tower`, `Service` is a `tower::Service` on a queue.
//!
//! A queue holds what its [`QueueOptions`] allow: beyond that, tasks and threads wait for
//! room, and [`Verifier::try_submit`] refuses. Who waits longest is not always let in
//! first.
//!
//! Every signature accepted is answered once, by a verdict or by an error: also
//! when a device faults (the engine verifies the batch again on the next back end),
//! when a back end panics, when other callers give up, and when the queue is shut
//! down.

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

use crate::ed25519::{Rule, Verdicts};
use crate::{BackendKind, Engine, Error, Outcome};
use state::{Item, State};

/// The bounds of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueOptions {
    /// Signatures in a batch, at most.
    pub max_batch: usize,
    /// How long a signature waits at most for company while other batches are at
    /// work; after that only for a free thread. Zero gives the shortest latency;
    /// longer saves processor time, since few signatures cost as much as one. An
    /// idle queue never waits.
    pub max_delay: Duration,
    /// Signatures accepted and not yet answered, at most.
    pub capacity: usize,
    /// The bytes of their messages together, at most.
    pub capacity_bytes: usize,
}

impl Default for QueueOptions {
    /// 16,384 signatures in a batch, no delay, room for 65,536 signatures over
    /// 64 MiB of messages.
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

/// What a queue has done, and what it holds.
///
/// `accepted` is `depth`, `valid`, `invalid` and `failed` together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Signatures accepted and not yet answered.
    pub depth: u64,
    /// Signatures accepted since the start.
    pub accepted: u64,
    /// Signatures found valid.
    pub valid: u64,
    /// Signatures found invalid.
    pub invalid: u64,
    /// Signatures that got an error instead of a verdict.
    pub failed: u64,
    /// Signatures refused by [`Verifier::try_submit`] since the queue was full.
    pub refused: u64,
    /// Batches answered.
    pub batches: u64,
    /// The size of the largest of them.
    pub largest_batch: usize,
    /// Back ends that faulted over a batch which the next one then verified.
    pub passed_over: u64,
}

impl Stats {
    fn count(&mut self, size: usize, answer: &Result<Outcome<Verdicts>, QueueError>) {
        self.batches += 1;
        self.largest_batch = self.largest_batch.max(size);
        match answer {
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

/// Gathers single signatures into batches and gives each caller its own verdict.
///
/// Clones share the queue. When the last one is dropped, the queue takes nothing
/// more, and what it has accepted is still answered.
#[derive(Clone)]
pub struct Verifier(Arc<Open>);

/// Closes the queue when the last clone of a [`Verifier`] is dropped.
struct Open(Arc<Shared>);

/// What verifiers and workers share.
struct Shared {
    engine: Arc<Engine>,
    rule: Rule,
    options: QueueOptions,
    state: Mutex<State>,
    /// A worker should look: something came.
    work: Condvar,
    /// Everything accepted is answered.
    drained: Condvar,
    /// There is room again.
    room: Event,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Verifier {
    /// A queue in front of `engine`, under `rule`, with as many worker threads as
    /// the engine's first back end computes on.
    ///
    /// # Errors
    /// [`Error::Parameter`] if an option is zero that must not be;
    /// [`Error::Unavailable`] if the system starts no threads.
    pub fn new(engine: Arc<Engine>, rule: Rule, options: QueueOptions) -> Result<Self, Error> {
        options.check()?;
        let workers = engine.concurrency();
        let shared = Arc::new(Shared {
            engine,
            rule,
            options,
            state: Mutex::default(),
            work: Condvar::new(),
            drained: Condvar::new(),
            room: Event::new(),
        });
        let verifier = Verifier(Arc::new(Open(shared.clone())));
        for index in 0..workers {
            let shared = shared.clone();
            thread::Builder::new()
                .name(format!("verilane-queue-{index}"))
                .spawn(move || shared.work())
                .map_err(|error| Error::Unavailable {
                    backend: BackendKind::Cpu,
                    reason: error.to_string(),
                })?;
        }
        Ok(verifier)
    }

    /// Whether a signature is valid, for a task. It waits for room, then for the
    /// verdict; dropped while it waits for room, it leaves nothing behind.
    ///
    /// # Errors
    /// [`QueueError`], but not [`Full`](QueueError::Full).
    pub async fn verify(
        &self,
        public_key: &[u8; 32],
        signature: &[u8; 64],
        message: &[u8],
    ) -> Result<bool, QueueError> {
        self.submit(public_key, signature, message).await?.await
    }

    /// Whether a signature is valid, for a thread: it blocks until there is room,
    /// and then until there is a verdict.
    ///
    /// # Errors
    /// [`QueueError`], but not [`Full`](QueueError::Full).
    pub fn verify_blocking(
        &self,
        public_key: &[u8; 32],
        signature: &[u8; 64],
        message: &[u8],
    ) -> Result<bool, QueueError> {
        self.submit_blocking(public_key, signature, message)?.wait()
    }

    /// Hands in a signature once there is room, for a task that will ask for the
    /// verdict later.
    ///
    /// # Errors
    /// [`QueueError::Closed`] or [`QueueError::TooLong`].
    pub async fn submit(
        &self,
        public_key: &[u8; 32],
        signature: &[u8; 64],
        message: &[u8],
    ) -> Result<Ticket, QueueError> {
        let item = Item { public_key, signature, message };
        self.shared().when_room(|| self.shared().submit(item)).await
    }

    /// Hands in a signature once there is room, for a thread that will ask for the
    /// verdict later.
    ///
    /// # Errors
    /// [`QueueError::Closed`] or [`QueueError::TooLong`].
    pub fn submit_blocking(
        &self,
        public_key: &[u8; 32],
        signature: &[u8; 64],
        message: &[u8],
    ) -> Result<Ticket, QueueError> {
        let item = Item { public_key, signature, message };
        loop {
            match self.shared().or_listen(|| self.shared().submit(item)) {
                Ok(result) => return result,
                Err(room) => room.wait(),
            }
        }
    }

    /// Hands in a signature if there is room now.
    ///
    /// # Errors
    /// [`QueueError::Full`], [`QueueError::Closed`] or [`QueueError::TooLong`].
    pub fn try_submit(
        &self,
        public_key: &[u8; 32],
        signature: &[u8; 64],
        message: &[u8],
    ) -> Result<Ticket, QueueError> {
        let result = self.shared().submit(Item { public_key, signature, message });
        if matches!(result, Err(QueueError::Full)) {
            self.shared().state().stats.refused += 1;
        }
        result
    }

    /// What the queue has done, and what it holds.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let stats = self.shared().state().stats;
        Stats { depth: stats.accepted - stats.valid - stats.invalid - stats.failed, ..stats }
    }

    /// Takes nothing more, and blocks until everything accepted is answered. Who
    /// waits for room, and who comes later, gets [`QueueError::Closed`].
    pub fn shutdown(&self) {
        let shared = self.shared();
        shared.close();
        let mut state = shared.state();
        while !state.is_drained() {
            state = shared.drained.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn shared(&self) -> &Shared {
        &self.0.0
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that panics runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(&self, item: Item<'_>) -> Result<Ticket, QueueError> {
        let mut state = self.state();
        state.admit(item.message, &self.options)?;
        state.reserve(&self.options)?;
        Ok(self.push(state, item))
    }

    fn push(&self, mut state: MutexGuard<'_, State>, item: Item<'_>) -> Ticket {
        let (ticket, calls_worker) = state.push(item, &self.options);
        drop(state);
        if calls_worker {
            self.work.notify_one();
        }
        ticket
    }

    /// What `attempt` gives; or, if the queue is full, what tells of room.
    fn or_listen<T>(
        &self,
        attempt: impl Fn() -> Result<T, QueueError>,
    ) -> Result<Result<T, QueueError>, EventListener> {
        match attempt() {
            Err(QueueError::Full) => {}
            result => return Ok(result),
        }
        let room = self.room.listen();
        // Room that came before it listened was told to nobody.
        match attempt() {
            Err(QueueError::Full) => Err(room),
            result => Ok(result),
        }
    }

    /// What `attempt` gives once the queue is not too full for it.
    async fn when_room<T>(&self, attempt: impl Fn() -> Result<T, QueueError>) -> Result<T, QueueError> {
        loop {
            match self.or_listen(&attempt) {
                Ok(result) => return result,
                Err(room) => room.await,
            }
        }
    }

    fn close(&self) {
        self.state().close();
        self.work.notify_all();
        self.room.notify(usize::MAX);
    }
}
