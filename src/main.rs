//! The `verilane` command.

fn main() {}
