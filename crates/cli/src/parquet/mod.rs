//! Parquet files: signatures are read from rows, ledgers are written as rows.

#[cfg(not(feature = "parquet"))]
mod absent;
#[cfg(feature = "parquet")]
mod read;
#[cfg(feature = "parquet")]
mod write;

#[cfg(not(feature = "parquet"))]
pub use absent::{read, write};
#[cfg(feature = "parquet")]
pub use read::read;
#[cfg(feature = "parquet")]
pub use write::write;

/// What a Parquet file begins with.
pub const MAGIC: &[u8] = b"PAR1";

/// The number of rows written.
#[derive(Default)]
pub struct Rows {
    /// All of them.
    pub all: u64,
    /// Those with the bytes of their record.
    pub stored: u64,
}
