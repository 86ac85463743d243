//! The operations composed into real ledger formats.

pub mod bitcoin;
