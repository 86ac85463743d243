//! The state of the queue behind its lock: pending batches and capacity.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ticket::{BatchResult, Ticket};
use super::{QueueError, QueueOptions, Stats};
use crate::signature::Batch;

/// A signature to submit.
#[derive(Clone, Copy)]
pub struct Submission<'a> {
    pub public_key: &'a [u8; 32],
    pub signature: &'a [u8; 64],
    pub message: &'a [u8],
}

/// A batch that waits for a worker. The last one may still grow.
pub struct PendingBatch {
    pub batch: Batch<'static>,
    pub result: Arc<BatchResult>,
    created: Instant,
}

/// What a worker does next.
pub enum NextStep {
    Verify(PendingBatch),
    /// Wait until notified, at most this long if given.
    Wait(Option<Duration>),
    Stop,
}

#[derive(Default)]
pub struct State {
    /// In order of arrival; all but the last are full.
    pending: VecDeque<PendingBatch>,
    /// The number of batches that workers are verifying.
    in_flight: usize,
    /// The number of workers that wait.
    pub idle_workers: usize,
    /// Signatures that are accepted and not answered, or for which capacity is reserved.
    reserved: usize,
    /// The total length of messages that are accepted and not answered, in bytes.
    message_bytes: usize,
    /// Empty batches for reuse: allocating fresh pages takes longer than filling them.
    spare: Vec<Batch<'static>>,
    closed: bool,
    pub stats: Stats,
}

impl State {
    /// Whether the queue is open and has capacity for `message`.
    pub fn check_message(&self, message: &[u8], options: &QueueOptions) -> Result<(), QueueError> {
        let (bytes, capacity) = (message.len(), options.capacity_bytes);
        if bytes > capacity {
            return Err(QueueError::TooLong { bytes, capacity });
        }
        if self.closed {
            return Err(QueueError::Closed);
        }
        if bytes > capacity - self.message_bytes {
            return Err(QueueError::Full);
        }
        Ok(())
    }

    /// Reserves capacity for one signature.
    pub fn reserve(&mut self, options: &QueueOptions) -> Result<(), QueueError> {
        if self.closed {
            return Err(QueueError::Closed);
        }
        if self.reserved >= options.capacity {
            return Err(QueueError::Full);
        }
        self.reserved += 1;
        Ok(())
    }

    /// Returns reserved capacity that was not used.
    #[cfg(feature = "tower")]
    pub fn release(&mut self) {
        self.reserved -= 1;
    }

    /// Appends a signature whose message was checked and whose capacity is reserved to the
    /// last batch. Also returns whether to wake an idle worker.
    pub fn push(&mut self, submission: Submission<'_>, options: &QueueOptions) -> (Ticket, bool) {
        if self.pending.back().is_none_or(|last| last.batch.len() >= options.max_batch) {
            self.pending.push_back(PendingBatch::new(self.spare.pop()));
        }
        let last = self.pending.back_mut().expect("one was added if there was none");
        let ticket = Ticket::new(last.result.clone(), last.batch.len());
        last.batch.push(submission.public_key, submission.signature, submission.message);
        let size = last.batch.len();
        self.message_bytes += submission.message.len();
        self.stats.accepted += 1;
        (ticket, self.idle_workers > 0 && (size == 1 || size == options.max_batch))
    }

    /// The next step of a worker. The oldest batch is verified at once if no other is being
    /// verified; otherwise when it is full or the maximum delay has passed.
    pub fn next_step(&mut self, options: &QueueOptions) -> NextStep {
        let Some(oldest) = self.pending.front() else {
            return if self.closed { NextStep::Stop } else { NextStep::Wait(None) };
        };
        let is_full = oldest.batch.len() >= options.max_batch;
        if self.in_flight > 0 && !is_full && !self.closed {
            let remaining = options.max_delay.saturating_sub(oldest.created.elapsed());
            if !remaining.is_zero() {
                return NextStep::Wait(Some(remaining));
            }
        }
        let oldest = self.pending.pop_front().expect("there is one");
        self.in_flight += 1;
        NextStep::Verify(oldest)
    }

    /// Whether there is a batch for an idle worker.
    pub fn needs_another_worker(&self) -> bool {
        self.idle_workers > 0 && !self.pending.is_empty()
    }

    /// Frees the capacity of a verified batch. Keeps its memory, but that of no more batches
    /// than workers were verifying.
    pub fn finish(&mut self, mut batch: Batch<'static>) {
        self.in_flight -= 1;
        self.reserved -= batch.len();
        self.message_bytes -= batch.messages().total_bytes() as usize;
        if self.spare.len() <= self.in_flight {
            batch.clear();
            self.spare.push(batch);
        }
    }

    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Whether every accepted signature is answered.
    pub fn is_drained(&self) -> bool {
        self.in_flight == 0 && self.pending.is_empty()
    }
}

impl PendingBatch {
    fn new(spare: Option<Batch<'static>>) -> Self {
        let batch = spare.unwrap_or_else(|| Batch::with_capacity(0));
        PendingBatch { batch, result: Arc::default(), created: Instant::now() }
    }
}
