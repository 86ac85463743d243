//! Where fresh input comes from.

use std::sync::{Arc, Mutex};

use super::input::{Signed, Stream, Uploads};
use super::queues::Queues;
use super::standing::Standing;

/// Random bytes, and what is made once and drawn from again and again.
pub struct Source {
    pub stream: Stream,
    pub signed: Signed,
    pub uploads: Uploads,
    /// Shared with the inputs, which change it.
    pub standing: Arc<Mutex<Standing>>,
    pub queues: Arc<Mutex<Queues>>,
}

impl Source {
    /// A source for inputs of up to so many signatures and so many entries, and
    /// for an index of `indexed` records.
    pub fn new(signatures: usize, entries: usize, indexed: u64) -> Self {
        let mut stream = Stream::new(0);
        Source {
            signed: Signed::new(signatures, &mut stream),
            uploads: Uploads::new(entries, &mut stream),
            standing: Arc::new(Mutex::new(Standing::new(indexed))),
            queues: Arc::default(),
            stream,
        }
    }
}
