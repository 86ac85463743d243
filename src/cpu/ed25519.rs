//! Ed25519 verification, with one signature in each lane.
//!
//! Each lane checks the verification equation of its own signature; no verdict depends on
//! another lane. There are three ways: `comb` for cached keys, `half_size` for other keys, and
//! under ZIP 215 `batch_equation`, which checks many signatures by one multi-scalar
//! multiplication. The products of one equation share their doublings (Straus).
//!
//! Verification handles public data only: nothing here runs in constant time.

mod batch_equation;
mod comb;
mod half_size;
mod half_size_scalars;
mod key_cache;

use std::hint::black_box;

pub use batch_equation::verify_by_batch_equation;
pub use key_cache::KeyCache;

use super::edwards25519::{Affine, Comb, CombParams, Completed};
use super::field25519::Field;
use super::isa::{Level, Level64, PerLevel};
use super::lanes::{Lanes64, MAX_LANES64, U64x4};
use super::peak_rate::min_time;
use super::scalar25519::{Digit, is_canonical, limbs};
use super::sha512::{Message, hash_lanes};
use crate::ed25519::{Batch, Rule};

/// Vectors of points that are decoded together.
const DECODE_VECTORS: usize = 4;

/// The encodings of y of the points of small order, without the sign bit: 0, 1, the two of
/// order 8, and -1; then p and p + 1, which are non-canonical encodings of 0 and 1.
const SMALL_ORDER: [[u64; 4]; 7] = [
    [0; 4],
    [1, 0, 0, 0],
    [0xb027_b2c2_8f95_e826, 0xf098_eff2_89f4_c345, 0x3933_c6d3_05ac_dfd5, 0x05fc_536d_8802_38b1],
    [0x4fd8_4d3d_706a_17c7, 0x0f67_100d_760b_3cba, 0xc6cc_392c_fa53_202a, 0x7a03_ac92_77fd_c74e],
    [u64::MAX - 19, u64::MAX, u64::MAX, u64::MAX >> 1],
    [u64::MAX - 18, u64::MAX, u64::MAX, u64::MAX >> 1],
    [u64::MAX - 17, u64::MAX, u64::MAX, u64::MAX >> 1],
];

/// Writes to `out` whether each signature is valid under `rule`, on this thread. `keys` has the
/// expanded key of each signature, if all are cached.
pub fn verify(level: Level, rule: Rule, batch: &Batch<'_>, keys: Option<&[&ExpandedKey]>, out: &mut [bool]) {
    let enough = |level: &Level64| keys.is_some() || batch.len() >= break_even_batch(*level);
    if let Some(level) = level.lanes64().filter(enough)
        && rounds_to_nearest()
    {
        let base = if keys.is_some() { &comb::BASE } else { &half_size::BASE };
        return verify_in_lanes(level, rule, batch, keys, base.for_level(level), out);
    }
    for (i, out) in out.iter_mut().enumerate() {
        *out = rule.accepts(&batch.keys()[i], &batch.signatures()[i], batch.messages().get(i));
    }
}

/// Whether doubles are rounded to nearest, as the field arithmetic on doubles requires. A
/// program may set another rounding mode for its threads.
fn rounds_to_nearest() -> bool {
    let [one, tiny] = black_box([1.0, f64::EPSILON / 8.0]);
    one + tiny == one && one - tiny == one
}

/// The batch size from which verification in lanes, most of them idle, is faster than one
/// signature at a time. The first call measures it, since processors differ.
fn break_even_batch(level: Level64) -> usize {
    static MEASURED: PerLevel<usize> = PerLevel::new();
    *MEASURED.get_or_init(level, || {
        // The key is the base point. S has full length, so that the invalid signature takes as
        // long as a valid one.
        let mut key = [0x66; 32];
        key[0] = 0x58;
        let mut signature = [0x0f; 64];
        signature[..32].copy_from_slice(&key);
        let mut batch = Batch::with_capacity(1);
        batch.push(&key, &signature, &[]);
        let base = half_size::BASE.for_level(level);
        let lanes_time =
            min_time(8, || verify_in_lanes(level, Rule::Rfc8032, &batch, None, base, &mut [false]));
        let single_time = min_time(8, || _ = black_box(Rule::Rfc8032.accepts(&key, &signature, &[])));
        lanes_time.div_duration_f64(single_time).ceil() as usize
    })
}

dispatch! {
    fn verify_in_lanes(
        rule: Rule, batch: &Batch<'_>, keys: Option<&[&ExpandedKey]>, base: &Comb, out: &mut [bool]
    ) = verify_field::<Fe>
}

dispatch! {
    /// Expands public keys: the comb of each -A.
    fn expand_keys(encodings: &[[u8; 32]]) -> Vec<ExpandedKey> = expand_keys_field::<Fe>
}

#[inline(always)]
fn expand_keys_field<F: Field>(encodings: &[[u8; 32]]) -> Vec<ExpandedKey> {
    let mut keys = Vec::with_capacity(encodings.len());
    for encodings in encodings.chunks(F::Lanes::LANES) {
        let [(a, decodes)] =
            Affine::<F>::decode(&[load_lanes(|lane| le_words(&encodings[lane % encodings.len()]))]);
        let combs = Comb::build(a.neg(), comb::KEY_COMB).into_iter().take(encodings.len());
        keys.extend(combs.zip(mask_to_bools(decodes)).map(|(comb, decodes)| ExpandedKey { comb, decodes }));
    }
    keys
}

dispatch! {
    fn base_comb(params: CombParams) -> Vec<Comb> = base_comb_field::<Fe>
}

#[inline(always)]
fn base_comb_field<F: Field>(params: CombParams) -> Vec<Comb> {
    Comb::build(Affine::<F>::base(), params)
}

/// The comb of B, in the form of each level.
struct BaseComb {
    params: CombParams,
    combs: PerLevel<Comb>,
}

impl BaseComb {
    const fn new(params: CombParams) -> Self {
        BaseComb { params, combs: PerLevel::new() }
    }

    /// The comb for `level`; the first call builds it.
    fn for_level(&self, level: Level64) -> &Comb {
        self.combs.get_or_init(level, || base_comb(level, self.params).swap_remove(0))
    }
}

/// The little-endian words of `bytes`.
fn le_words<const N: usize, const BYTES: usize>(bytes: &[u8; BYTES]) -> [u64; N] {
    let (words, _) = bytes.as_chunks();
    std::array::from_fn(|i| u64::from_le_bytes(words[i]))
}

/// Loads one 256-bit number for each lane: `number(lane)`.
#[inline(always)]
fn load_lanes<L: Lanes64>(number: impl Fn(usize) -> [u64; 4]) -> [L; 4] {
    let mut rows = [U64x4::default(); MAX_LANES64];
    for (lane, row) in rows[..L::LANES].iter_mut().enumerate() {
        *row = U64x4(number(lane));
    }
    L::load_transposed(&rows.each_ref())
}

fn has_small_order(encoding: &U64x4) -> bool {
    let [w0, w1, w2, w3] = encoding.0;
    SMALL_ORDER.contains(&[w0, w1, w2, w3 & (u64::MAX >> 1)])
}

/// A public key A with the comb of -A.
pub struct ExpandedKey {
    comb: Comb,
    /// Whether the encoding of A decodes to a point.
    decodes: bool,
}

/// A signature and its key as 256-bit numbers: the encodings of A and R, the scalar S, and k =
/// SHA-512(R, A, M) mod L.
#[derive(Clone, Copy)]
struct ParsedSignature {
    a: U64x4,
    r: U64x4,
    s: U64x4,
    k: U64x4,
    /// Whether S is below L and, under the strict rule, neither A nor R has small order.
    passes_prechecks: bool,
}

#[inline(always)]
fn verify_field<F: Field>(
    rule: Rule,
    batch: &Batch<'_>,
    keys: Option<&[&ExpandedKey]>,
    base: &Comb,
    out: &mut [bool],
) {
    let parsed = parse_signatures::<F::Lanes>(rule, batch);
    match keys {
        Some(keys) => comb::verify::<F>(rule, &parsed, keys, base, out),
        None => half_size::verify::<F>(rule, &parsed, base, out),
    }
    for (out, signature) in out.iter_mut().zip(&parsed) {
        *out &= signature.passes_prechecks;
    }
}

/// Whether each lane of `mask` is all ones.
#[inline(always)]
fn mask_to_bools<L: Lanes64>(mask: L) -> [bool; MAX_LANES64] {
    let mut lanes = [0; MAX_LANES64];
    mask.store(&mut lanes);
    lanes.map(|lane| lane == u64::MAX)
}

/// Stores the verdicts of the first `out.len()` lanes.
#[inline(always)]
fn store_verdicts<L: Lanes64>(mask: L, out: &mut [bool]) {
    out.copy_from_slice(&mask_to_bools(mask)[..out.len()]);
}

/// Adds each lane's comb entry for `digit`; the block's entries start at `first_entry`.
#[inline(always)]
fn add_comb_entry<F: Field>(
    sum: Completed<F>,
    combs: &[&Comb; MAX_LANES64],
    first_entry: usize,
    digit: Digit<F::Lanes>,
) -> Completed<F> {
    let index = digit.magnitude + F::Lanes::splat(first_entry as u64);
    sum.add_mixed(&Comb::gather(combs, index), digit.negative)
}

/// Loads vector `vector` of `count` numbers. Lanes past the last number repeat it.
#[inline(always)]
fn load_vector<'a, L: Lanes64>(count: usize, vector: usize, number: impl Fn(usize) -> &'a U64x4) -> [L; 4] {
    let mut rows = [number(0); MAX_LANES64];
    for (lane, row) in rows[..L::LANES].iter_mut().enumerate() {
        *row = number((vector * L::LANES + lane).min(count - 1));
    }
    L::load_transposed(&rows)
}

/// Parses all signatures and computes k = SHA-512(R, A, M) mod L.
///
/// Messages are sorted by their number of blocks, so that those hashed together end together.
#[inline(always)]
fn parse_signatures<L: Lanes64>(rule: Rule, batch: &Batch<'_>) -> Vec<ParsedSignature> {
    let (keys, signatures) = (batch.keys(), batch.signatures());
    let message = |i: usize| Message {
        head: [signatures[i].first_chunk().expect("R is 32 bytes"), &keys[i]],
        body: batch.messages().get(i),
    };
    let mut parsed: Vec<ParsedSignature> = keys
        .iter()
        .zip(signatures)
        .map(|(key, signature)| {
            let [r0, r1, r2, r3, s @ ..]: [u64; 8] = le_words(signature);
            let (a, r) = (U64x4(le_words(key)), U64x4([r0, r1, r2, r3]));
            let passes_prechecks =
                is_canonical(&s) && !(rule == Rule::Strict && (has_small_order(&a) || has_small_order(&r)));
            let s = U64x4(if passes_prechecks { s } else { [0; 4] });
            ParsedSignature { a, r, s, k: U64x4::default(), passes_prechecks }
        })
        .collect();
    let mut order: Vec<usize> = (0..parsed.len()).collect();
    order.sort_by_key(|&i| message(i).blocks());
    for order in order.chunks(L::LANES) {
        let mut messages = [message(order[0]); MAX_LANES64];
        for (message_in_lane, &i) in messages.iter_mut().zip(order) {
            *message_in_lane = message(i);
        }
        let mut k = [U64x4::default(); MAX_LANES64];
        L::store_transposed(limbs::reduce(&hash_lanes::<L>(&messages[..order.len()])), &mut k, 1);
        for (&i, k) in order.iter().zip(k) {
            parsed[i].k = k;
        }
    }
    parsed
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::constants::EIGHT_TORSION;
    use curve25519_dalek::edwards::CompressedEdwardsY;

    use super::*;

    #[test]
    fn small_order_encodings_match_the_torsion_points() {
        for point in EIGHT_TORSION {
            assert!(has_small_order(&U64x4(le_words(point.compress().as_bytes()))));
        }
        for [w0, w1, w2, w3] in SMALL_ORDER {
            for sign in [0, 1 << 63] {
                let mut bytes = [0; 32];
                for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip([w0, w1, w2, w3 | sign]) {
                    *bytes = word.to_le_bytes();
                }
                let point = CompressedEdwardsY(bytes).decompress();
                assert!(point.is_some_and(|point| point.is_small_order()), "{bytes:x?}");
            }
        }
        assert!(!has_small_order(&U64x4([2, 0, 0, 0])));
    }
}
