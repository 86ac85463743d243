//! Verification with cached keys: computes R' = \[S\]B - \[k\]A by the combs of B and -A, and
//! compares it with R.

use super::{
    BaseComb, DECODE_VECTORS, ExpandedKey, ParsedSignature, add_comb_entry, load_vector, store_verdicts,
};
use crate::cpu::edwards25519::{Affine, Comb, CombParams, Completed, batch_normalize};
use crate::cpu::field25519::{Field, words_eq_mask};
use crate::cpu::lanes::{Lanes64, MAX_LANES64};
use crate::cpu::scalar25519::Recoding;
use crate::ed25519::Rule;

/// Windows of k.
const K_RECODING: Recoding = Recoding::new(5, 253);

/// Windows of S: twice as wide, so that they start at every second window of k.
const S_RECODING: Recoding = Recoding::new(10, 253);

/// Comb entries for digit magnitudes 0 to 2^4, and 0 to 2^9.
const KEY_ENTRIES: usize = 17;
const BASE_ENTRIES: usize = 513;

/// Blocks of the combs, which share the doublings, and windows of k in each block.
const BLOCKS: usize = 4;
const POSITIONS: usize = 14;

const fn params(entries: usize) -> CombParams {
    CombParams { blocks: BLOCKS, spacing: 5 * POSITIONS, entries }
}

pub const KEY_COMB: CombParams = params(KEY_ENTRIES);

/// The comb of B.
pub static BASE: BaseComb = BaseComb::new(params(BASE_ENTRIES));

/// Vectors that share a field inversion.
const INVERSION_VECTORS: usize = 32;

/// Writes whether each signature satisfies the equation of `rule`, apart from the prechecks.
#[inline(always)]
pub fn verify<F: Field>(
    rule: Rule,
    parsed: &[ParsedSignature],
    keys: &[&ExpandedKey],
    base: &Comb,
    out: &mut [bool],
) {
    let chunk = INVERSION_VECTORS * F::Lanes::LANES;
    for ((parsed, keys), out) in parsed.chunks(chunk).zip(keys.chunks(chunk)).zip(out.chunks_mut(chunk)) {
        let points = compute_r::<F>(parsed, keys, base);
        match rule {
            Rule::Zip215 => check_cofactored(parsed, &points, out),
            Rule::Rfc8032 | Rule::Strict => check_cofactorless(parsed, &points, out),
        }
        out.iter_mut().zip(keys).for_each(|(out, key)| *out &= key.decodes);
    }
}

/// R' = \[S\]B - \[k\]A of each vector.
#[inline(always)]
fn compute_r<F: Field>(parsed: &[ParsedSignature], keys: &[&ExpandedKey], base: &Comb) -> Vec<Completed<F>> {
    let vectors = parsed.len().div_ceil(F::Lanes::LANES);
    let mut points = Vec::with_capacity(vectors);
    for vector in 0..vectors {
        let k = K_RECODING.recode_lanes(&load_vector(parsed.len(), vector, |i| &parsed[i].k));
        let s = S_RECODING.recode_lanes(&load_vector(parsed.len(), vector, |i| &parsed[i].s));
        let comb = |lane: usize| &keys[(vector * F::Lanes::LANES + lane).min(keys.len() - 1)].comb;
        points.push(double_scalar_mul(&std::array::from_fn(comb), &k, base, &s));
    }
    points
}

/// \[k\]P + \[s\]B in each lane, with k and s recoded. `combs` are those of each lane's P.
#[inline(always)]
fn double_scalar_mul<F: Field>(
    combs: &[&Comb; MAX_LANES64],
    k: &[F::Lanes; 4],
    base: &Comb,
    s: &[F::Lanes; 4],
) -> Completed<F> {
    let mut sum = Completed::identity();
    for position in (0..POSITIONS).rev() {
        if position + 1 < POSITIONS {
            for _ in 0..5 {
                sum = sum.double();
            }
        }
        for block in 0..BLOCKS {
            let digit = block * POSITIONS + position;
            if digit < K_RECODING.count {
                let k_digit = K_RECODING.digit(k, digit);
                sum = add_comb_entry(sum, combs, block * KEY_ENTRIES, k_digit);
            }
        }
        for block in (0..BLOCKS).filter(|_| position.is_multiple_of(2)) {
            let digit = (block * POSITIONS + position) / 2;
            if digit < S_RECODING.count {
                let s_digit = S_RECODING.digit(s, digit);
                sum = add_comb_entry(sum, &[base; MAX_LANES64], block * BASE_ENTRIES, s_digit);
            }
        }
    }
    sum
}

/// The cofactorless equation: the encodings of R' and R are equal.
#[inline(always)]
fn check_cofactorless<F: Field>(parsed: &[ParsedSignature], points: &[Completed<F>], out: &mut [bool]) {
    let affine = batch_normalize(points);
    for (vector, out) in out.chunks_mut(F::Lanes::LANES).enumerate() {
        let r = load_vector(parsed.len(), vector, |i| &parsed[i].r);
        store_verdicts(words_eq_mask(affine[vector].encode(), r), out);
    }
}

/// The cofactored equation: \[8\](R' - R) is the identity.
#[inline(always)]
fn check_cofactored<F: Field>(parsed: &[ParsedSignature], points: &[Completed<F>], out: &mut [bool]) {
    let lanes = F::Lanes::LANES;
    for (i, (points, out)) in
        points.chunks(DECODE_VECTORS).zip(out.chunks_mut(DECODE_VECTORS * lanes)).enumerate()
    {
        let mut encoded = [[F::Lanes::splat(0); 4]; DECODE_VECTORS];
        for (j, encoded) in encoded.iter_mut().enumerate() {
            *encoded = load_vector(parsed.len(), i * DECODE_VECTORS + j, |i| &parsed[i].r);
        }
        let decoded = Affine::decode(&encoded);
        for (j, out) in out.chunks_mut(lanes).enumerate() {
            let (r, decodes) = decoded[j];
            let difference = points[j].add_mixed(&r.to_niels(), F::Lanes::splat(u64::MAX));
            store_verdicts(difference.mul_by_cofactor().is_identity() & decodes, out);
        }
    }
}
