//! Fresh input for each recipe.

use std::sync::{Arc, Mutex};

use verilane::ed25519::Rule;
use verilane::pow::{Nonce, NonceWindow, Puzzle, Target};
use verilane::signature::Batch;
use verilane::{Digest, Entries, Hash, Records, Tree};

use super::answer::Answer;
use super::index_fixture::{IndexBlock, IndexFixture};
use super::pools::records;
use super::queues::Queues;
use super::random::{RandomStream, below, repeats};
use super::recipe::Recipe;
use super::source::{Source, lock};

/// What a back end is asked.
pub enum Input {
    Hash { hash: Hash, records: Records<'static> },
    Merkle { tree: Tree, leaves: Vec<Digest> },
    Verify { rule: Rule, batch: Batch<'static> },
    Dedup { fingerprints: Vec<Digest> },
    Index { block: IndexBlock, right: Answer, fixture: Arc<Mutex<IndexFixture>> },
    Pow { puzzle: Puzzle, window: NonceWindow },
    Check { entries: Entries<'static> },
    Queue { batch: Batch<'static>, queues: Arc<Mutex<Queues>> },
}

impl Input {
    /// The bytes that the operation reads.
    pub fn bytes(&self) -> u64 {
        match self {
            Input::Hash { records, .. } => records.total_bytes(),
            Input::Merkle { leaves: digests, .. } | Input::Dedup { fingerprints: digests } => {
                32 * digests.len() as u64
            }
            Input::Index { block, .. } => 32 * block.seen.len() as u64,
            Input::Verify { batch, .. } | Input::Queue { batch, .. } => {
                96 * batch.len() as u64 + batch.messages().total_bytes()
            }
            Input::Pow { puzzle, .. } => puzzle.header().len() as u64,
            Input::Check { entries } => 128 * entries.len() as u64 + entries.records().total_bytes(),
        }
    }

    /// The right answer, where it is known without any back end.
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Input::Index { right, .. } => Some(right),
            _ => None,
        }
    }
}

impl Recipe {
    /// An input of `items` new items; `source` must have been made for as many.
    pub fn fresh(self, items: usize, source: &mut Source) -> Input {
        let Source { stream, signatures, entries, index, queues } = source;
        match self {
            Recipe::Hash { hash, shortest, longest } => {
                Input::Hash { hash, records: records(items, [shortest, longest], stream) }
            }
            Recipe::Merkle(tree) => Input::Merkle { tree, leaves: stream.digests(items) },
            Recipe::Verify(rule) => Input::Verify { rule, batch: signatures.draw(items, stream) },
            Recipe::Dedup => Input::Dedup { fingerprints: fingerprints(items, stream) },
            Recipe::Index { .. } => {
                let block = lock(index).next_block(items, stream);
                let right = Answer::Seen([block.seen.clone(), block.seen.clone()]);
                Input::Index { block, right, fixture: index.clone() }
            }
            Recipe::Pow => {
                let first = stream.word() as u32;
                let first = first.min(u32::MAX - (items - 1) as u32);
                Input::Pow { puzzle: puzzle(stream, NO_HIT), window: first..=first + (items - 1) as u32 }
            }
            Recipe::Check => Input::Check { entries: entries.draw(items, stream) },
            Recipe::Queue => Input::Queue { batch: signatures.draw(items, stream), queues: queues.clone() },
        }
    }

    /// An input whose answer is known without any back end.
    pub fn planted(self, stream: &mut RandomStream) -> Option<(Input, Answer)> {
        (self == Recipe::Pow).then(|| planted_nonce(stream))
    }
}

fn fingerprints(items: usize, stream: &mut RandomStream) -> Vec<Digest> {
    let mut fingerprints = stream.digests(items);
    let words = stream.words(items);
    for index in 1..items {
        if repeats(words[index]) {
            fingerprints[index] = fingerprints[below(words[index], index)];
        }
    }
    fingerprints
}

/// 64 zero bits, met by one header in 2⁶⁴: as hard as a real target, so that kernels
/// exit early as often as they do in practice.
const NO_HIT: Target = {
    let mut target = [0xff; 32];
    let mut i = 0;
    while i < 8 {
        target[i] = 0;
        i += 1;
    }
    Target::from_be_bytes(target)
};

fn puzzle(stream: &mut RandomStream, target: Target) -> Puzzle {
    let header = stream.bytes(Puzzle::BITCOIN_HEADER);
    Puzzle::bitcoin(header.as_slice().try_into().expect("a header has 80 bytes"), target)
}

/// A window of 4,096 nonces and the target that exactly one of them meets.
fn planted_nonce(stream: &mut RandomStream) -> (Input, Answer) {
    let puzzle = puzzle(stream, NO_HIT);
    let first = (stream.word() as u32).min(u32::MAX - 4095);
    let window = first..=first + 4095;
    let hits = window.clone().map(|nonce| Nonce { nonce, digest: puzzle.digest(nonce) });
    let lowest = hits.min_by_key(|hit| hit.digest.reversed()).expect("the window is not empty");
    let header = puzzle.header().try_into().expect("a header has 80 bytes");
    let puzzle = Puzzle::bitcoin(header, Target::from_be_bytes(lowest.digest.reversed().0));
    (Input::Pow { puzzle, window }, Answer::Nonce(Some(lowest)))
}
