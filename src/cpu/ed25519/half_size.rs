//! Verification with half-size scalars: whether \[v S\]B - \[u\]A - \[v\]R is the identity, for
//! u and v from [`half_size_scalars`](mod@super::half_size_scalars).

use super::half_size_scalars::{HalfSizeScalars, half_size_scalars};
use super::{BaseComb, DECODE_VECTORS, ParsedSignature, add_comb_entry, load_vector, mask_to_bools};
use crate::cpu::edwards25519::{Affine, Comb, CombParams, Completed, LookupTable};
use crate::cpu::field25519::{Field, words_eq_mask};
use crate::cpu::lanes::{Lanes64, LanesF64, MAX_LANES64, U64x4};
use crate::cpu::scalar25519::{Recoding, limbs};
use crate::ed25519::Rule;

/// Windows of u and v. Nine pairs of ten are below 2^128 and take half as many windows; the top
/// digit of the shorter recoding is at most 16.
const RECODING_128: Recoding = Recoding::new(WINDOW_BITS, 128);
const RECODING_253: Recoding = Recoding::new(WINDOW_BITS, 253);
const WINDOW_BITS: u32 = 4;

/// Windows of v S: three times as wide, so that they start at every third window of u and v.
const BASE_RECODING: Recoding = Recoding::signed(3 * WINDOW_BITS, 21);
const BASE_RECODING_OFFSET: limbs::RecodingOffset = limbs::RecodingOffset::new(&BASE_RECODING);
const BASE_POSITIONS: usize = 11;

/// Table entries for digit magnitudes 0 to 2^3, and comb entries for 0 to 2^11.
const TABLE_ENTRIES: usize = 9;
const BASE_ENTRIES: usize = 2049;

/// The comb of B.
pub static BASE: BaseComb = BaseComb::new(CombParams {
    blocks: 2,
    spacing: BASE_POSITIONS * 3 * WINDOW_BITS as usize,
    entries: BASE_ENTRIES,
});

/// Vectors of signatures in a group, whose scalars and points are prepared together.
const GROUP_VECTORS: usize = 4;

/// Half-size scalars of one signature: u, with its sign in the top bit, and v.
#[derive(Clone, Copy)]
struct PackedScalars {
    u: U64x4,
    v: U64x4,
}

impl PackedScalars {
    fn fits_128_bits(&self) -> bool {
        let ([.., u2, u3], [.., v2, v3]) = (self.u.0, self.v.0);
        u2 | (u3 << 1) | v2 | v3 == 0
    }
}

/// Writes whether each signature satisfies the equation of `rule`, apart from the prechecks.
#[inline(always)]
pub fn verify<F: Field>(rule: Rule, parsed: &[ParsedSignature], base: &Comb, out: &mut [bool]) {
    let new_table = LookupTable::zeroed::<F::Lanes>;
    let mut tables = [new_table(TABLE_ENTRIES), new_table(TABLE_ENTRIES)];
    let scalars = if parsed.len() <= F::Lanes::LANES {
        pack_half_size_scalars::<F::Lanes, 1>(parsed)
    } else {
        pack_half_size_scalars::<F::Lanes, GROUP_VECTORS>(parsed)
    };
    // One long scalar costs all lanes more doublings, so signatures with long scalars share
    // vectors.
    let is_short = |i: &usize| scalars[*i].fits_128_bits();
    let (mut order, long): (Vec<usize>, Vec<usize>) = (0..parsed.len()).partition(is_short);
    order.extend(long);
    for order in order.chunks(GROUP_VECTORS * F::Lanes::LANES) {
        verify_vectors::<F>(rule, parsed, &scalars, order, base, &mut tables, out);
    }
}

/// The half-size scalars of each signature, `N` vectors at a time.
#[inline(always)]
fn pack_half_size_scalars<L: LanesF64, const N: usize>(parsed: &[ParsedSignature]) -> Vec<PackedScalars> {
    let mut scalars = Vec::with_capacity(parsed.len().next_multiple_of(N * L::LANES));
    for parsed in parsed.chunks(N * L::LANES) {
        let mut k = [[L::splat(0); 4]; N];
        for (i, k) in k.iter_mut().enumerate() {
            *k = load_vector(parsed.len(), i, |i| &parsed[i].k);
        }
        for HalfSizeScalars { u: [u0, u1, u2, u3], u_is_negative, v } in half_size_scalars(&k) {
            let u = [u0, u1, u2, u3 | u_is_negative.shl(63)];
            let mut rows = [[U64x4::default(); MAX_LANES64]; 2];
            L::store_transposed(u, &mut rows[0], 1);
            L::store_transposed(v, &mut rows[1], 1);
            scalars.extend((0..L::LANES).map(|lane| PackedScalars { u: rows[0][lane], v: rows[1][lane] }));
        }
    }
    scalars
}

/// Verifies the signatures at the indices in `order`.
#[inline(always)]
fn verify_vectors<F: Field>(
    rule: Rule,
    parsed: &[ParsedSignature],
    scalars: &[PackedScalars],
    order: &[usize],
    base: &Comb,
    tables: &mut [LookupTable; 2],
    out: &mut [bool],
) {
    let points = if order.len() <= F::Lanes::LANES {
        decode_points::<F, 2>(parsed, order)
    } else {
        decode_points::<F, DECODE_VECTORS>(parsed, order)
    };
    for (i, order) in order.chunks(F::Lanes::LANES).enumerate() {
        let [(a, a_decodes), (r, r_decodes)] = points[i];
        let [u0, u1, u2, u3]: [F::Lanes; 4] = load_vector(order.len(), 0, |lane| &scalars[order[lane]].u);
        let v = load_vector(order.len(), 0, |lane| &scalars[order[lane]].v);
        let u_is_positive = u3.shr(63) - F::Lanes::splat(1);
        tables[0].fill(a.conditional_negate(u_is_positive));
        tables[1].fill(r.neg());
        let s = load_vector(order.len(), 0, |lane| &parsed[order[lane]].s);
        let s = limbs::mul_balanced(&v, &s, &BASE_RECODING_OFFSET);
        let u = [u0, u1, u2, u3 & F::Lanes::splat(u64::MAX >> 1)];
        let all_fit_128_bits = order.iter().all(|&i| scalars[i].fits_128_bits());
        let recoding = if all_fit_128_bits { &RECODING_128 } else { &RECODING_253 };
        let mut sum: Completed<F> = multiscalar_mul(tables, base, recoding, &u, &v, &s);
        if rule == Rule::Zip215 {
            sum = sum.mul_by_cofactor();
        }
        let mut valid = sum.is_identity() & a_decodes & r_decodes;
        if rule != Rule::Zip215 {
            // The cofactorless rules compare encodings, and a point has only one canonical
            // encoding: R must be encoded canonically.
            let encoded = load_vector(order.len(), 0, |lane| &parsed[order[lane]].r);
            valid = valid & words_eq_mask(r.encode(), encoded);
        }
        for (&i, valid) in order.iter().zip(mask_to_bools(valid)) {
            out[i] = valid;
        }
    }
}

/// A and R of each vector, each with a mask of the lanes where it decodes; `N` points are
/// decoded together.
#[inline(always)]
fn decode_points<F: Field, const N: usize>(
    parsed: &[ParsedSignature],
    order: &[usize],
) -> Vec<[(Affine<F>, F::Lanes); 2]> {
    let vectors = order.len().div_ceil(F::Lanes::LANES);
    let mut points = Vec::with_capacity(vectors.next_multiple_of(N / 2));
    for first in (0..vectors).step_by(N / 2) {
        let mut encoded = [[F::Lanes::splat(0); 4]; N];
        for (i, [a, r]) in encoded.as_chunks_mut().0.iter_mut().enumerate() {
            *a = load_vector(order.len(), first + i, |i| &parsed[order[i]].a);
            *r = load_vector(order.len(), first + i, |i| &parsed[order[i]].r);
        }
        points.extend_from_slice(Affine::decode(&encoded).as_chunks().0);
    }
    points
}

/// The sum of u and v times the points of `tables`, and of s times B; s is already recoded.
#[inline(always)]
fn multiscalar_mul<F: Field>(
    tables: &[LookupTable; 2],
    base: &Comb,
    recoding: &Recoding,
    u: &[F::Lanes; 4],
    v: &[F::Lanes; 4],
    s: &[F::Lanes; 4],
) -> Completed<F> {
    let recoded = [recoding.recode_lanes(u), recoding.recode_lanes(v)];
    let significant = recoding.significant_digits(&recoded[0]).max(recoding.significant_digits(&recoded[1]));
    let top = significant.clamp(RECODING_128.count, recoding.count) - 1;
    // The top digit is unsigned and may be twice the largest table index, so it is added in two
    // parts.
    let [u, v] = [recoding.digit(&recoded[0], top).magnitude, recoding.digit(&recoded[1], top).magnitude];
    let positive = F::Lanes::splat(0);
    let mut sum = Completed::from_niels(&tables[0].lookup(u.shr(1)), positive);
    for (table, digit) in [(&tables[0], u - u.shr(1)), (&tables[1], v.shr(1)), (&tables[1], v - v.shr(1))] {
        sum = sum.add_niels(&table.lookup(digit), positive);
    }
    for position in (0..top).rev() {
        for _ in 0..WINDOW_BITS {
            sum = sum.double();
        }
        for (table, recoded) in tables.iter().zip(&recoded) {
            let digit = recoding.digit(recoded, position);
            sum = sum.add_niels(&table.lookup(digit.magnitude), digit.negative);
        }
        if position.is_multiple_of(3) && position < 3 * BASE_POSITIONS {
            for block in 0..2 {
                let index = block * BASE_POSITIONS + position / 3;
                if index < BASE_RECODING.count {
                    sum = add_comb_entry(
                        sum,
                        &[base; MAX_LANES64],
                        block * BASE_ENTRIES,
                        BASE_RECODING.digit(s, index),
                    );
                }
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::{EdwardsPoint, Scalar};

    use super::super::le_words;
    use super::*;
    use crate::cpu::isa::Level64;
    use crate::ed25519::half_size::{edge_scalars, random_scalars, scalar, with_very_short_half_size};

    dispatch! {
        fn verdicts(parsed: &[ParsedSignature], base: &Comb) -> Vec<bool> = verdicts_field::<Fe>
    }

    #[inline(always)]
    fn verdicts_field<F: Field>(parsed: &[ParsedSignature], base: &Comb) -> Vec<bool> {
        let mut out = vec![false; parsed.len()];
        verify::<F>(Rule::Rfc8032, parsed, base, &mut out);
        out
    }

    /// A valid signature with this k, by the private scalar a and the nonce r.
    fn sign(k: &[u64; 4], [a, r]: [u64; 2]) -> ParsedSignature {
        let (a, r) = (Scalar::from(a), Scalar::from(r));
        let encoded = |x: &Scalar| U64x4(le_words(EdwardsPoint::mul_base(x).compress().as_bytes()));
        let s = U64x4(le_words((r + scalar(k) * a).as_bytes()));
        ParsedSignature { a: encoded(&a), r: encoded(&r), s, k: U64x4(*k), passes_prechecks: true }
    }

    /// Includes k that no hash would yield, whose half-size scalars have any length.
    #[test]
    fn any_k_in_mixed_batches() {
        let all_k = [with_very_short_half_size(), edge_scalars(), random_scalars(300)].concat();
        let secrets = |i: usize| [1 + i as u64 * 0x9e37_79b9, 7 + i as u64 * 0x85eb_ca6b];
        let mut parsed: Vec<ParsedSignature> =
            all_k.iter().enumerate().map(|(i, k)| sign(k, secrets(i))).collect();
        for i in (0..parsed.len()).step_by(3) {
            parsed.swap(i, all_k.len() - 1 - i / 2);
        }
        let expected: Vec<bool> = (0..parsed.len()).map(|i| i % 5 != 2).collect();
        for (signature, valid) in parsed.iter_mut().zip(&expected) {
            signature.s.0[0] ^= u64::from(!valid);
        }
        for level in Level64::available() {
            for count in [parsed.len(), 100, 9, 8, 1] {
                assert_eq!(
                    verdicts(level, &parsed[..count], BASE.for_level(level)),
                    expected[..count],
                    "{level} {count}"
                );
            }
        }
    }
}
