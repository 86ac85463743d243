//! The CPU back end: each operation on SIMD lanes, one item in each lane, spread over a pool of
//! threads.
//!
//! `isa` detects the instruction-set level and compiles generic code for each; `lanes` has the
//! vectors. The algorithms are written once over lanes: hashes (`sha256`, `blake3`, `sha512`),
//! field and curve arithmetic, scalars, and the operations on top of them.

#[macro_use]
mod isa;
mod blake3;
mod dedup;
mod ed25519;
mod edwards25519;
mod field25519;
mod hash;
mod lanes;
mod merkle;
mod peak_rate;
mod pow;
mod scalar25519;
mod sha256;
mod sha256_ni;
mod sha512;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::backend::{Backend, BackendInfo, BackendKind, Fault};
use crate::ed25519::{Batch, Rule};
use crate::merkle::{Root, Tree};
use crate::pow::{Nonce, NonceWindow, Puzzle};
use crate::threads::Threads;
use crate::{Digest, Hash, Records};

use isa::Level64;
use sha256_ni::Sha256Ni;

pub use ed25519::KeyCache;
pub use isa::{Isa, Level};
pub use peak_rate::{issue_rate, multiply_add_rate};

/// Capacity of the key cache, in public keys: about 9 MiB of combs.
const KEY_CACHE_CAPACITY: usize = 1024;

/// Signatures in a thread's chunk when the batch equation is not used. The minimum fills the
/// vectors that are decoded together.
const MIN_VERIFY_CHUNK: usize = 32;
const MAX_VERIFY_CHUNK: usize = 256;

/// Signatures in a batch equation: the number from which it is faster than verifying each on
/// its own, and the largest number that shares one.
const MIN_BATCH_EQUATION: usize = 256;
const MAX_BATCH_EQUATION: usize = 4096;

/// Invalid signatures in a chunk up to which the batch equation with bisection stays faster
/// than verifying each on its own.
const MAX_INVALID_FOR_EQUATION: usize = 2;

/// The CPU back end: SIMD lanes on a pool of threads.
pub struct Cpu {
    info: BackendInfo,
    threads: Threads,
    level: Level,
    keys: KeyCache,
    /// Whether the chunk verified last under ZIP 215 had more than [`MAX_INVALID_FOR_EQUATION`]
    /// invalid signatures.
    many_invalid: AtomicBool,
}

impl fmt::Debug for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cpu").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Cpu {
    /// A back end with the lanes of `level` on `threads`.
    pub fn new(threads: Threads, level: Level) -> Self {
        let info = BackendInfo {
            kind: BackendKind::Cpu,
            threads: threads.count(),
            detail: description(level),
            software: false,
        };
        Cpu {
            info,
            threads,
            level,
            keys: KeyCache::new(KEY_CACHE_CAPACITY),
            many_invalid: AtomicBool::new(false),
        }
    }

    /// Replaces the key cache.
    #[must_use]
    pub fn with_key_cache(self, keys: KeyCache) -> Self {
        Cpu { keys, ..self }
    }

    /// The key cache.
    pub fn key_cache(&self) -> &KeyCache {
        &self.keys
    }
}

impl Cpu {
    /// Verifies under ZIP 215, on this thread: by the batch equation, or each signature on its
    /// own if the previous chunk had many invalid ones. The choice affects speed only, never a
    /// verdict.
    fn verify_zip215(&self, level: Level64, batch: &Batch<'_>, out: &mut [bool]) {
        if self.many_invalid.load(Ordering::Relaxed) {
            ed25519::verify(level.into(), Rule::Zip215, batch, None, out);
        } else {
            ed25519::verify_by_batch_equation(level, batch, out);
        }
        let invalid = out.iter().filter(|valid| !**valid).count();
        self.many_invalid.store(invalid > MAX_INVALID_FOR_EQUATION, Ordering::Relaxed);
    }
}

/// The back end's description: the lanes for 32-bit words, and when the SHA extension is used
/// instead of them.
fn description(level: Level) -> String {
    let lanes = match level.isa() {
        Isa::Scalar => "1 lane",
        Isa::Avx2 => "2×8 lanes",
        Isa::Avx512 | Isa::Avx512Ifma => "2×16 lanes",
    };
    match Sha256Ni::available(level) {
        None => format!("{level} {lanes}"),
        Some(sha_ni) if sha_ni.is_always_faster() => format!("{level} {lanes}, sha-ni for SHA-256"),
        Some(_) => format!("{level} {lanes}, sha-ni for few or unlike SHA-256 messages"),
    }
}

impl Backend for Cpu {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn hash(&self, hash: Hash, records: &Records<'_>, out: &mut [Digest]) -> Result<(), Fault> {
        hash::hash_records(self.level, hash, records, &self.threads, out);
        Ok(())
    }

    fn merkle_root(&self, tree: Tree, leaves: &[Digest]) -> Result<Root, Fault> {
        Ok(merkle::root(self.level, tree, leaves, &self.threads))
    }

    fn verify(&self, rule: Rule, batch: &Batch<'_>, out: &mut [bool]) -> Result<(), Fault> {
        let share = batch.len().div_ceil(self.threads.count());
        if rule == Rule::Zip215
            && batch.len() >= MIN_BATCH_EQUATION
            && let Some(level) = self.level.lanes64()
        {
            let chunk = share.clamp(MIN_BATCH_EQUATION, MAX_BATCH_EQUATION);
            self.threads.for_each_chunk(out, chunk, |start, out| {
                self.verify_zip215(level, &batch.slice(start..start + out.len()), out);
            });
            return Ok(());
        }
        let keys = self.keys.expand(self.level, batch.keys(), &self.threads);
        let chunk = share.next_multiple_of(MIN_VERIFY_CHUNK).clamp(MIN_VERIFY_CHUNK, MAX_VERIFY_CHUNK);
        self.threads.for_each_chunk(out, chunk, |start, out| {
            let range = start..start + out.len();
            let keys = keys.as_ref().map(|keys| keys.in_range(range.clone()));
            ed25519::verify(self.level, rule, &batch.slice(range), keys.as_deref(), out);
        });
        Ok(())
    }

    fn first_occurrences(&self, fingerprints: &[Digest], out: &mut [u32]) -> Result<(), Fault> {
        dedup::first_occurrences(fingerprints, &self.threads, out);
        Ok(())
    }

    fn search(&self, puzzle: &Puzzle, window: NonceWindow) -> Result<Option<Nonce>, Fault> {
        Ok(pow::search(self.level, puzzle, &window, &self.threads))
    }
}
