//! The status of a call, and the message of one that fails.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use verilane::Error;

/// How a call ended. Unless it is `VERILANE_STATUS_OK`, no output was written, and
/// `verilane_last_error` says what was wrong and what would be valid. Only
/// `VERILANE_STATUS_CAPACITY` comes with an output: the length needed.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Status {
    /// The outputs hold the answer.
    Ok = 0,
    /// The engine was never created, or was freed.
    Engine = 1,
    /// A pointer is null, but its length is not zero.
    Null = 2,
    /// A pointer is not aligned for its type.
    Misaligned = 3,
    /// An output overlaps an input or another output.
    Overlap = 4,
    /// A length is above `VERILANE_MAX_ITEMS`, or exceeds the address space.
    Length = 5,
    /// Offsets decrease, or lie past the end of their buffer.
    Offsets = 6,
    /// A value is not valid for the call.
    Argument = 7,
    /// The output is too small. The length needed was written.
    Capacity = 8,
    /// The back end asked for is not available on this machine.
    Unavailable = 9,
    /// Every back end that could serve the call faulted, and there is no result.
    Fault = 10,
    /// A defect of the library itself.
    Panic = 11,
}

/// The status and the message of a call that failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub status: Status,
    pub message: String,
}

impl Failure {
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Failure { status, message: message.into() }
    }

    fn of_panic(panic: &(dyn Any + Send)) -> Self {
        let message = text_of(panic).unwrap_or("no message");
        Failure::new(Status::Panic, format!("verilane has a defect: {message}"))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match error {
            Error::Offsets { .. } => Status::Offsets,
            Error::TooMany { .. } => Status::Length,
            Error::Unavailable { .. } => Status::Unavailable,
            Error::Fault(_) => Status::Fault,
            _ => Status::Argument,
        };
        Failure::new(status, error.to_string())
    }
}

/// The panic's message, if it is text.
fn text_of(panic: &(dyn Any + Send)) -> Option<&str> {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
}

thread_local! {
    static LAST_ERROR: RefCell<CString> = RefCell::default();
}

/// The message of this thread's last call that did not end with `VERILANE_STATUS_OK`:
/// NUL-terminated UTF-8, empty if no call has failed. Calls that succeed do not change
/// it.
///
/// The library owns the text, which is valid until the thread's next call fails or the
/// thread ends. Where a runtime moves calls between threads, as Go's does, lock the
/// thread from the failing call to this one.
#[unsafe(no_mangle)]
pub extern "C" fn verilane_last_error() -> *const c_char {
    // While a thread ends, its message may be dropped before its last call.
    LAST_ERROR.try_with(|last| last.borrow().as_ptr()).unwrap_or(c"".as_ptr())
}

/// Runs `work`. A failure or a panic becomes the thread's last error.
pub(super) fn guard(work: impl FnOnce() -> Result<(), Failure>) -> Status {
    let failure = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => return Status::Ok,
        Ok(Err(failure)) => failure,
        Err(panic) => Failure::of_panic(panic.as_ref()),
    };
    set_last_error(&failure.message);
    failure.status
}

fn set_last_error(message: &str) {
    let text = to_c_string(message);
    // It fails only while the thread ends, when no one reads it any more.
    let _ = LAST_ERROR.try_with(|last| *last.borrow_mut() = text);
}

/// The text with each NUL, which would end it early, replaced by a question mark.
fn to_c_string(text: &str) -> CString {
    CString::new(text.replace('\0', "?")).expect("it contains no NUL")
}

/// Copies `text` into `out`, NUL-terminated and truncated to whole characters.
pub(super) fn copy_text(text: &str, out: &mut [c_char]) {
    let text = to_c_string(&text[..text.floor_char_boundary(out.len() - 1)]);
    for (place, &byte) in out.iter_mut().zip(text.as_bytes_with_nul()) {
        *place = byte as c_char;
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    fn last_error() -> String {
        // SAFETY: the text is valid until the next call fails.
        unsafe { CStr::from_ptr(verilane_last_error()) }.to_str().unwrap().into()
    }

    #[test]
    fn panics_become_a_status_and_a_message() {
        assert_eq!(last_error(), "");
        assert_eq!(guard(|| panic!("lane {} is gone", 3)), Status::Panic);
        assert_eq!(last_error(), "verilane has a defect: lane 3 is gone");
        assert_eq!(guard(|| std::panic::panic_any(7)), Status::Panic);
        assert_eq!(last_error(), "verilane has a defect: no message");
        assert_eq!(guard(|| Err(Failure::new(Status::Length, "a\0b"))), Status::Length);
        assert_eq!(guard(|| Ok(())), Status::Ok);
        assert_eq!(last_error(), "a?b");
        std::thread::spawn(|| assert_eq!(last_error(), "")).join().unwrap();
    }

    #[test]
    fn text_is_truncated_to_whole_characters() {
        for (text, expected) in [("abc", "abc"), ("abcdefgh", "abcdefg"), ("abcdefé", "abcdef"), ("", "")] {
            let mut out = [0x7f; 8];
            copy_text(text, &mut out);
            let bytes = out.map(|byte| byte as u8);
            assert_eq!(CStr::from_bytes_until_nul(&bytes).unwrap().to_str(), Ok(expected));
        }
    }
}
