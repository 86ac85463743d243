//! Messages of caught panics.

use std::any::Any;

/// The message of a caught panic, if its payload is text.
pub fn message(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}
