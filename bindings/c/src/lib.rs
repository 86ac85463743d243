//! The C interface, which `include/verilane.h` declares.
//!
//! Functions are called from C and unsafe in Rust: pointers must be what their
//! documentation says, and the memory behind them must neither change nor be freed
//! by anybody else until the call returns. What can be checked of that is checked
//! first: null pointers, alignment, sizes past the address space, outputs that
//! overlap anything else, offsets against their buffer, and whether an engine
//! lives. What fails is told by a [`Status`] and [`verilane_last_error`]; no panic
//! leaves a function.

// C prints nothing by `Debug`.
#![allow(missing_debug_implementations)]
// The module's documentation and the header's opening say it once for all functions.
#![allow(clippy::missing_safety_doc)]

#[cfg(not(panic = "unwind"))]
compile_error!("a panic must not end the C program that called: this package needs panic = \"unwind\"");

mod engine;
mod memory;
mod operations;
mod status;

pub use engine::*;
pub use memory::VERILANE_MAX_ITEMS;
pub use operations::*;
pub use status::*;
