//! Where fresh input comes from.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::index_fixture::IndexFixture;
use super::pools::{EntryPool, SignaturePool};
use super::queues::Queues;
use super::random::RandomStream;

/// Random bytes, and pools that inputs are drawn from.
pub struct Source {
    pub stream: RandomStream,
    pub signatures: SignaturePool,
    pub entries: EntryPool,
    /// Shared with the inputs, which change it.
    pub index: Arc<Mutex<IndexFixture>>,
    pub queues: Arc<Mutex<Queues>>,
}

impl Source {
    /// A source for inputs of at most so many signatures and so many entries, and for an
    /// index of `indexed` records.
    pub fn new(signatures: usize, entries: usize, indexed: u64) -> Self {
        let mut stream = RandomStream::new(0);
        Source {
            signatures: SignaturePool::new(signatures, &mut stream),
            entries: EntryPool::new(entries, &mut stream),
            index: Arc::new(Mutex::new(IndexFixture::new(indexed))),
            queues: Arc::default(),
            stream,
        }
    }
}

/// Locks what inputs share. A panic elsewhere ends the program, so poison is ignored.
pub fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
