//! Verification by scalars of half the length: whether \[v S\]B - \[u\]A - \[v\]R is
//! the neutral point, with u and v as in [`halves`](mod@super::halves).

use super::halves::{Halves, halves};
use super::{BaseMultiples, Claim, TOGETHER, column, plus_multiple, truths};
use crate::cpu::edwards25519::{Affine, Factors, Multiples, Shape, SpacedMultiples};
use crate::cpu::field25519::{Field, equal_words};
use crate::cpu::lanes::{Lanes64, LanesF64, MAX_LANES64, Quad};
use crate::cpu::scalar25519::{Digits, limbs};
use crate::ed25519::Rule;

/// Digits of u and v where all are below 2^128, as nine of ten are: the highest is 16
/// at most. And of any.
const SHORT_DIGITS: Digits = Digits::new(DIGIT_BITS, 128);
const LONG_DIGITS: Digits = Digits::new(DIGIT_BITS, 253);
const DIGIT_BITS: u32 = 4;

/// Digits of v S, at every third place: the two parts of it share the doublings.
const BASE_DIGITS: Digits = Digits::signed(3 * DIGIT_BITS, 21);
const BASE_OFFSET: limbs::Offset = limbs::Offset::of(&BASE_DIGITS);
const BASE_PLACES: usize = 11;

/// The multiples that a digit calls for: 0 to half of 2^4, and of 2^12.
const MULTIPLES: usize = 9;
const BASE_MULTIPLES: usize = 2049;

/// B's multiples.
pub static BASE: BaseMultiples = BaseMultiples::new(Shape {
    parts: 2,
    spacing: BASE_PLACES * 3 * DIGIT_BITS as usize,
    count: BASE_MULTIPLES,
});

/// Vectors of signatures that are prepared together.
const VECTORS: usize = 4;

/// What takes the place of k: u, whose highest bit tells whether it is below zero, and v.
#[derive(Clone, Copy)]
struct Short {
    u: Quad,
    v: Quad,
}

impl Short {
    fn is_below_2_128(&self) -> bool {
        let ([.., u2, u3], [.., v2, v3]) = (self.u.0, self.v.0);
        u2 | (u3 << 1) | v2 | v3 == 0
    }
}

/// Whether each signature is valid, but for what its bytes alone tell.
#[inline(always)]
pub fn verify<F: Field>(rule: Rule, claims: &[Claim], base: &SpacedMultiples, out: &mut [bool]) {
    let room = Multiples::with_room::<F::Lanes>;
    let mut tables = [room(MULTIPLES), room(MULTIPLES)];
    let shorts = if claims.len() <= F::Lanes::LANES {
        shorts::<F::Lanes, 1>(claims)
    } else {
        shorts::<F::Lanes, VECTORS>(claims)
    };
    // One long number makes more doublings for all lanes: long ones go together.
    let below = |i: &usize| shorts[*i].is_below_2_128();
    let (mut order, long): (Vec<usize>, Vec<usize>) = (0..claims.len()).partition(below);
    order.extend(long);
    for order in order.chunks(VECTORS * F::Lanes::LANES) {
        verify_vectors::<F>(rule, claims, &shorts, order, base, &mut tables, out);
    }
}

/// u and v for each signature, `N` vectors at a time.
#[inline(always)]
fn shorts<L: LanesF64, const N: usize>(claims: &[Claim]) -> Vec<Short> {
    let mut shorts = Vec::with_capacity(claims.len().next_multiple_of(N * L::LANES));
    for claims in claims.chunks(N * L::LANES) {
        let mut k = [[L::splat(0); 4]; N];
        for (i, k) in k.iter_mut().enumerate() {
            *k = column(claims.len(), i, |i| &claims[i].k);
        }
        for Halves { u: [u0, u1, u2, u3], u_is_negative, v } in halves(&k) {
            let u = [u0, u1, u2, u3 | u_is_negative.shl(63)];
            let mut rows = [[Quad::default(); MAX_LANES64]; 2];
            L::store_quads(u, &mut rows[0], 1);
            L::store_quads(v, &mut rows[1], 1);
            shorts.extend((0..L::LANES).map(|lane| Short { u: rows[0][lane], v: rows[1][lane] }));
        }
    }
    shorts
}

/// The signatures at the places of `order`.
#[inline(always)]
fn verify_vectors<F: Field>(
    rule: Rule,
    claims: &[Claim],
    shorts: &[Short],
    order: &[usize],
    base: &SpacedMultiples,
    tables: &mut [Multiples; 2],
    out: &mut [bool],
) {
    let points = if order.len() <= F::Lanes::LANES {
        points::<F, 2>(claims, order)
    } else {
        points::<F, TOGETHER>(claims, order)
    };
    for (i, order) in order.chunks(F::Lanes::LANES).enumerate() {
        let [(a, a_decodes), (r, r_decodes)] = points[i];
        let [u0, u1, u2, u3]: [F::Lanes; 4] = column(order.len(), 0, |lane| &shorts[order[lane]].u);
        let v = column(order.len(), 0, |lane| &shorts[order[lane]].v);
        let u_is_positive = u3.shr(63) - F::Lanes::splat(1);
        tables[0].fill(a.negated_where(u_is_positive));
        tables[1].fill(r.negated());
        let s = column(order.len(), 0, |lane| &claims[order[lane]].s);
        let s = limbs::product(&v, &s, &BASE_OFFSET);
        let u = [u0, u1, u2, u3 & F::Lanes::splat(u64::MAX >> 1)];
        let all_short = order.iter().all(|&place| shorts[place].is_below_2_128());
        let digits = if all_short { &SHORT_DIGITS } else { &LONG_DIGITS };
        let mut sum: Factors<F> = combination(tables, base, digits, &u, &v, &s);
        if rule == Rule::Zip215 {
            sum = sum.eightfold();
        }
        let mut valid = sum.is_identity() & a_decodes & r_decodes;
        if rule != Rule::Zip215 {
            // R is compared as it is encoded: there is one way to encode a point.
            let encoded = column(order.len(), 0, |lane| &claims[order[lane]].r);
            valid = valid & equal_words(r.encode(), encoded);
        }
        for (&place, valid) in order.iter().zip(truths(valid)) {
            out[place] = valid;
        }
    }
}

/// A and R, with ones in the lanes where they are points, vector by vector; `AT_ONCE` are
/// decoded at a time.
#[inline(always)]
fn points<F: Field, const AT_ONCE: usize>(
    claims: &[Claim],
    order: &[usize],
) -> Vec<[(Affine<F>, F::Lanes); 2]> {
    let vectors = order.len().div_ceil(F::Lanes::LANES);
    let mut points = Vec::with_capacity(vectors.next_multiple_of(AT_ONCE / 2));
    for first in (0..vectors).step_by(AT_ONCE / 2) {
        let mut encoded = [[F::Lanes::splat(0); 4]; AT_ONCE];
        for (i, [a, r]) in encoded.as_chunks_mut().0.iter_mut().enumerate() {
            *a = column(order.len(), first + i, |i| &claims[order[i]].a);
            *r = column(order.len(), first + i, |i| &claims[order[i]].r);
        }
        points.extend_from_slice(Affine::decode(&encoded).as_chunks().0);
    }
    points
}

/// The sum of u and v times the points of two tables, and of s times B; s is prepared.
#[inline(always)]
fn combination<F: Field>(
    tables: &[Multiples; 2],
    base: &SpacedMultiples,
    digits: &Digits,
    u: &[F::Lanes; 4],
    v: &[F::Lanes; 4],
    s: &[F::Lanes; 4],
) -> Factors<F> {
    let numbers = [digits.prepared_each(u), digits.prepared_each(v)];
    let used = digits.used(&numbers[0]).max(digits.used(&numbers[1]));
    let highest = used.clamp(SHORT_DIGITS.count, digits.count) - 1;
    // It is not below zero, and taken as two, since it may be twice the others.
    let [u, v] = [digits.at(&numbers[0], highest).magnitude, digits.at(&numbers[1], highest).magnitude];
    let positive = F::Lanes::splat(0);
    let mut sum = Factors::of(&tables[0].times(u.shr(1)), positive);
    for (table, digit) in [(&tables[0], u - u.shr(1)), (&tables[1], v.shr(1)), (&tables[1], v - v.shr(1))] {
        sum = sum.plus(&table.times(digit), positive);
    }
    for place in (0..highest).rev() {
        for _ in 0..DIGIT_BITS {
            sum = sum.doubled();
        }
        for (table, number) in tables.iter().zip(&numbers) {
            let digit = digits.at(number, place);
            sum = sum.plus(&table.times(digit.magnitude), digit.negative);
        }
        if place.is_multiple_of(3) && place < 3 * BASE_PLACES {
            for part in 0..2 {
                let index = part * BASE_PLACES + place / 3;
                if index < BASE_DIGITS.count {
                    sum = plus_multiple(
                        sum,
                        &[base; MAX_LANES64],
                        part * BASE_MULTIPLES,
                        BASE_DIGITS.at(s, index),
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

    use super::super::words;
    use super::*;
    use crate::cpu::Isa;
    use crate::ed25519::halved::{any_scalars, edges, of_very_short_halves, scalar};

    dispatch! {
        fn verdicts(claims: &[Claim], base: &SpacedMultiples) -> Vec<bool> = verdicts_of_field::<Fe>
    }

    #[inline(always)]
    fn verdicts_of_field<F: Field>(claims: &[Claim], base: &SpacedMultiples) -> Vec<bool> {
        let mut out = vec![false; claims.len()];
        verify::<F>(Rule::Rfc8032, claims, base, &mut out);
        out
    }

    /// A valid claim with this k, by the key and the nonce of these numbers.
    fn claim(k: &[u64; 4], [a, r]: [u64; 2]) -> Claim {
        let (a, r) = (Scalar::from(a), Scalar::from(r));
        let encoded = |x: &Scalar| Quad(words(EdwardsPoint::mul_base(x).compress().as_bytes()));
        let s = Quad(words((r + scalar(k) * a).as_bytes()));
        Claim { a: encoded(&a), r: encoded(&r), s, k: Quad(*k), plausible: true }
    }

    /// Also such k as no message has for its hash: short numbers in their place may have
    /// any length.
    #[test]
    fn any_k_in_any_company() {
        let scalars = [of_very_short_halves(), edges(), any_scalars(300)].concat();
        let numbers = |i: usize| [1 + i as u64 * 0x9e37_79b9, 7 + i as u64 * 0x85eb_ca6b];
        let mut claims: Vec<Claim> = scalars.iter().enumerate().map(|(i, k)| claim(k, numbers(i))).collect();
        for i in (0..claims.len()).step_by(3) {
            claims.swap(i, scalars.len() - 1 - i / 2);
        }
        let expected: Vec<bool> = (0..claims.len()).map(|i| i % 5 != 2).collect();
        for (claim, valid) in claims.iter_mut().zip(&expected) {
            claim.s.0[0] ^= u64::from(!valid);
        }
        for isa in Isa::available().filter(|&isa| isa > Isa::Scalar) {
            for count in [claims.len(), 100, 9, 8, 1] {
                assert_eq!(verdicts(isa, &claims[..count], BASE.on(isa)), expected[..count], "{isa} {count}");
            }
        }
    }
}
