//! One call of a back end, timed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use verilane::backend::check_call_by_call;
use verilane::{Backend, Digest, Fault};

use super::queue::verify_one_by_one;
use crate::bench::data::answer::Answer;
use crate::bench::data::index_fixture::{BackendIndex, index_fault};
use crate::bench::data::input::Input;
use crate::bench::data::recipe::{BLOCK_HASH, BLOCK_RULE, BLOCK_TREE, CallMode, QUEUE_RULE};
use crate::bench::data::source::lock;

/// The back end's answer and the time of its call. The buffer for the answer is allocated
/// before the clock starts, and filled with wrong values.
pub fn call(input: &Input, backend: &Arc<dyn Backend>, mode: CallMode) -> Result<(Answer, Duration), Fault> {
    match input {
        Input::Hash { hash, records } => {
            let mut digests = vec![Digest([0xa5; 32]); records.len()];
            let ((), time) = timed(|| backend.hash(*hash, records, &mut digests))?;
            Ok((Answer::Digests(digests), time))
        }
        Input::Merkle { tree, leaves } => {
            let (root, time) = timed(|| backend.merkle_root(*tree, leaves))?;
            Ok((Answer::Root(root), time))
        }
        Input::Verify { rule, batch } => {
            let mut verdicts = vec![false; batch.len()];
            let ((), time) = timed(|| backend.verify(*rule, batch, &mut verdicts))?;
            Ok((Answer::Verdicts(verdicts), time))
        }
        Input::Queue { batch, queues } if mode == CallMode::PerItem => {
            let verifier = lock(queues).of(backend)?;
            let (verdicts, time) = timed(|| verify_one_by_one(&verifier, batch))?;
            Ok((Answer::Verdicts(verdicts), time))
        }
        Input::Queue { batch, .. } => {
            let mut verdicts = vec![false; batch.len()];
            let ((), time) = timed(|| backend.verify(QUEUE_RULE, batch, &mut verdicts))?;
            Ok((Answer::Verdicts(verdicts), time))
        }
        Input::Dedup { fingerprints } => {
            let mut firsts = vec![u32::MAX; fingerprints.len()];
            let ((), time) = timed(|| backend.first_occurrences(fingerprints, &mut firsts))?;
            Ok((Answer::FirstOccurrences(firsts), time))
        }
        Input::Index { block, fixture, .. } => {
            let mut fixture = lock(fixture);
            let BackendIndex { engine, index, .. } = fixture.index_of(backend, block.number)?;
            let (seen, time) = timed(|| {
                let scanned = index.scan(engine, &block.records).map_err(index_fault)?;
                let added = index.add(engine, block.number, &block.records).map_err(index_fault)?;
                Ok([scanned.into_inner(), added.into_inner()])
            })?;
            Ok((Answer::Seen(seen), time))
        }
        Input::Pow { puzzle, window } => {
            let (nonce, time) = timed(|| backend.search(puzzle, window.clone()))?;
            Ok((Answer::Nonce(nonce), time))
        }
        Input::Check { entries } => {
            let (check, time) = timed(|| match mode {
                CallMode::Batch => backend.check_block(BLOCK_RULE, BLOCK_HASH, BLOCK_TREE, entries),
                CallMode::PerOperation | CallMode::PerItem => {
                    check_call_by_call(backend.as_ref(), BLOCK_RULE, BLOCK_HASH, BLOCK_TREE, entries)
                }
            })?;
            Ok((Answer::Check(check), time))
        }
    }
}

fn timed<T>(call: impl FnOnce() -> Result<T, Fault>) -> Result<(T, Duration), Fault> {
    let start = Instant::now();
    let value = call()?;
    Ok((value, start.elapsed()))
}
