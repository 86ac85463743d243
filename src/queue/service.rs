//! The queue as a `tower::Service`.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use event_listener::{EventListener, IntoNotification};

use super::state::Item;
use super::{QueueError, Ticket, Verifier};

/// A signature to verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The encoded public key.
    pub public_key: [u8; 32],
    /// The signature.
    pub signature: [u8; 64],
    /// The message that was signed.
    pub message: Vec<u8>,
}

/// A [`Verifier`] as a `tower::Service`, which is ready when it holds a place in
/// the queue.
///
/// A clone has no place yet; one dropped gives its place back. Without a place a
/// call waits for room, as it does where the message is too long for the room left.
pub struct Service {
    verifier: Verifier,
    place: Option<Place>,
    /// What tells of room, while it waits for a place.
    room: Option<EventListener>,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

impl Service {
    /// The service in front of a queue.
    pub fn new(verifier: Verifier) -> Self {
        Service { verifier, place: None, room: None }
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
        while self.place.is_none() {
            if let Some(room) = &mut self.room {
                ready!(Pin::new(room).poll(context));
                self.room = None;
            }
            match self.verifier.shared().or_listen(|| Place::reserve(&self.verifier)) {
                Ok(place) => self.place = Some(place?),
                Err(room) => self.room = Some(room),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (verifier, place) = (self.verifier.clone(), self.place.take());
        Box::pin(async move {
            let Request { public_key, signature, message } = &request;
            let ticket = match place {
                Some(place) => place.submit(Item { public_key, signature, message }).await,
                None => verifier.submit(public_key, signature, message).await,
            };
            ticket?.await
        })
    }
}

/// Room for one signature. Dropped unused, it gives the room back.
struct Place {
    verifier: Verifier,
    used: bool,
}

impl Place {
    fn reserve(verifier: &Verifier) -> Result<Self, QueueError> {
        let shared = verifier.shared();
        shared.state().reserve(&shared.options)?;
        Ok(Place { verifier: verifier.clone(), used: false })
    }

    async fn submit(mut self, item: Item<'_>) -> Result<Ticket, QueueError> {
        let shared = self.verifier.shared();
        let submit = || {
            let state = shared.state();
            state.admit(item.message, &shared.options)?;
            Ok(shared.push(state, item))
        };
        let ticket = shared.when_room(submit).await?;
        self.used = true;
        Ok(ticket)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.used {
            let shared = self.verifier.shared();
            shared.state().release();
            shared.room.notify(1.additional());
        }
    }
}
