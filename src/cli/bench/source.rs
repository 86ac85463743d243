//! Where fresh input comes from.

use std::cell::RefCell;
use std::rc::Rc;

use super::input::{Signed, Stream, Uploads};
use super::queues::Queues;
use super::standing::Standing;

/// Random bytes, and what is made once and drawn from again and again.
pub struct Source {
    pub stream: Stream,
    pub signed: Signed,
    pub uploads: Uploads,
    /// Shared with the inputs, which change it.
    pub standing: Rc<RefCell<Standing>>,
    pub queues: Rc<RefCell<Queues>>,
}

impl Source {
    /// A source for inputs of up to so many signatures and so many entries, and
    /// for an index of `indexed` records.
    pub fn new(signatures: usize, entries: usize, indexed: u64) -> Self {
        let mut stream = Stream::new(0);
        Source {
            signed: Signed::new(signatures, &mut stream),
            uploads: Uploads::new(entries, &mut stream),
            standing: Rc::new(RefCell::new(Standing::new(indexed))),
            queues: Rc::default(),
            stream,
        }
    }
}
