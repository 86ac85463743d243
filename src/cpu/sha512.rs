//! SHA-512 (FIPS 180-4) with one message in each lane.

use super::lanes::{Lanes64, MAX_LANES64, U64x4};

/// Bytes in a block.
const BLOCK_LEN: usize = 128;

/// The first 64 bits of the fractional parts of the cube roots of the first 80 primes.
const K: [u64; 80] = [
    0x428a_2f98_d728_ae22,
    0x7137_4491_23ef_65cd,
    0xb5c0_fbcf_ec4d_3b2f,
    0xe9b5_dba5_8189_dbbc,
    0x3956_c25b_f348_b538,
    0x59f1_11f1_b605_d019,
    0x923f_82a4_af19_4f9b,
    0xab1c_5ed5_da6d_8118,
    0xd807_aa98_a303_0242,
    0x1283_5b01_4570_6fbe,
    0x2431_85be_4ee4_b28c,
    0x550c_7dc3_d5ff_b4e2,
    0x72be_5d74_f27b_896f,
    0x80de_b1fe_3b16_96b1,
    0x9bdc_06a7_25c7_1235,
    0xc19b_f174_cf69_2694,
    0xe49b_69c1_9ef1_4ad2,
    0xefbe_4786_384f_25e3,
    0x0fc1_9dc6_8b8c_d5b5,
    0x240c_a1cc_77ac_9c65,
    0x2de9_2c6f_592b_0275,
    0x4a74_84aa_6ea6_e483,
    0x5cb0_a9dc_bd41_fbd4,
    0x76f9_88da_8311_53b5,
    0x983e_5152_ee66_dfab,
    0xa831_c66d_2db4_3210,
    0xb003_27c8_98fb_213f,
    0xbf59_7fc7_beef_0ee4,
    0xc6e0_0bf3_3da8_8fc2,
    0xd5a7_9147_930a_a725,
    0x06ca_6351_e003_826f,
    0x1429_2967_0a0e_6e70,
    0x27b7_0a85_46d2_2ffc,
    0x2e1b_2138_5c26_c926,
    0x4d2c_6dfc_5ac4_2aed,
    0x5338_0d13_9d95_b3df,
    0x650a_7354_8baf_63de,
    0x766a_0abb_3c77_b2a8,
    0x81c2_c92e_47ed_aee6,
    0x9272_2c85_1482_353b,
    0xa2bf_e8a1_4cf1_0364,
    0xa81a_664b_bc42_3001,
    0xc24b_8b70_d0f8_9791,
    0xc76c_51a3_0654_be30,
    0xd192_e819_d6ef_5218,
    0xd699_0624_5565_a910,
    0xf40e_3585_5771_202a,
    0x106a_a070_32bb_d1b8,
    0x19a4_c116_b8d2_d0c8,
    0x1e37_6c08_5141_ab53,
    0x2748_774c_df8e_eb99,
    0x34b0_bcb5_e19b_48a8,
    0x391c_0cb3_c5c9_5a63,
    0x4ed8_aa4a_e341_8acb,
    0x5b9c_ca4f_7763_e373,
    0x682e_6ff3_d6b2_b8a3,
    0x748f_82ee_5def_b2fc,
    0x78a5_636f_4317_2f60,
    0x84c8_7814_a1f0_ab72,
    0x8cc7_0208_1a64_39ec,
    0x90be_fffa_2363_1e28,
    0xa450_6ceb_de82_bde9,
    0xbef9_a3f7_b2c6_7915,
    0xc671_78f2_e372_532b,
    0xca27_3ece_ea26_619c,
    0xd186_b8c7_21c0_c207,
    0xeada_7dd6_cde0_eb1e,
    0xf57d_4f7f_ee6e_d178,
    0x06f0_67aa_7217_6fba,
    0x0a63_7dc5_a2c8_98a6,
    0x113f_9804_bef9_0dae,
    0x1b71_0b35_131c_471b,
    0x28db_77f5_2304_7d84,
    0x32ca_ab7b_40c7_2493,
    0x3c9e_be0a_15c9_bebc,
    0x431d_67c4_9c10_0d4c,
    0x4cc5_d4be_cb3e_42b6,
    0x597f_299c_fc65_7e2a,
    0x5fcb_6fab_3ad6_faec,
    0x6c44_198c_4a47_5817,
];

/// The first 64 bits of the fractional parts of the square roots of the first 8 primes.
const INITIAL: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

/// A message of a 64-byte head and a body: R, A and M of a signature.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    /// The first 64 bytes.
    pub head: [&'a [u8; 32]; 2],
    /// The bytes after the head.
    pub body: &'a [u8],
}

impl Message<'_> {
    /// The number of blocks of the padded message.
    pub fn blocks(&self) -> usize {
        (64 + self.body.len() + 1 + 16).div_ceil(BLOCK_LEN)
    }

    /// Writes block `index` of the padded message to `block`.
    fn write_block(&self, index: usize, block: &mut [u8; BLOCK_LEN]) {
        let (start, body) = if index == 0 {
            block[..32].copy_from_slice(self.head[0]);
            block[32..64].copy_from_slice(self.head[1]);
            (64, self.body)
        } else {
            (0, self.body.get(BLOCK_LEN * index - 64..).unwrap_or_default())
        };
        let dest = &mut block[start..];
        if body.len() >= dest.len() {
            return dest.copy_from_slice(&body[..dest.len()]);
        }
        let (data, padding) = dest.split_at_mut(body.len());
        data.copy_from_slice(body);
        padding.fill(0);
        let ends_here = BLOCK_LEN * index + start < 64 + self.body.len() + 1;
        if ends_here {
            padding[0] = 0x80;
        }
        if index + 1 == self.blocks() {
            let bits = 8 * (64 + self.body.len() as u128);
            block[BLOCK_LEN - 16..].copy_from_slice(&bits.to_be_bytes());
        }
    }
}

/// The digest of each lane's message, as little-endian words. Lanes whose message has ended
/// keep their state.
#[inline(always)]
pub fn hash_lanes<L: Lanes64>(messages: &[Message<'_>]) -> [L; 8] {
    let blocks: [usize; MAX_LANES64] =
        std::array::from_fn(|lane| messages.get(lane).map_or(0, Message::blocks));
    let max_blocks = blocks.into_iter().max().unwrap_or(0);
    let mut state = INITIAL.map(L::splat);
    let mut padded = [[U64x4::default(); 4]; MAX_LANES64];
    for index in 0..max_blocks {
        let initial = state;
        for (message, padded) in messages.iter().zip(&mut padded) {
            if index < message.blocks() {
                message.write_block(index, bytemuck::cast_mut(padded));
            }
        }
        let mut w = [state[0]; 16];
        for (i, w) in w.as_chunks_mut().0.iter_mut().enumerate() {
            *w = L::load_transposed(&padded.each_ref().map(|rows| &rows[i])).map(L::swap_bytes);
        }
        compress(&mut state, w);
        let active = L::load(&blocks.map(|blocks| if index < blocks { u64::MAX } else { 0 }));
        for (state, initial) in state.iter_mut().zip(initial) {
            *state = active.choose(*state, initial);
        }
    }
    for word in &mut state {
        *word = word.swap_bytes();
    }
    state
}

#[inline(always)]
fn compress<L: Lanes64>(state: &mut [L; 8], mut w: [L; 16]) {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for first in (0..80).step_by(16) {
        macro_rules! round {
            ($a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident $i:expr) => {
                if first > 0 {
                    w[$i] = w[$i]
                        + w[($i + 9) % 16]
                        + small_sigma_1(w[($i + 14) % 16])
                        + small_sigma_0(w[($i + 1) % 16]);
                }
                let t = $h + L::splat(K[first + $i]) + w[$i] + $e.choose($f, $g) + big_sigma_1($e);
                $d = $d + t;
                $h = t + $a.majority($b, $c) + big_sigma_0($a);
            };
        }
        round!(a b c d e f g h 0);
        round!(h a b c d e f g 1);
        round!(g h a b c d e f 2);
        round!(f g h a b c d e 3);
        round!(e f g h a b c d 4);
        round!(d e f g h a b c 5);
        round!(c d e f g h a b 6);
        round!(b c d e f g h a 7);
        round!(a b c d e f g h 8);
        round!(h a b c d e f g 9);
        round!(g h a b c d e f 10);
        round!(f g h a b c d e 11);
        round!(e f g h a b c d 12);
        round!(d e f g h a b c 13);
        round!(c d e f g h a b 14);
        round!(b c d e f g h a 15);
    }
    let after = [a, b, c, d, e, f, g, h];
    for (state, after) in state.iter_mut().zip(after) {
        *state = *state + after;
    }
}

#[inline(always)]
fn big_sigma_0<L: Lanes64>(x: L) -> L {
    x.rotr::<28>().xor3(x.rotr::<34>(), x.rotr::<39>())
}

#[inline(always)]
fn big_sigma_1<L: Lanes64>(x: L) -> L {
    x.rotr::<14>().xor3(x.rotr::<18>(), x.rotr::<41>())
}

#[inline(always)]
fn small_sigma_0<L: Lanes64>(x: L) -> L {
    x.rotr::<1>().xor3(x.rotr::<8>(), x.shr(7))
}

#[inline(always)]
fn small_sigma_1<L: Lanes64>(x: L) -> L {
    x.rotr::<19>().xor3(x.rotr::<61>(), x.shr(6))
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha512};

    use super::*;
    use crate::cpu::isa::Level64;

    dispatch! {
        fn check(messages: &[Message<'_>]) = check_lanes::<U64s>
    }

    #[inline(always)]
    fn check_lanes<L: Lanes64>(messages: &[Message<'_>]) {
        for messages in messages.chunks(L::LANES) {
            let digests = hash_lanes::<L>(messages).map(|word| {
                let mut lanes = [0; MAX_LANES64];
                word.store(&mut lanes);
                lanes
            });
            for (lane, message) in messages.iter().enumerate() {
                let whole = [&message.head[0][..], message.head[1], message.body].concat();
                let digest: Vec<u8> = digests.iter().flat_map(|word| word[lane].to_le_bytes()).collect();
                assert_eq!(digest, Sha512::digest(&whole)[..], "{} bytes in lane {lane}", whole.len());
            }
        }
    }

    #[test]
    fn every_length_in_every_lane_matches_sha2() {
        let bytes: Vec<u8> = (0..600).map(|i| (i * 7 + i / 256) as u8).collect();
        let heads: Vec<[u8; 32]> = (0..400).map(|i| [i as u8; 32]).collect();
        let message =
            |i: usize| Message { head: [&heads[i % 400], &heads[(i + 7) % 400]], body: &bytes[..i] };
        let ascending: Vec<_> = (0..=400).map(message).collect();
        let mixed: Vec<_> = (0..=400).map(|i| message(i * 211 % 401)).collect();
        for level in Level64::available() {
            check(level, &ascending);
            check(level, &mixed);
        }
    }
}
