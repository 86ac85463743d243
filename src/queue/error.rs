//! The errors of the queue.

use std::sync::Arc;

use crate::Error;

/// Why a signature was not accepted or got no verdict. It says nothing about the signature.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// The queue is full, and the call does not wait.
    #[error("the queue is full")]
    Full,
    /// The queue was closed before the signature was accepted.
    #[error("the queue is shut down")]
    Closed,
    /// The message is longer than the queue's capacity for messages.
    #[error("a message of {bytes} bytes is too long: the queue has room for {capacity}")]
    TooLong {
        /// The length of the message in bytes.
        bytes: usize,
        /// The queue's capacity for messages in bytes.
        capacity: usize,
    },
    /// Every back end failed on the batch of the signature.
    #[error(transparent)]
    Engine(Arc<Error>),
    /// A back end panicked on the batch of the signature. Holds the panic's message.
    #[error("a back end panicked: {0}")]
    Panicked(Arc<str>),
}
