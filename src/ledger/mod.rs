//! The operations composed into real ledger formats.
