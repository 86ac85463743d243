//! Fresh input for each operation, and its run on a back end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ed25519_dalek::{Signer as _, SigningKey};
use rayon::prelude::*;
use verilane::backend::check_call_by_call;
use verilane::dedup::Seen;
use verilane::ed25519::{Batch, Rule};
use verilane::entries::BlockCheck;
use verilane::merkle::Root;
use verilane::pow::{Nonce, NonceWindow, Puzzle, Target};
use verilane::{Backend, Digest, Entries, Fault, Hash, Operation, Records, Tree};

use super::queues::{Queues, one_by_one};
use super::source::Source;
use super::standing::{Block, Standing};

/// Bytes that differ in every call: BLAKE3's output stream.
pub struct Stream(blake3::OutputReader);

impl Stream {
    pub fn new(seed: u64) -> Self {
        Stream(blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof())
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.fill(&mut bytes);
        bytes
    }

    pub fn words(&mut self, count: usize) -> Vec<u64> {
        let mut words = vec![0; count];
        self.0.fill(bytemuck::cast_slice_mut(&mut words));
        words
    }

    fn digests(&mut self, count: usize) -> Vec<Digest> {
        let mut digests = vec![Digest::default(); count];
        self.0.fill(bytemuck::cast_slice_mut(&mut digests));
        digests
    }

    fn word(&mut self) -> u64 {
        self.words(1)[0]
    }
}

/// A number below `bound` from a random word: the high half of their product.
pub fn below(word: u64, bound: usize) -> usize {
    ((u128::from(word) * bound as u128) >> 64) as usize
}

/// Whether an item repeats an earlier one, as 30 % do. The low half of a random
/// word decides that; the high half decides which ([`below`]).
pub fn repeats(word: u64) -> bool {
    ((word & 0xffff_ffff) * 10) >> 32 < 3
}

/// What an input is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Recipe {
    /// Records of random bytes, of lengths from `shortest` to `longest`.
    Hash { hash: Hash, shortest: usize, longest: usize },
    /// Random leaves.
    Merkle(Tree),
    /// Signatures by distinct keys over messages of 32 to 200 bytes, one in 64
    /// with a flipped bit.
    Verify(Rule),
    /// Fingerprints, 30 % of which repeat an earlier one.
    Dedup,
    /// A block's records, 30 % of which were seen before, against an index of
    /// `known` others, to which the block is then added.
    Index { known: u64 },
    /// A nonce window of a random header without a hit.
    Pow,
    /// Records of 256 to 2,048 bytes, 30 % of which repeat an earlier one, signed
    /// by 64 institutions; in one of 64 entries a bit is flipped.
    Check,
    /// Signatures as for [`Verify`](Recipe::Verify), from threads that have one at
    /// a time.
    Queue,
}

/// How a back end is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// In one call.
    AtOnce,
    /// A block's check by a call for each operation in it.
    CallByCall,
    /// Signatures one by one, through a queue.
    OneByOne,
}

/// What signatures in a queue are verified under.
pub const QUEUE_RULE: Rule = Rule::Strict;

/// What blocks are checked under.
pub const BLOCK_RULE: Rule = Rule::Strict;
const BLOCK_HASH: Hash = Hash::Sha256;
const BLOCK_TREE: Tree = Tree::Rfc6962(Hash::Sha256);

const SHORTEST_RECORD: usize = 256;
const LONGEST_RECORD: usize = 2048;
const INSTITUTIONS: usize = 64;

const SHORTEST_MESSAGE: usize = 32;
const LONGEST_MESSAGE: usize = 200;

impl Recipe {
    pub fn operation(self) -> Operation {
        match self {
            Recipe::Hash { .. } => Operation::Hash,
            Recipe::Merkle(_) => Operation::Merkle,
            Recipe::Verify(_) | Recipe::Queue => Operation::Verify,
            Recipe::Dedup | Recipe::Index { .. } => Operation::Dedup,
            Recipe::Pow => Operation::Pow,
            Recipe::Check => Operation::Check,
        }
    }

    /// Shortest and longest item in bytes, without keys and signatures.
    pub fn item_bytes(self) -> [usize; 2] {
        match self {
            Recipe::Hash { shortest, longest, .. } => [shortest, longest],
            Recipe::Merkle(_) | Recipe::Dedup | Recipe::Index { .. } => [32, 32],
            Recipe::Verify(_) | Recipe::Queue => [SHORTEST_MESSAGE, LONGEST_MESSAGE],
            Recipe::Pow => [Puzzle::BITCOIN_HEADER; 2],
            Recipe::Check => [SHORTEST_RECORD, LONGEST_RECORD],
        }
    }

    /// In which ways it is measured.
    pub fn manners(self) -> &'static [Manner] {
        match self {
            Recipe::Check => &[Manner::AtOnce, Manner::CallByCall],
            Recipe::Queue => &[Manner::OneByOne, Manner::AtOnce],
            _ => &[Manner::AtOnce],
        }
    }

    /// An input of `items`, of which no bytes were seen before; `source` must
    /// have been made for as many.
    pub fn fresh(self, items: usize, source: &mut Source) -> Input {
        let Source { stream, signed, uploads, standing, queues } = source;
        match self {
            Recipe::Hash { hash, shortest, longest } => {
                Input::Hash { hash, records: records(items, shortest, longest, stream) }
            }
            Recipe::Merkle(tree) => Input::Merkle { tree, leaves: stream.digests(items) },
            Recipe::Verify(rule) => Input::Verify { rule, batch: signed.draw(items, stream) },
            Recipe::Dedup => Input::Dedup { prints: prints(items, stream) },
            Recipe::Index { .. } => {
                let block = lock(standing).draw(items, stream);
                let right = Answer::Seen([block.seen.clone(), block.seen.clone()]);
                Input::Index { block, right, standing: standing.clone() }
            }
            Recipe::Pow => {
                let first = stream.word() as u32;
                let first = first.min(u32::MAX - (items - 1) as u32);
                Input::Pow { puzzle: puzzle(stream, NO_HIT), window: first..=first + (items - 1) as u32 }
            }
            Recipe::Check => Input::Check { entries: uploads.draw(items, stream) },
            Recipe::Queue => Input::Queue { batch: signed.draw(items, stream), queues: queues.clone() },
        }
    }

    /// An input whose answer is known without any back end.
    pub fn planted(self, stream: &mut Stream) -> Option<(Input, Answer)> {
        (self == Recipe::Pow).then(|| planted_nonce(stream))
    }
}

fn records(items: usize, shortest: usize, longest: usize, stream: &mut Stream) -> Records<'static> {
    if shortest == longest {
        let bytes = stream.bytes(items * longest);
        return Records::from_slices(bytes.chunks_exact(longest));
    }
    let spread = longest - shortest + 1;
    let lengths: Vec<_> =
        stream.words(items).into_iter().map(|word| shortest + below(word, spread)).collect();
    let bytes = stream.bytes(lengths.iter().sum());
    let mut records = Records::with_capacity(items, bytes.len());
    let mut rest = &bytes[..];
    for length in lengths {
        let (record, tail) = rest.split_at(length);
        records.push(record);
        rest = tail;
    }
    records
}

fn prints(items: usize, stream: &mut Stream) -> Vec<Digest> {
    let mut prints = stream.digests(items);
    let words = stream.words(items);
    for index in 1..items {
        if repeats(words[index]) {
            prints[index] = prints[below(words[index], index)];
        }
    }
    prints
}

/// 64 zero bits, met by one header in 2⁶⁴: as hard as real ones, so that a
/// kernel's early exit is taken as often as in earnest.
const NO_HIT: Target = {
    let mut target = [0xff; 32];
    let mut i = 0;
    while i < 8 {
        target[i] = 0;
        i += 1;
    }
    Target::from_be_bytes(target)
};

fn puzzle(stream: &mut Stream, target: Target) -> Puzzle {
    let header = stream.bytes(Puzzle::BITCOIN_HEADER);
    Puzzle::bitcoin(header.as_slice().try_into().expect("a header has 80 bytes"), target)
}

/// A window of 4,096 nonces and the target that exactly one of them meets.
fn planted_nonce(stream: &mut Stream) -> (Input, Answer) {
    let puzzle = puzzle(stream, NO_HIT);
    let first = (stream.word() as u32).min(u32::MAX - 4095);
    let window = first..=first + 4095;
    let hits = window.clone().map(|nonce| Nonce { nonce, digest: puzzle.digest(nonce) });
    let lowest = hits.min_by_key(|hit| hit.digest.reversed()).expect("the window is not empty");
    let header = puzzle.header().try_into().expect("a header has 80 bytes");
    let puzzle = Puzzle::bitcoin(header, Target::from_be_bytes(lowest.digest.reversed().0));
    (Input::Pow { puzzle, window }, Answer::Nonce(Some(lowest)))
}

/// Valid signatures to draw from.
pub struct Signed {
    keys: Vec<[u8; 32]>,
    signatures: Vec<[u8; 64]>,
    messages: Vec<Vec<u8>>,
}

impl Signed {
    /// At least `count` signatures, each by a key of its own.
    pub fn new(count: usize, stream: &mut Stream) -> Self {
        // A power of two, so that every odd stride visits all of them.
        let count = count.next_power_of_two();
        let secrets = stream.digests(count);
        let messages: Vec<_> =
            records(count, SHORTEST_MESSAGE, LONGEST_MESSAGE, stream).iter().map(<[u8]>::to_vec).collect();
        let sign = |(secret, message): (&Digest, &Vec<u8>)| {
            let key = SigningKey::from_bytes(&secret.0);
            (key.verifying_key().to_bytes(), key.sign(message).to_bytes())
        };
        let (keys, signatures) = secrets.par_iter().zip(&messages).map(sign).unzip();
        Signed { keys, signatures, messages }
    }

    /// A batch of `items`, in another order each time, one in 64 of them with
    /// one bit of the signature or the message flipped.
    pub fn draw(&self, items: usize, stream: &mut Stream) -> Batch<'static> {
        let (start, stride) = (stream.word() as usize, stream.word() as usize | 1);
        let mut batch = Batch::with_capacity(items);
        for (i, word) in stream.words(items).into_iter().enumerate() {
            let index = start.wrapping_add(i.wrapping_mul(stride)) & (self.keys.len() - 1);
            let (key, mut signature) = (&self.keys[index], self.signatures[index]);
            let message = &self.messages[index];
            if word & 63 != 0 {
                batch.push(key, &signature, message);
                continue;
            }
            let bit = below(word, 8 * (64 + message.len()));
            let mut message = message.clone();
            let byte = signature.iter_mut().chain(&mut message).nth(bit / 8);
            *byte.expect("the bit is in one of them") ^= 1 << (bit % 8);
            batch.push(key, &signature, &message);
        }
        batch
    }
}

/// Signed records to draw from.
pub struct Uploads(Entries<'static>);

impl Uploads {
    /// At least `count` entries; none if none are asked for.
    pub fn new(count: usize, stream: &mut Stream) -> Self {
        // A power of two, so that every odd stride visits all of them.
        let count = if count == 0 { 0 } else { count.next_power_of_two() };
        let records = records(count, SHORTEST_RECORD, LONGEST_RECORD, stream);
        let signers: Vec<_> =
            stream.digests(INSTITUTIONS).iter().map(|secret| SigningKey::from_bytes(&secret.0)).collect();
        let sign = |index: usize| {
            let digest = BLOCK_HASH.digest(records.get(index));
            (digest, signers[index % INSTITUTIONS].sign(&digest.0).to_bytes())
        };
        let signed: Vec<_> = (0..count).into_par_iter().map(sign).collect();
        let mut entries = Entries::with_capacity(count, records.total_bytes() as usize);
        for (index, (digest, signature)) in signed.into_iter().enumerate() {
            let key = signers[index % INSTITUTIONS].verifying_key().to_bytes();
            entries.push(&key, &signature, digest, records.get(index));
        }
        Uploads(entries)
    }

    /// `items` entries, in another order each time, one in 64 of them with one bit
    /// of the signature or the record flipped.
    fn draw(&self, items: usize, stream: &mut Stream) -> Entries<'static> {
        let Uploads(all) = self;
        let (start, stride) = (stream.word() as usize, stream.word() as usize | 1);
        let mut entries = Entries::with_capacity(items, items * LONGEST_RECORD);
        let words = stream.words(2 * items);
        for (i, [word, spoilt]) in words.as_chunks::<2>().0.iter().enumerate() {
            let repeats = ((word & 0xffff_ffff) * 10) >> 32 < 3;
            let place = if repeats { below(*word, i) } else { i };
            let index = start.wrapping_add(place.wrapping_mul(stride)) & (all.len() - 1);
            let mut record = all.records().get(index).to_vec();
            let mut signature = all.signatures()[index];
            if spoilt & 63 == 0 {
                let bit = below(*spoilt, 8 * (64 + record.len()));
                let byte = signature.iter_mut().chain(&mut record).nth(bit / 8);
                *byte.expect("the bit is in one of them") ^= 1 << (bit % 8);
            }
            entries.push(&all.keys()[index], &signature, all.digests()[index], &record);
        }
        entries
    }
}

/// What a back end is asked.
pub enum Input {
    Hash { hash: Hash, records: Records<'static> },
    Merkle { tree: Tree, leaves: Vec<Digest> },
    Verify { rule: Rule, batch: Batch<'static> },
    Dedup { prints: Vec<Digest> },
    Index { block: Block, right: Answer, standing: Arc<Mutex<Standing>> },
    Pow { puzzle: Puzzle, window: NonceWindow },
    Check { entries: Entries<'static> },
    Queue { batch: Batch<'static>, queues: Arc<Mutex<Queues>> },
}

impl Input {
    /// The bytes that the operation reads.
    pub fn bytes(&self) -> u64 {
        match self {
            Input::Hash { records, .. } => records.total_bytes(),
            Input::Merkle { leaves: digests, .. } | Input::Dedup { prints: digests } => {
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

    /// The back end's answer and the time that its call took. Room for the
    /// answer is made before the clock starts, and holds nothing that is right.
    pub fn run(&self, backend: &Arc<dyn Backend>, manner: Manner) -> Result<(Answer, Duration), Fault> {
        match self {
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
            Input::Queue { batch, queues } if manner == Manner::OneByOne => {
                let verifier = lock(queues).of(backend)?;
                let (verdicts, time) = timed(|| one_by_one(&verifier, batch))?;
                Ok((Answer::Verdicts(verdicts), time))
            }
            Input::Queue { batch, .. } => {
                let mut verdicts = vec![false; batch.len()];
                let ((), time) = timed(|| backend.verify(QUEUE_RULE, batch, &mut verdicts))?;
                Ok((Answer::Verdicts(verdicts), time))
            }
            Input::Dedup { prints } => {
                let mut firsts = vec![u32::MAX; prints.len()];
                let ((), time) = timed(|| backend.first_occurrences(prints, &mut firsts))?;
                Ok((Answer::Firsts(firsts), time))
            }
            Input::Index { block, standing, .. } => {
                let (seen, time) = lock(standing).check(backend, block)?;
                Ok((Answer::Seen(seen), time))
            }
            Input::Pow { puzzle, window } => {
                let (nonce, time) = timed(|| backend.search(puzzle, window.clone()))?;
                Ok((Answer::Nonce(nonce), time))
            }
            Input::Check { entries } => {
                let (check, time) = timed(|| match manner {
                    Manner::AtOnce => backend.check_block(BLOCK_RULE, BLOCK_HASH, BLOCK_TREE, entries),
                    Manner::CallByCall | Manner::OneByOne => {
                        check_call_by_call(backend.as_ref(), BLOCK_RULE, BLOCK_HASH, BLOCK_TREE, entries)
                    }
                })?;
                Ok((Answer::Check(check), time))
            }
        }
    }
}

/// What is shared by inputs; a panic elsewhere ends the program anyway.
pub fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn timed<T>(call: impl FnOnce() -> Result<T, Fault>) -> Result<(T, Duration), Fault> {
    let start = Instant::now();
    let value = call()?;
    Ok((value, start.elapsed()))
}

/// What a back end answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Digests(Vec<Digest>),
    Root(Root),
    Verdicts(Vec<bool>),
    Firsts(Vec<u32>),
    /// What an index told when it was scanned, and when the same was added.
    Seen([Vec<Seen>; 2]),
    Nonce(Option<Nonce>),
    Check(BlockCheck),
}

impl Answer {
    /// Where this answer first differs from the right one, if it does.
    pub fn difference(&self, right: &Answer) -> Option<String> {
        match (self, right) {
            (Answer::Digests(a), Answer::Digests(b)) => position("digest", a, b),
            (Answer::Verdicts(a), Answer::Verdicts(b)) => position("verdict", a, b),
            (Answer::Firsts(a), Answer::Firsts(b)) => position("first occurrence", a, b),
            (Answer::Seen([scanned, added]), Answer::Seen([right, also])) => {
                position("scanned record", scanned, right).or_else(|| position("added record", added, also))
            }
            (Answer::Check(a), Answer::Check(b)) => position("verdict", &a.verdicts, &b.verdicts)
                .or_else(|| position("digest", &a.digests, &b.digests))
                .or_else(|| position("first occurrence", a.firsts.as_slice(), b.firsts.as_slice()))
                .or_else(|| {
                    (a.root != b.root).then(|| format!("it is {:?} instead of {:?}", a.root, b.root))
                }),
            _ => (self != right).then(|| format!("it is {self:?} instead of {right:?}")),
        }
    }
}

fn position<T: PartialEq + std::fmt::Debug>(what: &str, answer: &[T], right: &[T]) -> Option<String> {
    let index = answer.iter().zip(right).position(|(a, b)| a != b)?;
    Some(format!("{what} {index} is {:?} instead of {:?}", answer[index], right[index]))
}
