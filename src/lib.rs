//! The four heavy jobs of a ledger node - batch Merkle roots, batch Ed25519
//! verification, duplicate detection and nonce search - on a GPU through WGSL
//! compute shaders and on the CPU in SIMD lanes, with identical answers.
//!
//! An [`Engine`] runs each call on one of its back ends; an [`Outcome`] holds the
//! answer and a report of where it was computed.
//!
//! ```
//! use verilane::{Engine, Hash, Records, Tree, TreeHash, ed25519, pow, signature};
//!
//! let engine = Engine::new()?;
//!
//! // Digests of many records.
//! let records = Records::from_slices(["alpha", "beta", "alpha"]);
//! let digests = engine.hash(Hash::Blake3, &records)?;
//!
//! // Which records repeat an earlier one?
//! let first_occurrences = engine.first_occurrences(&digests)?;
//! assert_eq!(first_occurrences.as_slice(), [0, 1, 0]);
//!
//! // A root, and a proof that leaf 1 is in the tree.
//! let tree = Tree::Rfc6962(TreeHash::Sha256);
//! let leaves = engine.merkle_leaves(tree, &records)?;
//! let root = engine.merkle_root(tree, &leaves)?;
//! let proof = engine.merkle_proof(tree, &leaves, 1)?;
//! assert!(proof.verify(&leaves[1], &root.digest));
//!
//! // A verdict for each signature, under the acceptance rule that the caller names.
//! let mut batch = signature::Batch::with_capacity(1);
//! batch.push(&[0; 32], &[0; 64], b"signed by nobody");
//! let verdicts = engine.verify(ed25519::Rule::Strict, &batch)?;
//! assert_eq!(verdicts.invalid().collect::<Vec<_>>(), [0]);
//!
//! // The lowest nonce whose header meets a target.
//! let target = pow::Target::from_bits(0x207f_ffff)?;
//! let found = engine.search(&pow::Puzzle::bitcoin(&[0; 80], target), 0..=u32::MAX)?;
//! assert!(found.is_some());
//! # Ok::<(), verilane::Error>(())
//! ```
//!
//! Features: `gpu` (the WGSL back end, on by default), `index` (the persistent index
//! of what was seen), `queue` (batches out of single signatures), `tower` (the queue as a
//! `tower::Service`) and `serde` (serialization of what a caller stores or sends).
//!
//! `unsafe` code is confined to the SIMD lanes of [`cpu`] and to shader compilation and caching.

#[cfg(feature = "gpu")]
mod auto;
pub mod backend;
pub mod calibration;
pub mod cpu;
#[cfg(feature = "gpu")]
pub mod crossover;
pub mod dedup;
mod engine;
pub mod entries;
mod error;
#[cfg(feature = "gpu")]
pub mod gpu;
mod hash;
mod known_answers;
pub mod merkle;
#[cfg(feature = "queue")]
mod panics;
pub mod pow;
#[cfg(feature = "queue")]
pub mod queue;
mod records;
pub mod reference;

#[cfg(feature = "serde")]
mod serialize;
pub mod signature;
mod threads;

pub use backend::{Backend, BackendInfo, BackendKind, Fault, Operation};
pub use engine::{Candidate, Engine, Options, Outcome, Placement, Report};
pub use entries::Entries;
pub use error::Error;
pub use hash::{Digest, Hash, Key};
// For this repository's packages; no part of the public interface.
#[doc(hidden)]
pub use hash::{parse_hex, parse_hex_bytes, to_hex};
pub use known_answers::self_test;
pub use merkle::{Tree, TreeHash};
pub use records::Records;
pub use signature::ed25519;
pub use threads::Threads;

/// Compiles and runs the README's example as a documentation test.
#[cfg(all(doctest, feature = "queue"))]
#[doc = include_str!("../README.md")]
struct Readme;
