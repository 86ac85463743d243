//! The queue as a `tower::Service`.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use event_listener::{EventListener, IntoNotification};

use super::state::Submission;
use super::{QueueError, Ticket, Verifier};

/// A request to verify one signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The public key, encoded as in RFC 8032, section 5.1.2.
    pub public_key: [u8; 32],
    /// The signature `R ‖ S`.
    pub signature: [u8; 64],
    /// The message that was signed.
    pub message: Vec<u8>,
}

/// A [`Verifier`] as a `tower::Service`. It is ready when it holds a permit to submit one
/// signature.
///
/// A clone has no permit; dropping a service returns its permit. A call without a permit
/// waits while the queue is full, and any call waits while there is no capacity for its
/// message.
pub struct Service {
    verifier: Verifier,
    permit: Option<Permit>,
    /// The listener for freed capacity, while the service waits for a permit.
    listener: Option<EventListener>,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

impl Service {
    /// A service on the queue of `verifier`.
    pub fn new(verifier: Verifier) -> Self {
        Service { verifier, permit: None, listener: None }
    }
}

impl Clone for Service {
    fn clone(&self) -> Self {
        Service::new(self.verifier.clone())
    }
}

impl tower_service::Service<Request> for Service {
    type Response = bool;
    type Error = QueueError;
    type Future = Pin<Box<dyn Future<Output = Result<bool, QueueError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), QueueError>> {
        while self.permit.is_none() {
            if let Some(listener) = &mut self.listener {
                ready!(Pin::new(listener).poll(context));
                self.listener = None;
            }
            match self.verifier.queue().try_or_listen(|| Permit::reserve(&self.verifier)) {
                Ok(permit) => self.permit = Some(permit?),
                Err(listener) => self.listener = Some(listener),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (verifier, permit) = (self.verifier.clone(), self.permit.take());
        Box::pin(async move {
            let Request { public_key, signature, message } = &request;
            let ticket = match permit {
                Some(permit) => permit.submit(Submission { public_key, signature, message }).await,
                None => verifier.submit(public_key, signature, message).await,
            };
            ticket?.await
        })
    }
}

/// Reserved capacity for one signature. Returned when dropped unused.
struct Permit {
    verifier: Verifier,
    used: bool,
}

impl Permit {
    fn reserve(verifier: &Verifier) -> Result<Self, QueueError> {
        let queue = verifier.queue();
        queue.state().reserve(&queue.options)?;
        Ok(Permit { verifier: verifier.clone(), used: false })
    }

    async fn submit(mut self, submission: Submission<'_>) -> Result<Ticket, QueueError> {
        let queue = self.verifier.queue();
        let submit = || {
            let state = queue.state();
            state.check_message(submission.message, &queue.options)?;
            Ok(queue.push(state, submission))
        };
        let ticket = queue.retry_until_admitted(submit).await?;
        self.used = true;
        Ok(ticket)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.used {
            let queue = self.verifier.queue();
            queue.state().release();
            queue.capacity_freed.notify(1.additional());
        }
    }
}
