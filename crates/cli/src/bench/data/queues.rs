//! Queues in front of back ends.

use std::sync::Arc;

use verilane::queue::{QueueError, QueueOptions, Verifier};
use verilane::{Backend, Engine, Error, Fault};

use super::recipe::QUEUE_RULE;

/// A queue for each back end.
#[derive(Default)]
pub struct Queues(Vec<(Arc<dyn Backend>, Verifier)>);

impl Queues {
    /// The queue in front of the back end, made on the first call.
    pub fn of(&mut self, backend: &Arc<dyn Backend>) -> Result<Verifier, Fault> {
        if let Some((_, verifier)) = self.0.iter().find(|(known, _)| Arc::ptr_eq(known, backend)) {
            return Ok(verifier.clone());
        }
        let verifier = Engine::with_backends(vec![backend.clone()])
            .and_then(|engine| Verifier::new(Arc::new(engine), QUEUE_RULE, QueueOptions::default()))
            .map_err(|error| engine_fault(&error))?;
        self.0.push((backend.clone(), verifier.clone()));
        Ok(verifier)
    }
}

/// A queue's error as the fault of its back end.
pub fn queue_fault(error: QueueError) -> Fault {
    match error {
        QueueError::Engine(error) => engine_fault(&error),
        error => Fault::Start(error.to_string()),
    }
}

fn engine_fault(error: &Error) -> Fault {
    match error {
        Error::Fault(fault) => fault.clone(),
        error => Fault::Start(error.to_string()),
    }
}
