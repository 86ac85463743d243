//! How calls end, and what is said of those that fail.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use verilane::Error;

/// How a call ended. Unless it is `VERILANE_STATUS_OK`, no output was written, and
/// `verilane_last_error` says what was wrong and what would be valid.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Status {
    /// The outputs hold the answer.
    Ok = 0,
    /// There is no such engine, or it was freed.
    Engine = 1,
    /// A pointer is null and its length is not zero.
    Null = 2,
    /// A pointer is not aligned for what it points to.
    Misaligned = 3,
    /// An output shares bytes with an input or with another output.
    Overlap = 4,
    /// A length is above `VERILANE_MAX_ITEMS`, or reaches past the address space.
    Length = 5,
    /// Offsets run backwards or past the end of their buffer.
    Offsets = 6,
    /// A value that the call cannot take.
    Argument = 7,
    /// The output is too small; the length it needs was written.
    Capacity = 8,
    /// The back end asked for cannot be had on this machine.
    Unavailable = 9,
    /// Every back end that could serve the call failed; nothing is known of its result.
    Fault = 10,
    /// A defect of the library itself.
    Panic = 11,
}

/// A call that failed: its status, and what is said of it.
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

/// The text that a panic came with, if it was text.
fn text_of(panic: &(dyn Any + Send)) -> Option<&str> {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
}

thread_local! {
    static LAST_ERROR: RefCell<CString> = RefCell::default();
}

/// What was wrong with the last call of this thread that did not end with
/// `VERILANE_STATUS_OK`: UTF-8, ended by a zero byte, empty if every call was in
/// order. Calls that succeed leave it as it is.
///
/// The text belongs to the library and lives until the next call of this thread
/// fails, or until the thread ends. Where calls move between threads, as Go's do,
/// keep the thread from the call to this one.
#[unsafe(no_mangle)]
pub extern "C" fn verilane_last_error() -> *const c_char {
    // While a thread ends, its message may be gone before its last call.
    LAST_ERROR.try_with(|last| last.borrow().as_ptr()).unwrap_or(c"".as_ptr())
}

/// Runs `work`; what it refuses, and what it panics with, becomes the thread's last error.
pub(super) fn guard(work: impl FnOnce() -> Result<(), Failure>) -> Status {
    let failure = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => return Status::Ok,
        Ok(Err(failure)) => failure,
        Err(panic) => Failure::of_panic(panic.as_ref()),
    };
    remember(&failure.message);
    failure.status
}

fn remember(message: &str) {
    let text = to_c_string(message);
    // A thread that ends has nobody left to read it.
    let _ = LAST_ERROR.try_with(|last| *last.borrow_mut() = text);
}

/// Text from outside may hold zero bytes, which would end it early.
fn to_c_string(text: &str) -> CString {
    CString::new(text.replace('\0', "?")).expect("it holds no zero byte")
}

/// Copies `text` into `out`, which ends with a zero byte; what is too long is cut
/// after a whole character.
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
        // SAFETY: the text lives until the next call fails.
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
    fn text_is_cut_after_a_whole_character() {
        for (text, expected) in [("abc", "abc"), ("abcdefgh", "abcdefg"), ("abcdefé", "abcdef"), ("", "")] {
            let mut out = [0x7f; 8];
            copy_text(text, &mut out);
            let bytes = out.map(|byte| byte as u8);
            assert_eq!(CStr::from_bytes_until_nul(&bytes).unwrap().to_str(), Ok(expected));
        }
    }
}
