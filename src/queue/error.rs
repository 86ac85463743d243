//! Why a signature got no verdict.

use std::sync::Arc;

use crate::Error;

/// Why a signature was not taken, or got no verdict. It says nothing of the
/// signature itself.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// There is no room, and the caller did not want to wait.
    #[error("the queue is full")]
    Full,
    /// The queue was shut down before the signature came.
    #[error("the queue is shut down")]
    Closed,
    /// The message alone is larger than the queue's room.
    #[error("a message of {bytes} bytes is too long: the queue has room for {capacity}")]
    TooLong {
        /// The message's length in bytes.
        bytes: usize,
        /// The queue's room for messages, in bytes.
        capacity: usize,
    },
    /// Every back end failed on the signature's batch.
    #[error(transparent)]
    Engine(Arc<Error>),
    /// A back end panicked over the signature's batch.
    #[error("a back end panicked: {0}")]
    Panicked(Arc<str>),
}
