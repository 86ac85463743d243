//! Verification by keys whose tables are kept: R' = \[S\]B - \[k\]A against R.

use super::{BaseMultiples, Claim, Key, TOGETHER, column, plus_multiple, store_verdicts};
use crate::cpu::edwards25519::{Affine, Factors, Shape, SpacedMultiples, affine_each};
use crate::cpu::field25519::{Field, equal_words};
use crate::cpu::lanes::{Lanes64, MAX_LANES64};
use crate::cpu::scalar25519::Digits;
use crate::ed25519::Rule;

/// Digits of k.
const DIGITS: Digits = Digits::new(5, 253);

/// Digits of S, at every second place of k's.
const BASE_DIGITS: Digits = Digits::new(10, 253);

/// The multiples that a digit calls for: 0 to half of 2^5, and of 2^10.
const MULTIPLES: usize = 17;
const BASE_MULTIPLES: usize = 513;

/// The parts of k and S share the doublings: each has so many digits of k.
const PARTS: usize = 4;
const PLACES: usize = 14;

const fn shape(count: usize) -> Shape {
    Shape { parts: PARTS, spacing: 5 * PLACES, count }
}

pub const KEY_SHAPE: Shape = shape(MULTIPLES);

/// B's multiples.
pub static BASE: BaseMultiples = BaseMultiples::new(shape(BASE_MULTIPLES));

/// Vectors that share an inversion.
const GROUP: usize = 32;

/// Whether each signature is valid, but for what its bytes alone tell.
#[inline(always)]
pub fn verify<F: Field>(
    rule: Rule,
    claims: &[Claim],
    keys: &[&Key],
    base: &SpacedMultiples,
    out: &mut [bool],
) {
    let size = GROUP * F::Lanes::LANES;
    for ((claims, keys), out) in claims.chunks(size).zip(keys.chunks(size)).zip(out.chunks_mut(size)) {
        let points = points::<F>(claims, keys, base);
        match rule {
            Rule::Zip215 => cofactored(claims, &points, out),
            Rule::Rfc8032 | Rule::Strict => cofactorless(claims, &points, out),
        }
        out.iter_mut().zip(keys).for_each(|(out, key)| *out &= key.decodes);
    }
}

/// R' of each vector.
#[inline(always)]
fn points<F: Field>(claims: &[Claim], keys: &[&Key], base: &SpacedMultiples) -> Vec<Factors<F>> {
    let vectors = claims.len().div_ceil(F::Lanes::LANES);
    let mut points = Vec::with_capacity(vectors);
    for vector in 0..vectors {
        let k = DIGITS.prepared_each(&column(claims.len(), vector, |i| &claims[i].k));
        let s = BASE_DIGITS.prepared_each(&column(claims.len(), vector, |i| &claims[i].s));
        let key = |lane: usize| &keys[(vector * F::Lanes::LANES + lane).min(keys.len() - 1)].table;
        points.push(combination(&std::array::from_fn(key), &k, base, &s));
    }
    points
}

/// \[k\]P + \[s\]B in each lane.
#[inline(always)]
fn combination<F: Field>(
    points: &[&SpacedMultiples; MAX_LANES64],
    k: &[F::Lanes; 4],
    base: &SpacedMultiples,
    s: &[F::Lanes; 4],
) -> Factors<F> {
    let mut sum = Factors::identity();
    for place in (0..PLACES).rev() {
        if place + 1 < PLACES {
            for _ in 0..5 {
                sum = sum.doubled();
            }
        }
        for part in 0..PARTS {
            let digit = part * PLACES + place;
            if digit < DIGITS.count {
                let of_k = DIGITS.at(k, digit);
                sum = plus_multiple(sum, points, part * MULTIPLES, of_k);
            }
        }
        for part in (0..PARTS).filter(|_| place.is_multiple_of(2)) {
            let digit = (part * PLACES + place) / 2;
            if digit < BASE_DIGITS.count {
                let of_s = BASE_DIGITS.at(s, digit);
                sum = plus_multiple(sum, &[base; MAX_LANES64], part * BASE_MULTIPLES, of_s);
            }
        }
    }
    sum
}

/// Whether the encoding of R' is that of R.
#[inline(always)]
fn cofactorless<F: Field>(claims: &[Claim], points: &[Factors<F>], out: &mut [bool]) {
    let affine = affine_each(points);
    for (vector, out) in out.chunks_mut(F::Lanes::LANES).enumerate() {
        let r = column(claims.len(), vector, |i| &claims[i].r);
        store_verdicts(equal_words(affine[vector].encode(), r), out);
    }
}

/// Whether \[8\]R' = \[8\]R.
#[inline(always)]
fn cofactored<F: Field>(claims: &[Claim], points: &[Factors<F>], out: &mut [bool]) {
    let lanes = F::Lanes::LANES;
    for (i, (points, out)) in points.chunks(TOGETHER).zip(out.chunks_mut(TOGETHER * lanes)).enumerate() {
        let mut encoded = [[F::Lanes::splat(0); 4]; TOGETHER];
        for (j, encoded) in encoded.iter_mut().enumerate() {
            *encoded = column(claims.len(), i * TOGETHER + j, |i| &claims[i].r);
        }
        let decoded = Affine::decode(&encoded);
        for (j, out) in out.chunks_mut(lanes).enumerate() {
            let (r, decodes) = decoded[j];
            let difference = points[j].plus_affine(&r.cached(), F::Lanes::splat(u64::MAX));
            store_verdicts(difference.eightfold().is_identity() & decodes, out);
        }
    }
}
