//! The operations composed into real ledger formats.

pub mod bitcoin;

mod address;
pub mod endorsement;

pub use address::Address;
