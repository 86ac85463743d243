//! The C interface, which `include/verilane.h` declares.
//!
//! # Safety
//!
//! Every pointer must be what its function's documentation says, and nothing else may
//! change or free the memory behind it until the call returns. Each function first
//! checks what it can: null pointers, alignment, sizes beyond the address space,
//! outputs that overlap another buffer, offsets against their buffer, and whether the
//! engine exists. A failure gives a [`Status`] and sets [`verilane_last_error`]. No
//! panic leaves a function.

#![expect(unsafe_code, reason = "pointers of C")]
// C prints nothing by `Debug`.
#![allow(missing_debug_implementations)]
// The crate's documentation and the header's opening state it once for all functions.
#![allow(clippy::missing_safety_doc)]

#[cfg(not(panic = "unwind"))]
compile_error!("a panic must not abort the C program that called: this package needs panic = \"unwind\"");

mod engine;
mod memory;
mod operations;
mod status;

pub use engine::*;
pub use memory::VERILANE_MAX_ITEMS;
pub use operations::*;
pub use status::*;
