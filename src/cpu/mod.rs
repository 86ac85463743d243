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
mod merkle;
mod pow;
mod scalar25519;
mod sha256;
mod sha512;

use rayon::prelude::*;

use crate::backend::{Backend, BackendInfo, BackendKind, Fault};
use crate::ed25519::{Batch, Rule};
use crate::merkle::{Root, Tree};
use crate::pow::{Nonce, NonceWindow, Puzzle};
use crate::threads::Threads;
use crate::{Digest, Hash, Records};

pub use isa::Isa;

/// Signatures that a thread takes at a time.
const VERIFY_CHUNK: usize = 256;

/// The back end on SIMD lanes and a pool of threads.
pub struct Cpu {
    info: BackendInfo,
    threads: Threads,
    isa: Isa,
}

impl Cpu {
    /// The lanes of `isa` on a pool of threads.
    pub fn new(threads: Threads, isa: Isa) -> Self {
        let info = BackendInfo {
            kind: BackendKind::Cpu,
            threads: threads.count(),
            detail: format!("{isa} lanes"),
            software: false,
        };
        Cpu { info, threads, isa }
    }
}

impl Backend for Cpu {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn hash(&self, hash: Hash, records: &Records<'_>, out: &mut [Digest]) -> Result<(), Fault> {
        self.threads.run(|| hash::digests(self.isa, hash, records, out));
        Ok(())
    }

    fn merkle_root(&self, tree: Tree, leaves: &[Digest]) -> Result<Root, Fault> {
        Ok(self.threads.run(|| merkle::root(self.isa, tree, leaves, self.threads.count())))
    }

    fn verify(&self, rule: Rule, batch: &Batch<'_>, out: &mut [bool]) -> Result<(), Fault> {
        self.threads.run(|| {
            let chunks = out.par_chunks_mut(VERIFY_CHUNK).enumerate();
            chunks.for_each(|(chunk, out)| {
                let first = chunk * VERIFY_CHUNK;
                ed25519::verify(self.isa, rule, &batch.slice(first..first + out.len()), out);
            });
        });
        Ok(())
    }

    fn first_occurrences(&self, prints: &[Digest], out: &mut [u32]) -> Result<(), Fault> {
        self.threads.run(|| dedup::first_occurrences(prints, out, self.threads.count()));
        Ok(())
    }

    fn search(&self, puzzle: &Puzzle, window: NonceWindow) -> Result<Option<Nonce>, Fault> {
        Ok(self.threads.run(|| pow::search(self.isa, puzzle, window, self.threads.count())))
    }
}
