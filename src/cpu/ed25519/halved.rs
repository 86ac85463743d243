//! Verification by scalars of half the length: whether \[v S\]B - \[u\]A - \[v\]R is
//! the neutral point, with u and v as in [`halves`](mod@super::halves).

use super::halves::{Halves, halves};
use super::{BaseMultiples, Claim, MAX_LANES, TOGETHER, column, plus_multiple, store_verdicts};
use crate::cpu::edwards25519::{Affine, Factors, Multiples, Shape, SpacedMultiples};
use crate::cpu::field25519::{Field, equal_words};
use crate::cpu::lanes::Lanes64;
use crate::cpu::scalar25519::{Digits, limbs};
use crate::ed25519::Rule;

/// Digits of u and v. Most are of 33 at most; those that are not short take more.
const DIGITS: Digits = Digits::new(DIGIT_BITS, 253);
const DIGIT_BITS: u32 = 4;
const PLACES: usize = 33;

/// Digits of v S, at every third place: the two parts of it share the doublings.
const BASE_DIGITS: Digits = Digits::new(3 * DIGIT_BITS, 254);
const BASE_PLACES: usize = PLACES / 3;

/// The multiples that a digit calls for: 0 to half of 2^4, and of 2^12.
const MULTIPLES: usize = 9;
const BASE_MULTIPLES: usize = 2049;

/// B's multiples.
pub static BASE: BaseMultiples =
    BaseMultiples::new(Shape { parts: 2, spacing: PLACES * DIGIT_BITS as usize, count: BASE_MULTIPLES });

/// Vectors of signatures that are prepared together.
const VECTORS: usize = 4;

/// Whether each signature is valid, but for what its bytes alone tell.
#[inline(always)]
pub fn verify<F: Field>(rule: Rule, claims: &[Claim], base: &SpacedMultiples, out: &mut [bool]) {
    let room = Multiples::with_room::<F::Lanes>;
    let mut tables = [room(MULTIPLES), room(MULTIPLES)];
    let size = VECTORS * F::Lanes::LANES;
    for (claims, out) in claims.chunks(size).zip(out.chunks_mut(size)) {
        verify_vectors::<F>(rule, claims, base, &mut tables, out);
    }
}

#[inline(always)]
fn verify_vectors<F: Field>(
    rule: Rule,
    claims: &[Claim],
    base: &SpacedMultiples,
    tables: &mut [Multiples; 2],
    out: &mut [bool],
) {
    let prepared = match claims.len().div_ceil(F::Lanes::LANES) {
        1 => prepared::<F, 1, 2>(claims),
        _ => prepared::<F, VECTORS, TOGETHER>(claims),
    };
    for (i, out) in out.chunks_mut(F::Lanes::LANES).enumerate() {
        let Prepared { points: [(a, a_decodes), (r, r_decodes)], halves } = prepared[i];
        tables[0].fill(a.negated_where(halves.u_is_negative ^ F::Lanes::splat(u64::MAX)));
        tables[1].fill(r.negated());
        let s = limbs::product(&halves.v, &column(claims, i, |claim| &claim.s));
        let mut sum: Factors<F> = combination(tables, base, &halves.u, &halves.v, &s);
        if rule == Rule::Zip215 {
            sum = sum.eightfold();
        }
        let mut valid = sum.is_identity() & a_decodes & r_decodes;
        if rule != Rule::Zip215 {
            // R is compared as it is encoded: there is one way to encode a point.
            valid = valid & equal_words(r.encode(), column(claims, i, |claim| &claim.r));
        }
        store_verdicts(valid, out);
    }
}

/// A vector of signatures.
#[derive(Clone, Copy)]
struct Prepared<F: Field> {
    /// A and R, with ones in the lanes where they are points.
    points: [(Affine<F>, F::Lanes); 2],
    /// What takes the place of k.
    halves: Halves<F::Lanes>,
}

/// Vectors of signatures, `N` at most; points are decoded `AT_ONCE` at a time.
#[inline(always)]
fn prepared<F: Field, const N: usize, const AT_ONCE: usize>(claims: &[Claim]) -> Vec<Prepared<F>> {
    let mut k = [[F::Lanes::splat(0); 4]; N];
    for (i, k) in k.iter_mut().enumerate() {
        *k = column(claims, i, |claim| &claim.k);
    }
    let halves = halves(&k);
    let mut prepared = Vec::with_capacity(N);
    for first in (0..claims.len().div_ceil(F::Lanes::LANES)).step_by(AT_ONCE / 2) {
        let mut encoded = [[F::Lanes::splat(0); 4]; AT_ONCE];
        for (i, [a, r]) in encoded.as_chunks_mut().0.iter_mut().enumerate() {
            *a = column(claims, first + i, |claim| &claim.a);
            *r = column(claims, first + i, |claim| &claim.r);
        }
        for (i, points) in Affine::decode(&encoded).as_chunks().0.iter().enumerate() {
            prepared.push(Prepared { points: *points, halves: halves[first + i] });
        }
    }
    prepared
}

/// The sum of u and v times the points of two tables, and of s times B.
#[inline(always)]
fn combination<F: Field>(
    tables: &[Multiples; 2],
    base: &SpacedMultiples,
    u: &[F::Lanes; 4],
    v: &[F::Lanes; 4],
    s: &[F::Lanes; 4],
) -> Factors<F> {
    let (u, v, s) = (DIGITS.prepared_each(u), DIGITS.prepared_each(v), BASE_DIGITS.prepared_each(s));
    let places = DIGITS.used(&u).max(DIGITS.used(&v)).max(PLACES);
    let highest = DIGITS.at(&u, places - 1);
    let mut sum = Factors::of(&tables[0].times(highest.magnitude), highest.negative);
    for place in (0..places).rev() {
        if place + 1 < places {
            for _ in 0..DIGIT_BITS {
                sum = sum.doubled();
            }
            let of_u = DIGITS.at(&u, place);
            sum = sum.plus(&tables[0].times(of_u.magnitude), of_u.negative);
        }
        let of_v = DIGITS.at(&v, place);
        sum = sum.plus(&tables[1].times(of_v.magnitude), of_v.negative);
        if place.is_multiple_of(3) && place < PLACES {
            for part in 0..2 {
                let digit = BASE_DIGITS.at(&s, part * BASE_PLACES + place / 3);
                sum = plus_multiple(sum, &[base; MAX_LANES], part * BASE_MULTIPLES, digit);
            }
        }
    }
    sum
}
