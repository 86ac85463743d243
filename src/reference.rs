//! The reference back end: each operation in its simplest form, on established crates.
//!
//! It is the oracle for the other back ends. It runs on all threads of its pool, as a node
//! would use those crates.

use std::collections::HashMap;
use std::fmt;

use crate::backend::{Backend, BackendInfo, BackendKind, Fault};
use crate::ed25519::Rule;
use crate::merkle::{Root, Tree};
use crate::pow::{Nonce, NonceWindow, Puzzle, strides};
use crate::signature::Batch;
use crate::threads::Threads;
use crate::{Digest, Hash, Records};

/// Digests or tree nodes, and nonces, that a thread takes at a time.
const HASHES: usize = 256;
const NONCES: u64 = 1 << 12;

/// The back end on the crates sha2, blake3, ed25519-dalek and ed25519-zebra.
pub struct Reference {
    info: BackendInfo,
    threads: Threads,
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reference").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Reference {
    /// The reference back end on a thread pool.
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
        self.threads.for_each_chunk(out, HASHES, |start, out| {
            for (i, out) in out.iter_mut().enumerate() {
                *out = hash.digest(records.get(start + i));
            }
        });
        Ok(())
    }

    fn merkle_root(&self, tree: Tree, leaves: &[Digest]) -> Result<Root, Fault> {
        Ok(root(tree, leaves, &self.threads))
    }

    fn verify(&self, rule: Rule, batch: &Batch<'_>, out: &mut [bool]) -> Result<(), Fault> {
        self.threads.for_each(out.iter_mut().enumerate(), |(i, out)| {
            *out = rule.accepts(&batch.keys()[i], &batch.signatures()[i], batch.messages().get(i));
        });
        Ok(())
    }

    fn first_occurrences(&self, fingerprints: &[Digest], out: &mut [u32]) -> Result<(), Fault> {
        let mut seen = HashMap::with_capacity(fingerprints.len());
        for (index, (fingerprint, out)) in fingerprints.iter().zip(out).enumerate() {
            *out = *seen.entry(fingerprint).or_insert(index as u32);
        }
        Ok(())
    }

    fn search(&self, puzzle: &Puzzle, window: NonceWindow) -> Result<Option<Nonce>, Fault> {
        let tries = |nonces: NonceWindow| nonces.into_iter().find_map(|nonce| puzzle.check(nonce));
        Ok(self.threads.find_map_first(strides(&window, NONCES), tries))
    }
}

fn root(tree: Tree, leaves: &[Digest], threads: &Threads) -> Root {
    let mut level = leaves.to_vec();
    let mut mutated = false;
    let node = |pair: &[Digest]| match *pair {
        [left, right] => tree.node(&left, &right),
        [last] if tree.doubles_last() => tree.node(&last, &last),
        [last] => last,
        _ => unreachable!("chunks of two have one or two elements"),
    };
    while level.len() > 1 {
        mutated |= tree.doubles_last() && level.chunks_exact(2).any(|pair| pair[0] == pair[1]);
        let nodes = |level: &[Digest]| level.chunks(2).map(node).collect::<Vec<_>>();
        level = threads.map(level.chunks(2 * HASHES), nodes).concat();
    }
    Root { digest: level[0], mutated }
}
