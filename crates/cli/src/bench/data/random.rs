//! Random bytes, and the choices made from them.

use verilane::Digest;

/// An endless stream of random bytes: BLAKE3's output.
pub struct RandomStream(blake3::OutputReader);

impl RandomStream {
    pub fn new(seed: u64) -> Self {
        RandomStream(blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof())
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.fill(&mut bytes);
        bytes
    }

    pub fn words(&mut self, count: usize) -> Vec<u64> {
        let mut words = vec![0; count];
        self.0.fill(bytemuck::cast_slice_mut(&mut words));
        words
    }

    pub fn digests(&mut self, count: usize) -> Vec<Digest> {
        let mut digests = vec![Digest::default(); count];
        self.0.fill(bytemuck::cast_slice_mut(&mut digests));
        digests
    }

    pub fn word(&mut self) -> u64 {
        self.words(1)[0]
    }
}

/// A number below `bound`: the high half of the product with a random word.
pub fn below(word: u64, bound: usize) -> usize {
    ((u128::from(word) * bound as u128) >> 64) as usize
}

/// Whether an item repeats an earlier one, as 30 % do. The low half of a random word
/// decides; its high half chooses the earlier item ([`below`]).
pub fn repeats(word: u64) -> bool {
    ((word & 0xffff_ffff) * 10) >> 32 < 3
}
