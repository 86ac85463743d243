//! What the queue's one lock guards: the batches that gather, and the room.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ticket::{Round, Ticket};
use super::{QueueError, QueueOptions, Stats};
use crate::ed25519::Batch;

/// A signature on its way in.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    pub public_key: &'a [u8; 32],
    pub signature: &'a [u8; 64],
    pub message: &'a [u8],
}

/// A batch that fills while others are at work.
pub struct Gathering {
    pub batch: Batch<'static>,
    pub round: Arc<Round>,
    since: Instant,
}

/// What a worker does next.
pub enum Next {
    Verify(Gathering),
    /// Look again when something came, or after this time.
    Wait(Option<Duration>),
    Stop,
}

#[derive(Default)]
pub struct State {
    /// In order of arrival; only the last one may have room.
    gathering: VecDeque<Gathering>,
    /// Batches at work.
    in_flight: usize,
    /// Workers that wait.
    pub idle: usize,
    /// Signatures accepted and not answered, and places reserved.
    items: usize,
    /// Bytes of messages accepted and not answered.
    bytes: usize,
    /// Empty batches, whose memory serves again: the system's pages take longer to
    /// get than to fill.
    spare: Vec<Batch<'static>>,
    closed: bool,
    pub stats: Stats,
}

impl State {
    /// Whether there is room for the message.
    pub fn admit(&self, message: &[u8], options: &QueueOptions) -> Result<(), QueueError> {
        let (bytes, capacity) = (message.len(), options.capacity_bytes);
        if bytes > capacity {
            return Err(QueueError::TooLong { bytes, capacity });
        }
        if self.closed {
            return Err(QueueError::Closed);
        }
        if bytes > capacity - self.bytes {
            return Err(QueueError::Full);
        }
        Ok(())
    }

    /// Takes a place for one signature.
    pub fn reserve(&mut self, options: &QueueOptions) -> Result<(), QueueError> {
        if self.closed {
            return Err(QueueError::Closed);
        }
        if self.items >= options.capacity {
            return Err(QueueError::Full);
        }
        self.items += 1;
        Ok(())
    }

    /// Gives a place back that nothing was put into.
    #[cfg(feature = "tower")]
    pub fn release(&mut self) {
        self.items -= 1;
    }

    /// Puts a signature, which was admitted and has a place, into the last batch.
    /// Tells whether an idle worker should look.
    pub fn push(&mut self, item: Item<'_>, options: &QueueOptions) -> (Ticket, bool) {
        if self.gathering.back().is_none_or(|last| last.batch.len() >= options.max_batch) {
            self.gathering.push_back(Gathering::new(self.spare.pop()));
        }
        let last = self.gathering.back_mut().expect("one was added if there was none");
        let ticket = Ticket::new(last.round.clone(), last.batch.len());
        last.batch.push(item.public_key, item.signature, item.message);
        let size = last.batch.len();
        self.bytes += item.message.len();
        self.stats.accepted += 1;
        (ticket, self.idle > 0 && (size == 1 || size == options.max_batch))
    }

    /// The oldest batch goes at once if no other is at work; else when it is full
    /// or has waited long enough for company.
    pub fn next(&mut self, options: &QueueOptions) -> Next {
        let Some(oldest) = self.gathering.front() else {
            return if self.closed { Next::Stop } else { Next::Wait(None) };
        };
        let is_full = oldest.batch.len() >= options.max_batch;
        if self.in_flight > 0 && !is_full && !self.closed {
            let left = options.max_delay.saturating_sub(oldest.since.elapsed());
            if !left.is_zero() {
                return Next::Wait(Some(left));
            }
        }
        let oldest = self.gathering.pop_front().expect("there is one");
        self.in_flight += 1;
        Next::Verify(oldest)
    }

    /// Whether a batch waits that an idle worker should look at.
    pub fn calls_for_another(&self) -> bool {
        self.idle > 0 && !self.gathering.is_empty()
    }

    /// A batch is done: its places are free. Its memory is kept, but for no more
    /// batches than there were at work.
    pub fn finish(&mut self, mut batch: Batch<'static>) {
        self.in_flight -= 1;
        self.items -= batch.len();
        self.bytes -= batch.messages().total_bytes() as usize;
        if self.spare.len() <= self.in_flight {
            batch.clear();
            self.spare.push(batch);
        }
    }

    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Whether everything accepted is answered.
    pub fn is_drained(&self) -> bool {
        self.in_flight == 0 && self.gathering.is_empty()
    }
}

impl Gathering {
    fn new(spare: Option<Batch<'static>>) -> Self {
        let batch = spare.unwrap_or_else(|| Batch::with_capacity(0));
        Gathering { batch, round: Arc::default(), since: Instant::now() }
    }
}
