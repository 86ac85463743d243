//! The back end on SIMD lanes and a pool of threads.

#[macro_use]
mod isa;
mod lanes;

use rayon::prelude::*;

use crate::backend::{Backend, BackendInfo, BackendKind, Fault};
use crate::ed25519::{Batch, Rule};
use crate::merkle::{Root, Tree};
use crate::pow::{Nonce, NonceWindow, Puzzle};
use crate::threads::Threads;
use crate::{Digest, Hash, Records};

pub use isa::Isa;

/// The back end on SIMD lanes and a pool of threads.
pub struct Cpu {
    info: BackendInfo,
    threads: Threads,
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
        Cpu { info, threads }
    }
}

impl Backend for Cpu {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn serves(&self, operation: crate::Operation) -> bool {
        operation == crate::Operation::Verify
    }

    fn hash(&self, _: Hash, _: &Records<'_>, _: &mut [Digest]) -> Result<(), Fault> {
        Err(Fault::NotServed("placeholder".into()))
    }

    fn merkle_root(&self, _: Tree, _: &[Digest]) -> Result<Root, Fault> {
        Err(Fault::NotServed("placeholder".into()))
    }

    fn verify(&self, rule: Rule, batch: &Batch<'_>, out: &mut [bool]) -> Result<(), Fault> {
        self.threads.run(|| {
            out.par_iter_mut().enumerate().for_each(|(i, out)| {
                *out = rule.accepts(&batch.keys()[i], &batch.signatures()[i], batch.messages().get(i));
            });
        });
        Ok(())
    }

    fn first_occurrences(&self, _: &[Digest], _: &mut [u32]) -> Result<(), Fault> {
        Err(Fault::NotServed("placeholder".into()))
    }

    fn search(&self, _: &Puzzle, _: NonceWindow) -> Result<Option<Nonce>, Fault> {
        Err(Fault::NotServed("placeholder".into()))
    }
}
