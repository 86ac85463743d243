//! Ledgers on the engine: the audit of Bitcoin's blocks, and a ledger of signed
//! records such as health institutions keep.
//!
//! Institutions sign the digest of each record and gather records in signed
//! [`List`]s. A [`Sealer`] verifies the lists, drops records that the chain
//! already holds, and seals [`Block`]s by work or by stake. Peers endorse the
//! blocks, and an [`Anchor`] covers a fixed number of them. [`audit()`] replays a
//! ledger, and a [`RecordProof`] leads from a record to an anchor.

mod address;
mod anchor;
mod audit;
pub mod bitcoin;
mod block;
pub mod cid;
mod election;
pub mod encoding;
pub mod endorsement;
mod failure;
mod frames;
pub mod generate;
mod genesis;
mod header;
pub mod jsonl;
mod keyring;
mod list;
mod proof;
pub mod proof_file;
mod reports;
mod seal;
mod sealer;
mod store;

pub use address::Address;
pub use anchor::Anchor;
pub use audit::{LedgerAudit, OpenError, audit, total_bytes};
pub use block::{Block, BlockList, Entry, Fate};
pub use election::{ReviewKey, Tally, review_key};
pub use failure::{LedgerFailure, LedgerFailureKind, Place};
pub use frames::{FrameError, FrameErrorKind, LedgerFile};
pub use genesis::{Genesis, HASH, SealRule, TREE};
pub use header::{Claim, Header};
pub use keyring::{Ed25519SecretKey, Keyring, P256SecretKey, P256SecretKeyError, SecretKey};
pub use list::{List, SignedRecord, list_message, record_digest};
pub use proof::{ProofError, RecordProof};
pub use seal::Seal;
pub use sealer::{ListReview, RecordFinding, SealError, Sealed, Sealer, Submitted};
pub use store::{Ledger, Store, StoreError};
