//! Measures the CPU and a GPU against each other.
//!
//! For each operation, calls of increasing size run on both back ends in turn, each round
//! on new input, and each answer of the GPU is compared with the CPU's. Of each operation's
//! variants, the one that favours the CPU most is measured, so that automatic placement
//! errs towards the CPU.

use std::time::{Duration, Instant};

use ed25519_dalek::{Signer, SigningKey};

use super::{PairedTime, crossover};
use crate::crossover::Crossover;
use crate::ed25519::Rule;
use crate::entries::{BlockCheck, Entries};
use crate::merkle::{Root, Tree, TreeHash};
use crate::pow::{self, Nonce, NonceWindow, Puzzle, Target};
use crate::signature::Batch;
use crate::{Backend, Digest, Fault, Hash, Operation, Records, Threads};

/// The minimum time and the minimum number of rounds for calls of one size.
const TIME: Duration = Duration::from_millis(500);
const ROUNDS: usize = 5;

/// The length in bytes of a hashed record, and of a block's record.
const RECORD_BYTES: usize = 1024;

/// The length in bytes of a signed message.
const MESSAGE_BYTES: usize = 128;

/// The number of institutions that sign a block's records.
const INSTITUTIONS: usize = 64;

const HASH: Hash = Hash::Blake3;
const TREE: Tree = Tree::Plain(TreeHash::Sha256);
const BLOCK_TREE: Tree = Tree::Rfc6962(TreeHash::Sha256);
const RULE: Rule = Rule::Rfc8032;

/// The result of calibrating one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Calibrated {
    /// The operation.
    pub operation: Operation,
    /// The variant measured: the hash, the tree or the rule.
    pub variant: String,
    /// From which size the GPU is faster.
    pub found: Found,
}

/// From which size a GPU is faster. Exhaustive: a caller distinguishes all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// From this size on: bytes for [`Operation::Hash`], items for the others.
    PaysFrom(u64),
    /// At no size that was measured.
    NeverPays,
    /// An answer of the GPU differed from the CPU's. Nothing was recorded.
    WrongAnswer,
}

impl Crossover {
    /// Measures for each operation the size from which `gpu` is faster than `cpu`, and
    /// records it under the adapter's name. [`store`](Crossover::store) writes it to disk.
    /// Takes about a minute. Calls `begin` before each operation.
    ///
    /// A size at which the GPU faults counts as slower. Operations that one of the two back
    /// ends does not serve are skipped.
    pub fn measure(
        &mut self,
        cpu: &dyn Backend,
        gpu: &dyn Backend,
        threads: &Threads,
        mut begin: impl FnMut(Operation),
    ) -> Vec<Calibrated> {
        let served = |operation: &Operation| cpu.serves(*operation) && gpu.serves(*operation);
        let mut all = Vec::new();
        for operation in Operation::ALL.into_iter().filter(served) {
            begin(operation);
            let sizes: Vec<_> = sizes(operation).collect();
            let found = calibrate(operation, &sizes, cpu, gpu, threads);
            match found {
                Found::PaysFrom(size) => self.set(&gpu.info().detail, operation, Some(size)),
                Found::NeverPays => self.set(&gpu.info().detail, operation, None),
                Found::WrongAnswer => tracing::error!(%operation, "wrong answer: nothing is recorded"),
            }
            all.push(Calibrated { operation, variant: variant(operation), found });
        }
        all
    }
}

/// The numbers of items of the calls: each four times the last, up to what fills a GPU.
fn sizes(operation: Operation) -> impl Iterator<Item = usize> {
    let (first, last) = match operation {
        Operation::Pow => (1 << 12, 1 << 26),
        Operation::Verify | Operation::Check => (1 << 6, 1 << 16),
        Operation::Hash | Operation::Merkle | Operation::Dedup => (1 << 8, 1 << 20),
    };
    std::iter::successors(Some(first), |size| Some(size * 4)).take_while(move |&size| size <= last)
}

fn variant(operation: Operation) -> String {
    match operation {
        Operation::Hash => HASH.to_string(),
        Operation::Merkle => TREE.to_string(),
        Operation::Verify => RULE.to_string(),
        Operation::Dedup => "fingerprints".into(),
        Operation::Pow => Hash::Sha256d.to_string(),
        Operation::Check => format!("{RULE}, {BLOCK_TREE}"),
    }
}

fn calibrate(
    operation: Operation,
    sizes: &[usize],
    cpu: &dyn Backend,
    gpu: &dyn Backend,
    threads: &Threads,
) -> Found {
    let mut source = Source::new(operation, sizes.last().copied().unwrap_or(0), threads);
    let mut pairs = Vec::new();
    for &items in sizes {
        match measure_pair(operation, items, cpu, gpu, &mut source) {
            Ok(pair) => pairs.extend(pair),
            Err(WrongAnswer) => return Found::WrongAnswer,
        }
    }
    crossover(&pairs).map_or(Found::NeverPays, Found::PaysFrom)
}

struct WrongAnswer;

/// Calls of one size on both back ends: the median of each. None if the CPU faulted.
fn measure_pair(
    operation: Operation,
    items: usize,
    cpu: &dyn Backend,
    gpu: &dyn Backend,
    source: &mut Source,
) -> Result<Option<PairedTime>, WrongAnswer> {
    let begin = Instant::now();
    let [mut baseline, mut candidate] = [Vec::new(), Vec::new()];
    let mut size = 0;
    while baseline.len() < ROUNDS || begin.elapsed() < TIME {
        let input = source.draw(operation, items);
        size = input.size();
        let Ok((expected, time)) = input.ask(cpu) else { return Ok(None) };
        baseline.push(time);
        let Ok((answer, time)) = input.ask(gpu) else {
            candidate.push(Duration::MAX);
            break;
        };
        if answer != expected {
            return Err(WrongAnswer);
        }
        candidate.push(time);
    }
    let has_faulted = candidate.contains(&Duration::MAX);
    let candidate = if has_faulted { Duration::MAX } else { median(candidate) };
    Ok(Some(PairedTime { size, baseline: median(baseline), candidate }))
}

/// The median of at least one sample.
fn median(mut samples: Vec<Duration>) -> Duration {
    samples.sort_unstable();
    samples[samples.len() / 2]
}

/// The input of a call on both back ends.
enum Input {
    Hash(Records<'static>),
    Merkle(Vec<Digest>),
    Verify(Batch<'static>),
    Dedup(Vec<Digest>),
    Pow(Puzzle, NonceWindow),
    Check(Entries<'static>),
}

#[derive(PartialEq)]
enum Answer {
    Digests(Vec<Digest>),
    Root(Root),
    Verdicts(Vec<bool>),
    FirstOccurrences(Vec<u32>),
    Nonce(Option<Nonce>),
    Check(BlockCheck),
}

impl Input {
    /// The size in the unit of [`Crossover`].
    fn size(&self) -> u64 {
        match self {
            Input::Hash(records) => records.total_bytes(),
            Input::Merkle(digests) | Input::Dedup(digests) => digests.len() as u64,
            Input::Verify(batch) => batch.len() as u64,
            Input::Pow(_, window) => pow::window_size(window),
            Input::Check(entries) => entries.len() as u64,
        }
    }

    /// The answer of a back end, and the time of the call.
    fn ask(&self, backend: &dyn Backend) -> Result<(Answer, Duration), Fault> {
        let begin = Instant::now();
        let answer = match self {
            Input::Hash(records) => {
                let mut out = bytemuck::zeroed_vec(records.len());
                backend.hash(HASH, records, &mut out)?;
                Answer::Digests(out)
            }
            Input::Merkle(leaves) => Answer::Root(backend.merkle_root(TREE, leaves)?),
            Input::Verify(batch) => {
                let mut out = vec![false; batch.len()];
                backend.verify(RULE, batch, &mut out)?;
                Answer::Verdicts(out)
            }
            Input::Dedup(fingerprints) => {
                let mut out = vec![0; fingerprints.len()];
                backend.first_occurrences(fingerprints, &mut out)?;
                Answer::FirstOccurrences(out)
            }
            Input::Pow(puzzle, window) => Answer::Nonce(backend.search(puzzle, window.clone())?),
            Input::Check(entries) => Answer::Check(backend.check_block(RULE, HASH, BLOCK_TREE, entries)?),
        };
        Ok((answer, begin.elapsed()))
    }
}

/// Generates the input of each call.
struct Source {
    random: blake3::OutputReader,
    /// Signed once; each call takes them from another position on.
    signatures: Vec<Signed>,
}

struct Signed {
    key: [u8; 32],
    signature: [u8; 64],
    message: Vec<u8>,
}

impl Source {
    /// A source for calls of up to `max_items` items.
    fn new(operation: Operation, max_items: usize, threads: &Threads) -> Self {
        let mut source = Source { random: blake3::Hasher::new().finalize_xof(), signatures: Vec::new() };
        let (signers, bytes) = match operation {
            Operation::Verify => (max_items, MESSAGE_BYTES),
            Operation::Check => (INSTITUTIONS.min(max_items), RECORD_BYTES),
            _ => return source,
        };
        let secrets = source.digests(signers);
        let messages: Vec<_> = (0..max_items).map(|_| source.bytes(bytes)).collect();
        source.signatures = threads.map(messages.into_iter().enumerate(), |(index, message)| {
            let secret = SigningKey::from_bytes(&secrets[index % signers].0);
            let signature = match operation {
                Operation::Check => secret.sign(&HASH.digest(&message).0),
                _ => secret.sign(&message),
            };
            Signed { key: secret.verifying_key().to_bytes(), signature: signature.to_bytes(), message }
        });
        source
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.random.fill(&mut bytes);
        bytes
    }

    fn digests(&mut self, count: usize) -> Vec<Digest> {
        let mut digests = bytemuck::zeroed_vec(count);
        self.random.fill(bytemuck::cast_slice_mut(&mut digests));
        digests
    }

    fn word(&mut self) -> u32 {
        let mut word = [0; 4];
        self.random.fill(&mut word);
        u32::from_le_bytes(word)
    }

    /// `items` signatures from a random position on, one of them corrupted.
    fn signed(&mut self, items: usize) -> impl Iterator<Item = (&[u8; 32], [u8; 64], &[u8])> {
        let (start, corrupted) = (self.word() as usize, self.word() as usize % items.max(1));
        let all = &self.signatures;
        (0..items).map(move |index| {
            let Signed { key, signature, message } = &all[start.wrapping_add(index) % all.len()];
            let mut signature = *signature;
            signature[0] ^= u8::from(index == corrupted);
            (key, signature, &message[..])
        })
    }

    fn draw(&mut self, operation: Operation, items: usize) -> Input {
        match operation {
            Operation::Hash => {
                let bytes = self.bytes(items * RECORD_BYTES);
                Input::Hash(Records::from_slices(bytes.chunks_exact(RECORD_BYTES)))
            }
            Operation::Merkle => Input::Merkle(self.digests(items)),
            Operation::Verify => {
                let mut batch = Batch::with_capacity(items);
                for (key, signature, message) in self.signed(items) {
                    batch.push(key, &signature, message);
                }
                Input::Verify(batch)
            }
            Operation::Dedup => {
                let mut fingerprints = self.digests(items);
                // Every third one repeats an earlier one.
                for index in (3..items).step_by(3) {
                    fingerprints[index] = fingerprints[index / 2];
                }
                Input::Dedup(fingerprints)
            }
            Operation::Pow => {
                let header =
                    self.bytes(Puzzle::BITCOIN_HEADER).try_into().expect("it has the length of a header");
                let first = self.word().min(u32::MAX - (items - 1) as u32);
                // Only an all-zero digest meets the target, so the whole window is searched.
                let puzzle = Puzzle::bitcoin(&header, Target::from_be_bytes([0; 32]));
                Input::Pow(puzzle, first..=first + (items - 1) as u32)
            }
            Operation::Check => {
                let mut entries = Entries::with_capacity(items, items * RECORD_BYTES);
                for (key, signature, record) in self.signed(items) {
                    entries.push(key, &signature, HASH.digest(record), record);
                }
                Input::Check(entries)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::*;
    use crate::reference::Reference;
    use crate::{BackendInfo, BackendKind};

    /// The reference back end with a flaw.
    struct Flawed {
        reference: Reference,
        info: BackendInfo,
        flaw: Flaw,
    }

    #[derive(Clone, Copy, PartialEq)]
    enum Flaw {
        None,
        Slow,
        Wrong,
        Faulty,
    }

    impl Flawed {
        fn new(kind: BackendKind, flaw: Flaw) -> Self {
            let reference = Reference::new(Threads::new(1).unwrap());
            let info = BackendInfo { kind, detail: "card".into(), ..reference.info().clone() };
            Flawed { reference, info, flaw }
        }
    }

    impl Backend for Flawed {
        fn info(&self) -> &BackendInfo {
            &self.info
        }

        fn hash(&self, hash: Hash, records: &Records<'_>, out: &mut [Digest]) -> Result<(), Fault> {
            self.reference.hash(hash, records, out)
        }

        fn merkle_root(&self, tree: Tree, leaves: &[Digest]) -> Result<Root, Fault> {
            self.reference.merkle_root(tree, leaves)
        }

        fn verify(&self, rule: Rule, batch: &Batch<'_>, out: &mut [bool]) -> Result<(), Fault> {
            self.reference.verify(rule, batch, out)
        }

        fn first_occurrences(&self, fingerprints: &[Digest], out: &mut [u32]) -> Result<(), Fault> {
            self.reference.first_occurrences(fingerprints, out)?;
            match self.flaw {
                Flaw::None => {}
                Flaw::Slow => sleep(Duration::from_millis(20)),
                Flaw::Wrong => out[0] = 1,
                Flaw::Faulty => return Err(Fault::DeviceLost("unplugged".into())),
            }
            Ok(())
        }

        fn search(&self, puzzle: &Puzzle, window: NonceWindow) -> Result<Option<Nonce>, Fault> {
            self.reference.search(puzzle, window)
        }
    }

    fn found(cpu: Flaw, gpu: Flaw) -> Found {
        let [cpu, gpu] =
            [(BackendKind::Cpu, cpu), (BackendKind::Gpu, gpu)].map(|(kind, flaw)| Flawed::new(kind, flaw));
        calibrate(Operation::Dedup, &[300, 900], &cpu, &gpu, &Threads::new(1).unwrap())
    }

    #[test]
    fn the_crossover_is_the_first_size_at_which_the_gpu_is_faster() {
        assert_eq!(found(Flaw::Slow, Flaw::None), Found::PaysFrom(300));
        assert_eq!(found(Flaw::None, Flaw::Slow), Found::NeverPays);
    }

    #[test]
    fn a_faulting_gpu_never_pays_and_a_wrong_answer_is_reported() {
        assert_eq!(found(Flaw::Slow, Flaw::Faulty), Found::NeverPays);
        assert_eq!(found(Flaw::Slow, Flaw::Wrong), Found::WrongAnswer);
    }

    #[test]
    fn both_back_ends_answer_every_operation() {
        let threads = Threads::new(2).unwrap();
        let [cpu, gpu] = [BackendKind::Cpu, BackendKind::Gpu].map(|kind| Flawed::new(kind, Flaw::None));
        for operation in Operation::ALL {
            let mut source = Source::new(operation, 100, &threads);
            let [first, second] = [100, 100].map(|items| source.draw(operation, items));
            let answers = [&first, &second].map(|input| input.ask(&cpu).unwrap().0);
            assert!(answers[0] == first.ask(&gpu).unwrap().0, "{operation}");
            let differs = answers[0] != answers[1] || matches!(operation, Operation::Pow | Operation::Dedup);
            assert!(differs, "{operation}");
            if let Answer::Verdicts(verdicts) = &answers[0] {
                assert_eq!(verdicts.iter().filter(|valid| !**valid).count(), 1);
            }
        }
    }
}
