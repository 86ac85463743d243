//! SHA-256 with one message in each of a few streams, for messages too few or too
//! unlike to fill lanes.

use super::Isa;
use super::lanes::sha_ni::ShaNi;
use super::sha256::{INITIAL, last_block};

/// Messages one after another, where the processor has an extension for that.
#[derive(Clone, Copy)]
pub struct Streams {
    extension: ShaNi,
    always: bool,
}

impl Streams {
    /// The streams to use beside, or instead of, the lanes of `isa`.
    pub fn beside(isa: Isa) -> Option<Self> {
        ShaNi::below(isa).map(|extension| Streams { extension, always: isa < Isa::Avx512 })
    }

    /// Whether they are faster than lanes even if every lane is busy.
    pub fn always(self) -> bool {
        self.always
    }

    /// Whether messages of these lengths are better hashed here than in a group
    /// of `lanes`.
    pub fn win(self, lengths: impl Iterator<Item = usize>, lanes: usize) -> bool {
        let blocks = lengths.map(|length| last_block(length) + 1);
        let (sum, most) = blocks.fold((0, 0), |(sum, most), blocks| (sum + blocks, blocks.max(most)));
        // A lane takes half of a stream's time, busy or not.
        self.always || 2 * sum < lanes * most
    }

    /// The digest of each message; with `double`, of its digest.
    pub fn digests(self, messages: &[&[u8]], double: bool, out: &mut [[u8; 32]]) {
        let (pairs, last) = messages.as_chunks::<2>();
        for (pair, out) in pairs.iter().zip(out.as_chunks_mut::<2>().0) {
            *out = self.digest(*pair, double);
        }
        if let [last] = last {
            [out[messages.len() - 1]] = self.digest([*last], double);
        }
    }

    fn digest<const N: usize>(self, messages: [&[u8]; N], double: bool) -> [[u8; 32]; N] {
        let mut states = self.states(messages);
        if double {
            let digests = states.map(bytes_of);
            states = self.states(digests.each_ref().map(|digest| &digest[..]));
        }
        states.map(bytes_of)
    }

    fn states<const N: usize>(self, messages: [&[u8]; N]) -> [[u32; 8]; N] {
        let mut states = [INITIAL; N];
        let whole = messages.map(|message| message.as_chunks::<64>().0);
        let ends = messages.map(padded_end);
        let ends = ends.each_ref().map(|(end, blocks)| &end.as_chunks::<64>().0[..*blocks]);
        self.compress_unlike(&mut states, whole);
        self.compress_unlike(&mut states, ends);
        states
    }

    /// Streams of unlike lengths: together as far as the shortest goes.
    fn compress_unlike<const N: usize>(self, states: &mut [[u32; 8]; N], blocks: [&[[u8; 64]]; N]) {
        let common = blocks.iter().map(|blocks| blocks.len()).min().unwrap_or(0);
        self.extension.compress(states, blocks.map(|blocks| &blocks[..common]));
        for (state, blocks) in states.iter_mut().zip(blocks) {
            self.extension.compress(std::array::from_mut(state), [&blocks[common..]]);
        }
    }
}

/// The last one or two blocks of a padded message, and how many they are.
fn padded_end(message: &[u8]) -> ([u8; 128], usize) {
    let rest = message.as_chunks::<64>().1;
    let blocks = last_block(message.len()) + 1 - message.len() / 64;
    let mut end = [0; 128];
    end[..rest.len()].copy_from_slice(rest);
    end[rest.len()] = 0x80;
    end[64 * blocks - 8..][..8].copy_from_slice(&(8 * message.len() as u64).to_be_bytes());
    (end, blocks)
}

fn bytes_of(state: [u32; 8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    bytes
}
