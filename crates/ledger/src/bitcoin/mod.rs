//! Bitcoin: the audit of blocks in the format of a node's block files.
//!
//! ```
//! use verilane::Engine;
//! use verilane_ledger::bitcoin::BitcoinAuditor;
//!
//! let engine = Engine::new()?;
//! let mut auditor = BitcoinAuditor::new(&engine);
//! let genesis = ::bitcoin::constants::genesis_block(::bitcoin::Network::Bitcoin);
//! auditor.read(&::bitcoin::consensus::serialize(&genesis)[..], |_bytes| ())?;
//! let audit = auditor.finish();
//! assert_eq!((audit.blocks, audit.transactions), (1, 1));
//! assert!(audit.failures.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod audit;
mod batch;
mod checks;
mod layout;
mod links;
mod obfuscation;

pub use audit::{BitcoinAudit, BitcoinAuditor, BitcoinFailure, BitcoinFailureKind, BlockFileError};
pub use obfuscation::{Deobfuscated, ObfuscationKey};
