//! Signatures that threads submit to a queue one at a time.

use std::thread;

use verilane::Fault;
use verilane::queue::{Ticket, Verifier};
use verilane::signature::Batch;

use crate::bench::data::queues::queue_fault;

/// Threads that submit signatures.
const SUBMITTERS: usize = 4;

/// Submits signature `index` of `batch` once there is room.
pub fn submit(verifier: &Verifier, batch: &Batch<'_>, index: usize) -> Result<Ticket, Fault> {
    let (key, signature) = (&batch.keys()[index], &batch.signatures()[index]);
    verifier.submit_blocking(key, signature, batch.messages().get(index)).map_err(queue_fault)
}

/// The verdict on each signature of `batch`, which several threads submit one at a time.
pub fn verify_one_by_one(verifier: &Verifier, batch: &Batch<'_>) -> Result<Vec<bool>, Fault> {
    let share = batch.len().div_ceil(SUBMITTERS).max(1);
    thread::scope(|scope| {
        let submitters = (0..batch.len()).step_by(share).map(|start| {
            let end = batch.len().min(start + share);
            scope.spawn(move || {
                let tickets: Vec<_> =
                    (start..end).map(|index| submit(verifier, batch, index)).collect::<Result<_, _>>()?;
                tickets.into_iter().map(|ticket| ticket.wait().map_err(queue_fault)).collect()
            })
        });
        let submitters: Vec<_> = submitters.collect();
        let shares = submitters.into_iter().map(|submitter| submitter.join().expect("it does not panic"));
        Ok(shares.collect::<Result<Vec<Vec<_>>, _>>()?.concat())
    })
}
