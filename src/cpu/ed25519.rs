//! Ed25519 verification, a signature in each lane.
//!
//! Each lane computes R' = \[S\]B - \[k\]A for its own signature, and its verdict
//! depends on nothing else. The doublings serve both products: A's multiples
//! come from a table of each lane's own, B's from one that is made once.
//!
//! Verification handles public data only: nothing here runs in constant time.

mod equation;
mod keys;

use std::hint::black_box;
use std::sync::OnceLock;

pub use equation::verify_together;
pub use keys::KeyCache;

use super::edwards25519::{Affine, Factors, MAX_LANES, Multiples, Shape, SpacedMultiples, affine_each};
use super::field25519::{Field, equal_words};
use super::isa::Isa;
use super::lanes::Lanes64;
use super::scalar25519::{Digits, is_canonical, reduced};
use super::sha512::{Message, digests};
use crate::ed25519::{Batch, Rule};

/// Digits of k.
const KEY_DIGITS: Digits = Digits::new(5, 253);

/// Digits of S, at every second digit of k.
const BASE_DIGITS: Digits = Digits::new(10, 253);

/// The multiples that a digit calls for: 0 to half of 2^5, and of 2^10.
const KEY_MULTIPLES: usize = 17;
const BASE_MULTIPLES: usize = 513;

/// The bits between the parts of a scalar where a key's table is kept: a
/// multiple of the digits' bits.
const SPACING: usize = 70;
const PARTS: usize = 4;

const KEY_SHAPE: Shape = Shape { parts: PARTS, spacing: SPACING, count: KEY_MULTIPLES };
const BASE_SHAPE: Shape = Shape { parts: PARTS, spacing: SPACING, count: BASE_MULTIPLES };

/// Vectors whose keys are decoded together.
const TOGETHER: usize = 4;

/// Vectors that share an inversion.
const GROUP: usize = 32;

/// The y in the encodings of the points of small order, without the sign: 0, 1,
/// the two of order 8, and -1; and p and p + 1 for 0 and 1.
const SMALL_ORDER: [[u64; 4]; 7] = [
    [0; 4],
    [1, 0, 0, 0],
    [0xb027_b2c2_8f95_e826, 0xf098_eff2_89f4_c345, 0x3933_c6d3_05ac_dfd5, 0x05fc_536d_8802_38b1],
    [0x4fd8_4d3d_706a_17c7, 0x0f67_100d_760b_3cba, 0xc6cc_392c_fa53_202a, 0x7a03_ac92_77fd_c74e],
    [u64::MAX - 19, u64::MAX, u64::MAX, u64::MAX >> 1],
    [u64::MAX - 18, u64::MAX, u64::MAX, u64::MAX >> 1],
    [u64::MAX - 17, u64::MAX, u64::MAX, u64::MAX >> 1],
];

/// Whether each signature is valid under `rule`, on this thread. `keys` has the
/// tables of all keys, or none.
pub fn verify(isa: Isa, rule: Rule, batch: &Batch<'_>, keys: Option<&[&Key]>, out: &mut [bool]) {
    let too_few = keys.is_none() && batch.len() < smallest_batch(isa);
    if isa == Isa::Scalar || too_few || !rounds_to_nearest() {
        for (i, out) in out.iter_mut().enumerate() {
            *out = rule.accepts(&batch.keys()[i], &batch.signatures()[i], batch.messages().get(i));
        }
        return;
    }
    verify_in_lanes(isa, rule, batch, keys, base_multiples(isa), out);
}

/// Whether doubles are rounded to nearest, on which the products of some levels
/// rely: a program may have set another way for its threads.
fn rounds_to_nearest() -> bool {
    let [one, little] = black_box([1.0, f64::EPSILON / 8.0]);
    one + little == one && one - little == one
}

/// The signatures from which lanes, most of them idle, are faster than one
/// signature at a time.
fn smallest_batch(isa: Isa) -> usize {
    if isa == Isa::Avx512Ifma { 2 } else { 3 }
}

dispatch! {
    fn verify_in_lanes(
        rule: Rule, batch: &Batch<'_>, keys: Option<&[&Key]>, base: &SpacedMultiples, out: &mut [bool]
    ) = verify_fields::<Fe>
}

dispatch! {
    /// The tables of keys.
    fn expanded(encodings: &[[u8; 32]]) -> Vec<Key> = expanded_fields::<Fe>
}

#[inline(always)]
fn expanded_fields<F: Field>(encodings: &[[u8; 32]]) -> Vec<Key> {
    let mut keys = Vec::with_capacity(encodings.len());
    for encodings in encodings.chunks(F::Lanes::LANES) {
        let [(point, decodes)] =
            Affine::<F>::decode(&[columns(|lane| words(&encodings[lane % encodings.len()]))]);
        let mut lanes = [0; MAX_LANES];
        decodes.store(&mut lanes);
        let tables = SpacedMultiples::of_each(point.negated(), KEY_SHAPE).into_iter().take(encodings.len());
        keys.extend(tables.zip(lanes).map(|(table, lane)| Key { table, decodes: lane == u64::MAX }));
    }
    keys
}

dispatch! {
    fn multiples_of_base() -> Vec<SpacedMultiples> = multiples_of_base_field::<Fe>
}

#[inline(always)]
fn multiples_of_base_field<F: Field>() -> Vec<SpacedMultiples> {
    SpacedMultiples::of_each(Affine::<F>::base(), BASE_SHAPE)
}

/// B's table in the form of `isa`.
fn base_multiples(isa: Isa) -> &'static SpacedMultiples {
    static TABLES: [OnceLock<SpacedMultiples>; Isa::ALL.len()] = [const { OnceLock::new() }; Isa::ALL.len()];
    TABLES[isa as usize].get_or_init(|| multiples_of_base(isa).swap_remove(0))
}

/// The little-endian words of an encoding.
fn words<const N: usize, const BYTES: usize>(bytes: &[u8; BYTES]) -> [u64; N] {
    let (words, _) = bytes.as_chunks();
    std::array::from_fn(|i| u64::from_le_bytes(words[i]))
}

/// One number for each lane, as words.
#[inline(always)]
fn columns<L: Lanes64>(number: impl Fn(usize) -> [u64; 4]) -> [L; 4] {
    let mut rows = [[0; MAX_LANES]; 4];
    for lane in 0..L::LANES {
        for (row, word) in rows.iter_mut().zip(number(lane)) {
            row[lane] = word;
        }
    }
    [L::load(&rows[0]), L::load(&rows[1]), L::load(&rows[2]), L::load(&rows[3])]
}

fn has_small_order(encoding: &[u64; 4]) -> bool {
    let [w0, w1, w2, w3] = *encoding;
    SMALL_ORDER.contains(&[w0, w1, w2, w3 & (u64::MAX >> 1)])
}

/// A public key with the multiples of -A.
pub struct Key {
    table: SpacedMultiples,
    /// Whether A is a point.
    decodes: bool,
}

/// A signature as numbers.
#[derive(Clone, Copy)]
struct Claim {
    a: [u64; 4],
    r: [u64; 4],
    s: [u64; 4],
    k: [u64; 4],
    /// Whether what can be seen in the bytes alone permits a valid signature.
    plausible: bool,
}

#[inline(always)]
fn verify_fields<F: Field>(
    rule: Rule,
    batch: &Batch<'_>,
    keys: Option<&[&Key]>,
    base: &SpacedMultiples,
    out: &mut [bool],
) {
    let claims = claims::<F::Lanes>(rule, batch);
    let mut table = Multiples::with_room::<F::Lanes>(KEY_MULTIPLES);
    let size = GROUP * F::Lanes::LANES;
    for (i, (claims, out)) in claims.chunks(size).zip(out.chunks_mut(size)).enumerate() {
        let keys = keys.map(|keys| &keys[size * i..][..claims.len()]);
        let mut group = Group::<F> { claims, keys, points: Vec::new(), decoded: Vec::new() };
        group.decode(rule);
        group.combine(base, &mut table);
        let verdicts = match rule {
            Rule::Zip215 => group.cofactored(),
            Rule::Rfc8032 | Rule::Strict => group.cofactorless(),
        };
        for (i, (out, claim)) in out.iter_mut().zip(claims).enumerate() {
            *out = verdicts[i] && claim.plausible;
        }
    }
}

/// All signatures as numbers, with k = SHA-512(R, A, M) mod L.
///
/// Messages of equally many blocks are hashed side by side.
#[inline(always)]
fn claims<L: Lanes64>(rule: Rule, batch: &Batch<'_>) -> Vec<Claim> {
    let (keys, signatures) = (batch.keys(), batch.signatures());
    let message = |i: usize| Message {
        head: [signatures[i].first_chunk().expect("R is 32 bytes"), &keys[i]],
        body: batch.messages().get(i),
    };
    let mut claims: Vec<Claim> = keys
        .iter()
        .zip(signatures)
        .map(|(key, signature)| {
            let [r0, r1, r2, r3, s @ ..]: [u64; 8] = words(signature);
            let (a, r) = (words(key), [r0, r1, r2, r3]);
            let plausible =
                is_canonical(&s) && !(rule == Rule::Strict && (has_small_order(&a) || has_small_order(&r)));
            let s = if plausible { s } else { [0; 4] };
            Claim { a, r, s, k: [0; 4], plausible }
        })
        .collect();
    let mut order: Vec<usize> = (0..claims.len()).collect();
    order.sort_by_key(|&i| message(i).blocks());
    for order in order.chunks(L::LANES) {
        let mut messages = [message(order[0]); MAX_LANES];
        for (message_in_lane, &i) in messages.iter_mut().zip(order) {
            *message_in_lane = message(i);
        }
        let mut digests = digests::<L>(&messages[..order.len()]).map(|word| {
            let mut lanes = [0u64; MAX_LANES];
            word.store(&mut lanes);
            lanes
        });
        for (lane, &i) in order.iter().enumerate() {
            let digest = digests.each_mut().map(|word| word[lane].swap_bytes());
            claims[i].k = reduced(&digest);
        }
    }
    claims
}

/// The signatures that share an inversion, with R' of each.
struct Group<'a, F: Field> {
    claims: &'a [Claim],
    /// The tables of all keys, or none.
    keys: Option<&'a [&'a Key]>,
    /// A of each vector, unless there are tables, and then R of each, if the
    /// rule asks for it; with ones in the lanes where it decodes.
    decoded: Vec<(Affine<F>, F::Lanes)>,
    /// R' of each vector.
    points: Vec<Factors<F>>,
}

impl<F: Field> Group<'_, F> {
    fn vectors(&self) -> usize {
        self.claims.len().div_ceil(F::Lanes::LANES)
    }

    /// How many vectors of A are decoded.
    fn decoded_keys(&self) -> usize {
        if self.keys.is_some() { 0 } else { self.vectors() }
    }

    #[inline(always)]
    fn decode(&mut self, rule: Rule) {
        let keys = self.decoded_keys();
        let nonces = if rule == Rule::Zip215 { self.vectors() } else { 0 };
        for first in (0..keys + nonces).step_by(TOGETHER) {
            let mut words = [[F::Lanes::splat(0); 4]; TOGETHER];
            for (i, words) in words.iter_mut().enumerate() {
                *words = match (first + i).checked_sub(keys) {
                    Some(vector) => self.column(vector, |claim| claim.r),
                    None => self.column(first + i, |claim| claim.a),
                };
            }
            let count = TOGETHER.min(keys + nonces - first);
            self.decoded.extend_from_slice(&Affine::decode(&words)[..count]);
        }
    }

    #[inline(always)]
    fn combine(&mut self, base: &SpacedMultiples, table: &mut Multiples) {
        for vector in 0..self.vectors() {
            let k = self.column(vector, |claim| KEY_DIGITS.prepared(&claim.k));
            let s = self.column(vector, |claim| BASE_DIGITS.prepared(&claim.s));
            let point = if let Some(keys) = self.keys {
                let key = |lane: usize| &keys[(vector * F::Lanes::LANES + lane).min(keys.len() - 1)].table;
                combination_of_parts(&std::array::from_fn(key), &k, base, &s)
            } else {
                table.fill(self.decoded[vector].0.negated());
                combination(table, &k, base, &s)
            };
            self.points.push(point);
        }
    }

    /// A number of each claim of a vector. The last claim fills lanes, and
    /// vectors, that are left over.
    #[inline(always)]
    fn column(&self, vector: usize, number: impl Fn(&Claim) -> [u64; 4]) -> [F::Lanes; 4] {
        let last = self.claims.len() - 1;
        columns(|lane| number(&self.claims[(vector * F::Lanes::LANES + lane).min(last)]))
    }

    /// Whether the encoding of R' is that of R.
    #[inline(always)]
    fn cofactorless(&self) -> Vec<bool> {
        let mut masks = Vec::with_capacity(self.points.len());
        for (vector, affine) in affine_each(&self.points).into_iter().enumerate() {
            masks.push(equal_words(affine.encode(), self.column(vector, |claim| claim.r)));
        }
        self.verdicts(&masks)
    }

    /// Whether \[8\]R' = \[8\]R.
    #[inline(always)]
    fn cofactored(&self) -> Vec<bool> {
        let mut masks = Vec::with_capacity(self.points.len());
        for (vector, point) in self.points.iter().enumerate() {
            let (r, decodes) = self.decoded[self.decoded_keys() + vector];
            let mut difference = point.plus_affine(&r.cached(), F::Lanes::splat(u64::MAX));
            for _ in 0..3 {
                difference = difference.doubled();
            }
            masks.push(difference.is_identity() & decodes);
        }
        self.verdicts(&masks)
    }

    /// The masks of all vectors, and whether A decodes: a truth value for each lane.
    #[inline(always)]
    fn verdicts(&self, masks: &[F::Lanes]) -> Vec<bool> {
        let mut verdicts = Vec::with_capacity(self.points.len() * F::Lanes::LANES);
        for (vector, &mask) in masks.iter().enumerate() {
            let mut mask = mask;
            if self.keys.is_none() {
                mask = mask & self.decoded[vector].1;
            }
            let mut lanes = [0; MAX_LANES];
            mask.store(&mut lanes);
            verdicts.extend(lanes[..F::Lanes::LANES].iter().map(|&lane| lane == u64::MAX));
        }
        if let Some(keys) = self.keys {
            verdicts.iter_mut().zip(keys).for_each(|(verdict, key)| *verdict &= key.decodes);
        }
        verdicts
    }
}

/// \[k\]P + \[s\]B in each lane, from the multiples of P and B (Straus).
#[inline(always)]
fn combination<F: Field>(
    point: &Multiples,
    k: &[F::Lanes; 4],
    base: &SpacedMultiples,
    s: &[F::Lanes; 4],
) -> Factors<F> {
    let mut sum = Factors::identity();
    for digit in (0..KEY_DIGITS.count).rev() {
        if digit + 1 < KEY_DIGITS.count {
            for _ in 0..5 {
                sum = sum.doubled();
            }
        }
        let of_k = KEY_DIGITS.at(k, digit);
        sum = sum.plus(&point.times(of_k.magnitude), of_k.negative);
        if digit % 2 == 0 {
            let of_s = BASE_DIGITS.at(s, digit / 2);
            let multiple = SpacedMultiples::pick(&[base; MAX_LANES], of_s.magnitude);
            sum = sum.plus_affine(&multiple, of_s.negative);
        }
    }
    sum
}

/// \[k\]P + \[s\]B in each lane, from multiples of P and B at every part of the
/// scalars: the parts share the doublings (a comb of Straus's).
#[inline(always)]
fn combination_of_parts<F: Field>(
    points: &[&SpacedMultiples; MAX_LANES],
    k: &[F::Lanes; 4],
    base: &SpacedMultiples,
    s: &[F::Lanes; 4],
) -> Factors<F> {
    let mut sum = Factors::identity();
    for place in (0..SPACING / 5).rev() {
        if place + 1 < SPACING / 5 {
            for _ in 0..5 {
                sum = sum.doubled();
            }
        }
        for part in 0..PARTS {
            let digit = part * (SPACING / 5) + place;
            if digit < KEY_DIGITS.count {
                let of_k = KEY_DIGITS.at(k, digit);
                let multiple = SpacedMultiples::pick(
                    points,
                    of_k.magnitude + F::Lanes::splat((part * KEY_MULTIPLES) as u64),
                );
                sum = sum.plus_affine(&multiple, of_k.negative);
            }
        }
        for part in (0..PARTS).filter(|_| place % 2 == 0) {
            let digit = part * (SPACING / 10) + place / 2;
            if digit < BASE_DIGITS.count {
                let of_s = BASE_DIGITS.at(s, digit);
                let number = of_s.magnitude + F::Lanes::splat((part * BASE_MULTIPLES) as u64);
                let multiple = SpacedMultiples::pick(&[base; MAX_LANES], number);
                sum = sum.plus_affine(&multiple, of_s.negative);
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::constants::EIGHT_TORSION;
    use curve25519_dalek::edwards::CompressedEdwardsY;

    use super::*;

    #[test]
    fn small_orders_are_those_of_the_torsion_points() {
        for point in EIGHT_TORSION {
            assert!(has_small_order(&words(point.compress().as_bytes())));
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
        assert!(!has_small_order(&[2, 0, 0, 0]));
    }
}
