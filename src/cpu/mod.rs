//! The back end on SIMD lanes and a pool of threads.

#[macro_use]
mod isa;
mod blake3;
mod dedup;
mod ed25519;
mod edwards25519;
mod field25519;
mod hash;
mod lanes;
mod limit;
mod merkle;
mod pow;
mod scalar25519;
mod sha256;
mod sha512;
mod streams;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::backend::{Backend, BackendInfo, BackendKind, Fault};
use crate::ed25519::{Batch, Rule};
use crate::merkle::{Root, Tree};
use crate::pow::{Nonce, NonceWindow, Puzzle};
use crate::threads::Threads;
use crate::{Digest, Hash, Records};

use streams::Streams;

pub use ed25519::KeyCache;
pub use isa::Isa;
pub use limit::{issue_rate, multiply_add_rate};

/// Public keys whose expanded forms are kept: some 9 MiB.
const CACHED_KEYS: usize = 1024;

/// Signatures that a thread takes at a time: at least as many as lanes are prepared for
/// together.
const VERIFY_AT_LEAST: usize = 32;
const VERIFY_AT_MOST: usize = 256;

/// Signatures from which one equation for all is faster, and the most that share one.
const EQUATION: usize = 256;
const EQUATION_CHUNK: usize = 4096;

/// Invalid signatures in a chunk that one equation still finds sooner than so many of them.
const FEW_INVALID: usize = 2;

/// The back end on SIMD lanes and a pool of threads.
pub struct Cpu {
    info: BackendInfo,
    threads: Threads,
    isa: Isa,
    keys: KeyCache,
    /// Whether many of the signatures that were last verified under ZIP 215 were invalid.
    many_invalid: AtomicBool,
}

impl fmt::Debug for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cpu").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Cpu {
    /// The lanes of `isa` on a pool of threads.
    pub fn new(threads: Threads, isa: Isa) -> Self {
        let info = BackendInfo {
            kind: BackendKind::Cpu,
            threads: threads.count(),
            detail: detail(isa),
            software: false,
        };
        Cpu { info, threads, isa, keys: KeyCache::new(CACHED_KEYS), many_invalid: AtomicBool::new(false) }
    }

    /// The same, with another cache of public keys.
    #[must_use]
    pub fn with_key_cache(self, keys: KeyCache) -> Self {
        Cpu { keys, ..self }
    }

    /// The cache of public keys.
    pub fn key_cache(&self) -> &KeyCache {
        &self.keys
    }
}

impl Cpu {
    /// Verifies under ZIP 215, on this thread: together, unless there were many invalid
    /// signatures of late, which would have to be found one by one after all.
    fn verify_zip215(&self, batch: &Batch<'_>, out: &mut [bool]) {
        if self.many_invalid.load(Ordering::Relaxed) {
            ed25519::verify(self.isa, Rule::Zip215, batch, None, out);
        } else {
            ed25519::verify_together(self.isa, batch, out);
        }
        let invalid = out.iter().filter(|valid| !**valid).count();
        self.many_invalid.store(invalid > FEW_INVALID, Ordering::Relaxed);
    }
}

/// What computes what: the widest lanes for 32-bit words, and whether the SHA
/// extension serves beside them.
fn detail(isa: Isa) -> String {
    let lanes = match isa {
        Isa::Scalar => "1 lane",
        Isa::Avx2 => "2×8 lanes",
        Isa::Avx512 | Isa::Avx512Ifma => "2×16 lanes",
    };
    match Streams::beside(isa) {
        None => format!("{isa} {lanes}"),
        Some(streams) if streams.always() => format!("{isa} {lanes}, sha-ni for SHA-256"),
        Some(_) => format!("{isa} {lanes}, sha-ni for few or unlike SHA-256 messages"),
    }
}

impl Backend for Cpu {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn hash(&self, hash: Hash, records: &Records<'_>, out: &mut [Digest]) -> Result<(), Fault> {
        hash::digests(self.isa, hash, records, &self.threads, out);
        Ok(())
    }

    fn merkle_root(&self, tree: Tree, leaves: &[Digest]) -> Result<Root, Fault> {
        Ok(merkle::root(self.isa, tree, leaves, &self.threads))
    }

    fn verify(&self, rule: Rule, batch: &Batch<'_>, out: &mut [bool]) -> Result<(), Fault> {
        let share = batch.len().div_ceil(self.threads.count());
        if rule == Rule::Zip215 && self.isa > Isa::Scalar && batch.len() >= EQUATION {
            let chunk = share.clamp(EQUATION, EQUATION_CHUNK);
            self.threads.each_chunk(out, chunk, |start, out| {
                self.verify_zip215(&batch.slice(start..start + out.len()), out);
            });
            return Ok(());
        }
        let keys = self.keys.expand(self.isa, batch.keys(), &self.threads);
        let chunk = share.next_multiple_of(VERIFY_AT_LEAST).clamp(VERIFY_AT_LEAST, VERIFY_AT_MOST);
        self.threads.each_chunk(out, chunk, |start, out| {
            let range = start..start + out.len();
            let keys = keys.as_ref().map(|keys| keys.of(range.clone()));
            ed25519::verify(self.isa, rule, &batch.slice(range), keys.as_deref(), out);
        });
        Ok(())
    }

    fn first_occurrences(&self, prints: &[Digest], out: &mut [u32]) -> Result<(), Fault> {
        dedup::first_occurrences(prints, &self.threads, out);
        Ok(())
    }

    fn search(&self, puzzle: &Puzzle, window: NonceWindow) -> Result<Option<Nonce>, Fault> {
        Ok(pow::search(self.isa, puzzle, &window, &self.threads))
    }
}
