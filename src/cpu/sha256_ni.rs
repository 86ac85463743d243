//! SHA-256 by the SHA extension, for messages that are too few or too ragged to fill lanes.
//! Messages are hashed two at a time, interleaved.

use super::lanes::sha_ni::ShaNi;
use super::sha256::{INITIAL, last_block_index};
use super::{Isa, Level};

/// A SHA-256 hasher on the SHA extension.
#[derive(Clone, Copy)]
pub struct Sha256Ni {
    extension: ShaNi,
    always_faster: bool,
}

impl Sha256Ni {
    /// The hasher, if `level` allows it and the processor has the extension.
    pub fn available(level: Level) -> Option<Self> {
        let always_faster = !level.isa().includes(Isa::Avx512);
        ShaNi::available(level).map(|extension| Sha256Ni { extension, always_faster })
    }

    /// Whether it beats the lanes even if all of them are filled.
    pub fn is_always_faster(self) -> bool {
        self.always_faster
    }

    /// Whether messages of these lengths are hashed faster here than as one group of `lanes`.
    pub fn is_faster(self, lengths: impl Iterator<Item = usize>, lanes: usize) -> bool {
        let blocks = lengths.map(|length| last_block_index(length) + 1);
        let (sum, longest) =
            blocks.fold((0, 0), |(sum, longest), blocks| (sum + blocks, blocks.max(longest)));
        // A block takes half as long in a lane as here, and every lane takes as long as the
        // longest message.
        self.always_faster || 2 * sum < lanes * longest
    }

    /// Writes the SHA-256 digest of each message to `out`, or its SHA-256d digest if `double`.
    pub fn hash(self, messages: &[&[u8]], double: bool, out: &mut [[u8; 32]]) {
        let (pairs, last) = messages.as_chunks::<2>();
        for (pair, out) in pairs.iter().zip(out.as_chunks_mut::<2>().0) {
            *out = self.hash_interleaved(*pair, double);
        }
        if let [last] = last {
            [out[messages.len() - 1]] = self.hash_interleaved([*last], double);
        }
    }

    fn hash_interleaved<const N: usize>(self, messages: [&[u8]; N], double: bool) -> [[u8; 32]; N] {
        let mut states = self.hash_states(messages);
        if double {
            let digests = states.map(digest_bytes);
            states = self.hash_states(digests.each_ref().map(|digest| &digest[..]));
        }
        states.map(digest_bytes)
    }

    fn hash_states<const N: usize>(self, messages: [&[u8]; N]) -> [[u32; 8]; N] {
        let mut states = [INITIAL; N];
        let whole = messages.map(|message| message.as_chunks::<64>().0);
        let tails = messages.map(padded_tail);
        let tails = tails.each_ref().map(|(tail, blocks)| &tail.as_chunks::<64>().0[..*blocks]);
        self.compress_ragged(&mut states, whole);
        self.compress_ragged(&mut states, tails);
        states
    }

    /// Compresses messages of any numbers of blocks: interleaved up to the shortest, then each
    /// on its own.
    fn compress_ragged<const N: usize>(self, states: &mut [[u32; 8]; N], blocks: [&[[u8; 64]]; N]) {
        let common = blocks.iter().map(|blocks| blocks.len()).min().unwrap_or(0);
        self.extension.compress(states, blocks.map(|blocks| &blocks[..common]));
        for (state, blocks) in states.iter_mut().zip(blocks) {
            self.extension.compress(std::array::from_mut(state), [&blocks[common..]]);
        }
    }
}

/// The last one or two blocks of the padded message, and their number.
fn padded_tail(message: &[u8]) -> ([u8; 128], usize) {
    let rest = message.as_chunks::<64>().1;
    let blocks = last_block_index(message.len()) + 1 - message.len() / 64;
    let mut tail = [0; 128];
    tail[..rest.len()].copy_from_slice(rest);
    tail[rest.len()] = 0x80;
    tail[64 * blocks - 8..][..8].copy_from_slice(&(8 * message.len() as u64).to_be_bytes());
    (tail, blocks)
}

fn digest_bytes(state: [u32; 8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    bytes
}
