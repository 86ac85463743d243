//! Queues in front of back ends, and the threads that bring signatures one by one.

use std::sync::Arc;
use std::thread;

use verilane::ed25519::Batch;
use verilane::queue::{Options, QueueError, Ticket, Verifier};
use verilane::{Backend, Engine, Error, Fault};

use super::input::QUEUE_RULE;

/// Threads that hand in signatures.
const SUBMITTERS: usize = 4;

/// A queue for each back end.
#[derive(Default)]
pub struct Queues(Vec<(Arc<dyn Backend>, Verifier)>);

impl Queues {
    /// The queue in front of the back end, which is made once.
    pub fn of(&mut self, backend: &Arc<dyn Backend>) -> Result<Verifier, Fault> {
        if let Some((_, verifier)) = self.0.iter().find(|(known, _)| Arc::ptr_eq(known, backend)) {
            return Ok(verifier.clone());
        }
        let verifier = Engine::with_backends(vec![backend.clone()])
            .and_then(|engine| Verifier::new(Arc::new(engine), QUEUE_RULE, Options::default()))
            .map_err(|error| fault(&error))?;
        self.0.push((backend.clone(), verifier.clone()));
        Ok(verifier)
    }
}

/// Hands in signature `index` of `batch` once there is room.
pub fn submit(verifier: &Verifier, batch: &Batch<'_>, index: usize) -> Result<Ticket, Fault> {
    let (key, signature) = (&batch.keys()[index], &batch.signatures()[index]);
    verifier.submit_blocking(key, signature, batch.messages().get(index)).map_err(queue_fault)
}

/// The verdict on each signature of `batch`, brought one by one by some threads.
pub fn one_by_one(verifier: &Verifier, batch: &Batch<'_>) -> Result<Vec<bool>, Fault> {
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

pub fn queue_fault(error: QueueError) -> Fault {
    match error {
        QueueError::Engine(error) => fault(&error),
        error => Fault::Start(error.to_string()),
    }
}

fn fault(error: &Error) -> Fault {
    match error {
        Error::Fault(fault) => fault.clone(),
        error => Fault::Start(error.to_string()),
    }
}
