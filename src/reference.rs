//! The oracle: each operation in its simplest form, on the field's own crates.
//!
//! It runs on all threads, as a node would run those crates today.

use std::collections::HashMap;

use rayon::prelude::*;

use crate::backend::{Backend, BackendInfo, BackendKind, Fault};
use crate::ed25519::{Batch, Rule};
use crate::merkle::{Root, Tree};
use crate::pow::{Nonce, NonceWindow, Puzzle};
use crate::threads::Threads;
use crate::{Digest, Hash, Records};

/// The back end on sha2, blake3, ed25519-dalek and ed25519-zebra.
pub struct Reference {
    info: BackendInfo,
    threads: Threads,
}

impl Reference {
    /// The reference on a pool of threads.
    pub fn new(threads: Threads) -> Self {
        let info = BackendInfo {
            kind: BackendKind::Reference,
            threads: threads.count(),
            detail: "sha2, blake3, ed25519-dalek, ed25519-zebra".into(),
            software: false,
        };
        Reference { info, threads }
    }
}

impl Backend for Reference {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn hash(&self, hash: Hash, records: &Records<'_>, out: &mut [Digest]) -> Result<(), Fault> {
        self.threads.run(|| {
            let out = out.par_iter_mut().enumerate().with_min_len(64);
            out.for_each(|(index, out)| *out = hash.digest(records.get(index)));
        });
        Ok(())
    }

    fn merkle_root(&self, tree: Tree, leaves: &[Digest]) -> Result<Root, Fault> {
        Ok(self.threads.run(|| root(tree, leaves)))
    }

    fn verify(&self, rule: Rule, batch: &Batch<'_>, out: &mut [bool]) -> Result<(), Fault> {
        self.threads.run(|| {
            out.par_iter_mut().enumerate().for_each(|(i, out)| {
                *out = rule.accepts(&batch.keys()[i], &batch.signatures()[i], batch.messages().get(i));
            });
        });
        Ok(())
    }

    fn first_occurrences(&self, prints: &[Digest], out: &mut [u32]) -> Result<(), Fault> {
        let mut seen = HashMap::with_capacity(prints.len());
        for (index, (print, out)) in prints.iter().zip(out).enumerate() {
            *out = *seen.entry(print).or_insert(index as u32);
        }
        Ok(())
    }

    fn search(&self, puzzle: &Puzzle, window: NonceWindow) -> Result<Option<Nonce>, Fault> {
        Ok(self.threads.run(|| window.into_par_iter().find_map_first(|nonce| puzzle.check(nonce))))
    }
}

fn root(tree: Tree, leaves: &[Digest]) -> Root {
    let mut level = leaves.to_vec();
    let mut mutated = false;
    while level.len() > 1 {
        let equal = |pair: &[Digest]| pair.len() == 2 && pair[0] == pair[1];
        mutated |= tree.doubles_last() && level.par_chunks(2).any(equal);
        let above = level.par_chunks(2).with_min_len(64).map(|pair| match *pair {
            [left, right] => tree.node(&left, &right),
            [last] if tree.doubles_last() => tree.node(&last, &last),
            [last] => last,
            _ => unreachable!("chunks of two have one or two elements"),
        });
        level = above.collect();
    }
    Root { digest: level[0], mutated }
}
