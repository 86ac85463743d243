//! The `verilane` command, run from outside: real and bad input, exit codes, JSON.
//!
//! One executable for all of it, since each links the whole engine.

mod audit;
mod bench;
mod cid;
mod cost;
mod dedup;
mod dedup_canonical;
mod dedup_chunks;
mod dedup_index;
mod devices;
mod ledger;
mod merkle;
mod mine;
#[cfg(feature = "parquet")]
mod parquet;
mod shell;
mod support;
mod usage;
mod verify;
