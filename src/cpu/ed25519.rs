//! Ed25519 verification, a signature in each lane.
//!
//! Each lane computes R' = \[S\]B - \[k\]A for its own signature, and its verdict
//! depends on nothing else. The doublings serve both products: A's multiples
//! come from a table of each lane's own, B's from one that is made once.
//!
//! Verification handles public data only: nothing here runs in constant time.

use std::sync::OnceLock;

use super::edwards25519::{Affine, Factors, Multiples, SharedMultiples, affine_each};
use super::field25519::{Field, equal_words};
use super::isa::Isa;
use super::lanes::Lanes64;
use super::scalar25519::{Digits, is_canonical, reduced};
use super::sha512::{Message, digests};
use crate::ed25519::{Batch, Rule};

/// Digits of k: A's table has 17 entries.
type KeyDigits = Digits<5>;

/// Digits of S, at every second digit of k.
type BaseDigits = Digits<10>;

const KEY_MULTIPLES: usize = 17;
const BASE_MULTIPLES: usize = 513;

/// The most lanes that a level has.
const MAX_LANES: usize = 8;

/// Vectors whose keys are decoded together.
const TOGETHER: usize = 4;

/// Vectors that share an inversion.
const GROUP: usize = 16;

/// The y of the points of small order, as all their encodings have them, little-endian, without the
/// sign: 0, 1, the two of order 8, and -1; and p and p + 1 for 0 and 1.
const SMALL_ORDER: [[u64; 4]; 7] = [
    [0; 4],
    [1, 0, 0, 0],
    [0xb027_b2c2_8f95_e826, 0xf098_eff2_89f4_c345, 0x3933_c6d3_05ac_dfd5, 0x05fc_536d_8802_38b1],
    [0x4fd8_4d3d_706a_17c7, 0x0f67_100d_760b_3cba, 0xc6cc_392c_fa53_202a, 0x7a03_ac92_77fd_c74e],
    [u64::MAX - 19, u64::MAX, u64::MAX, u64::MAX >> 1],
    [u64::MAX - 18, u64::MAX, u64::MAX, u64::MAX >> 1],
    [u64::MAX - 17, u64::MAX, u64::MAX, u64::MAX >> 1],
];

/// Whether each signature is valid under `rule`, on this thread.
pub fn verify(isa: Isa, rule: Rule, batch: &Batch<'_>, out: &mut [bool]) {
    if isa == Isa::Scalar || batch.len() < smallest_batch(isa) {
        for (i, out) in out.iter_mut().enumerate() {
            *out = rule.accepts(&batch.keys()[i], &batch.signatures()[i], batch.messages().get(i));
        }
        return;
    }
    verify_in_lanes(isa, rule, batch, base_multiples(isa), out);
}

/// The signatures from which lanes are faster than one at a time.
fn smallest_batch(isa: Isa) -> usize {
    match isa {
        Isa::Avx512Ifma => 2,
        _ => 3,
    }
}

dispatch! {
    fn verify_in_lanes(rule: Rule, batch: &Batch<'_>, base: &[u64], out: &mut [bool]) = verify_fields::<Fe>
}

dispatch! {
    fn multiples_of_base() -> Vec<u64> = multiples_of_base_field::<Fe>
}

#[inline(always)]
fn multiples_of_base_field<F: Field>() -> Vec<u64> {
    SharedMultiples::words(Affine::<F>::base(), BASE_MULTIPLES)
}

/// B's table in the form of `isa`.
fn base_multiples(isa: Isa) -> &'static [u64] {
    static TABLES: [OnceLock<Vec<u64>>; Isa::ALL.len()] = [const { OnceLock::new() }; Isa::ALL.len()];
    TABLES[isa as usize].get_or_init(|| multiples_of_base(isa))
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
    rows.map(|row| L::load(&row))
}

fn has_small_order(encoding: &[u64; 4]) -> bool {
    let [w0, w1, w2, w3] = *encoding;
    SMALL_ORDER.contains(&[w0, w1, w2, w3 & (u64::MAX >> 1)])
}

/// A signature as numbers.
#[derive(Clone, Copy)]
struct Claim {
    a: [u64; 4],
    r: [u64; 4],
    /// S in digits.
    s: [u64; 4],
    /// k in digits.
    k: [u64; 4],
    /// Whether what can be seen in the bytes alone permits a valid signature.
    plausible: bool,
}

#[inline(always)]
fn verify_fields<F: Field>(rule: Rule, batch: &Batch<'_>, base: &[u64], out: &mut [bool]) {
    let claims = claims::<F::Lanes>(rule, batch);
    let mut table = Multiples::new();
    let lanes = F::Lanes::LANES;
    for (claims, out) in claims.chunks(GROUP * lanes).zip(out.chunks_mut(GROUP * lanes)) {
        let group = Group::<F>::new(claims, base, &mut table);
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
            let s = if plausible { BaseDigits::prepared(&s) } else { [0; 4] };
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
            claims[i].k = KeyDigits::prepared(&reduced(&digest));
        }
    }
    claims
}

/// The signatures that share an inversion, with R' of each.
struct Group<'a, F: Field> {
    claims: &'a [Claim],
    /// R' of each vector.
    points: Vec<Factors<F>>,
    /// Ones in the lanes where A is a point.
    keys_decode: Vec<F::Lanes>,
}

impl<'a, F: Field> Group<'a, F> {
    #[inline(always)]
    fn new(claims: &'a [Claim], base: &[u64], table: &mut Multiples<F::Lanes>) -> Self {
        let vectors = claims.len().div_ceil(F::Lanes::LANES);
        let mut group = Group { claims, points: Vec::with_capacity(vectors), keys_decode: Vec::new() };
        for first in (0..vectors).step_by(TOGETHER) {
            let encoded: [_; TOGETHER] = std::array::from_fn(|i| group.column(first + i, |claim| claim.a));
            let decoded = Affine::<F>::decode(&encoded);
            for (i, (key, decodes)) in decoded.into_iter().enumerate().take(vectors - first) {
                table.fill(key.negated(), KEY_MULTIPLES);
                let k = group.column(first + i, |claim| claim.k);
                let s = group.column(first + i, |claim| claim.s);
                group.points.push(combination(table, &k, &SharedMultiples(base), &s));
                group.keys_decode.push(decodes);
            }
        }
        group
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
        let affine = affine_each(&self.points);
        self.verdicts(|vector| {
            let same = equal_words(affine[vector].encode(), self.column(vector, |claim| claim.r));
            same & self.keys_decode[vector]
        })
    }

    /// Whether \[8\]R' = \[8\]R.
    #[inline(always)]
    fn cofactored(&self) -> Vec<bool> {
        let mut masks = Vec::with_capacity(self.points.len());
        for (first, points) in self.points.chunks(TOGETHER).enumerate() {
            let first = first * TOGETHER;
            let encoded: [_; TOGETHER] = std::array::from_fn(|i| self.column(first + i, |claim| claim.r));
            let decoded = Affine::<F>::decode(&encoded);
            for (i, (point, (r, decodes))) in points.iter().zip(decoded).enumerate() {
                let mut difference = point.plus_affine(&r.negated().cached());
                for _ in 0..3 {
                    difference = difference.doubled();
                }
                masks.push(difference.is_identity() & decodes & self.keys_decode[first + i]);
            }
        }
        self.verdicts(|vector| masks[vector])
    }

    /// The masks of all vectors, a truth value for each lane.
    #[inline(always)]
    fn verdicts(&self, mask: impl Fn(usize) -> F::Lanes) -> Vec<bool> {
        let mut verdicts = Vec::with_capacity(self.points.len() * F::Lanes::LANES);
        for vector in 0..self.points.len() {
            let mut lanes = [0; MAX_LANES];
            mask(vector).store(&mut lanes);
            verdicts.extend(lanes[..F::Lanes::LANES].iter().map(|&lane| lane == u64::MAX));
        }
        verdicts
    }
}

/// \[k\]P + \[s\]B in each lane, from the multiples of P and B (Straus).
#[inline(always)]
fn combination<F: Field>(
    point: &Multiples<F::Lanes>,
    k: &[F::Lanes; 4],
    base: &SharedMultiples<'_>,
    s: &[F::Lanes; 4],
) -> Factors<F> {
    let mut sum = Factors::identity();
    for digit in (0..KeyDigits::COUNT).rev() {
        if digit + 1 < KeyDigits::COUNT {
            for _ in 0..5 {
                sum = sum.doubled();
            }
        }
        sum = sum.plus(&point.times(KeyDigits::at(k, digit)));
        if digit % 2 == 0 {
            sum = sum.plus_affine(&base.times(BaseDigits::at(s, digit / 2)));
        }
    }
    sum
}
