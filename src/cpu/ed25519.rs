//! Ed25519 verification, a signature in each lane.
//!
//! Each lane has a signature of its own, and its verdict depends on nothing else.
//! Doublings serve all products at once (Straus): the multiples of A and R come from
//! tables of each lane's own, B's from one that is made once.
//!
//! Verification handles public data only: nothing here runs in constant time.

mod equation;
mod halved;
mod halves;
mod kept;
mod keys;

use std::hint::black_box;
use std::sync::OnceLock;

pub use equation::verify_together;
pub use keys::KeyCache;

use super::edwards25519::{Affine, Factors, Shape, SpacedMultiples};
use super::field25519::Field;
use super::isa::Isa;
use super::lanes::{Lanes64, MAX_LANES64, Quad};
use super::limit::fastest;
use super::scalar25519::{Digit, is_canonical, limbs};
use super::sha512::{Message, digests};
use crate::ed25519::{Batch, Rule};

/// Vectors whose points are decoded together.
const TOGETHER: usize = 4;

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
    let too_few = || keys.is_none() && batch.len() < smallest_batch(isa);
    if isa == Isa::Scalar || !rounds_to_nearest() || too_few() {
        for (i, out) in out.iter_mut().enumerate() {
            *out = rule.accepts(&batch.keys()[i], &batch.signatures()[i], batch.messages().get(i));
        }
        return;
    }
    let base = if keys.is_some() { &kept::BASE } else { &halved::BASE };
    verify_in_lanes(isa, rule, batch, keys, base.on(isa), out);
}

/// Whether doubles are rounded to nearest, on which the products of some levels
/// rely: a program may have set another way for its threads.
fn rounds_to_nearest() -> bool {
    let [one, little] = black_box([1.0, f64::EPSILON / 8.0]);
    one + little == one && one - little == one
}

/// The signatures from which lanes, most of them idle, are faster than one signature
/// at a time: processors differ, so the first call measures it.
fn smallest_batch(isa: Isa) -> usize {
    static MEASURED: [OnceLock<usize>; Isa::ALL.len()] = [const { OnceLock::new() }; Isa::ALL.len()];
    *MEASURED[isa as usize].get_or_init(|| {
        // By the base point as key, with an S of full length: it is not valid, which
        // only the end of the work tells.
        let mut key = [0x66; 32];
        key[0] = 0x58;
        let mut signature = [0x0f; 64];
        signature[..32].copy_from_slice(&key);
        let mut batch = Batch::with_capacity(1);
        batch.push(&key, &signature, &[]);
        let base = halved::BASE.on(isa);
        let in_lanes = fastest(8, || verify_in_lanes(isa, Rule::Rfc8032, &batch, None, base, &mut [false]));
        let singly = fastest(8, || _ = black_box(Rule::Rfc8032.accepts(&key, &signature, &[])));
        in_lanes.div_duration_f64(singly).ceil() as usize
    })
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
        let tables =
            SpacedMultiples::of_each(point.negated(), kept::KEY_SHAPE).into_iter().take(encodings.len());
        keys.extend(tables.zip(truths(decodes)).map(|(table, decodes)| Key { table, decodes }));
    }
    keys
}

dispatch! {
    fn multiples_of_base(shape: Shape) -> Vec<SpacedMultiples> = multiples_of_base_field::<Fe>
}

#[inline(always)]
fn multiples_of_base_field<F: Field>(shape: Shape) -> Vec<SpacedMultiples> {
    SpacedMultiples::of_each(Affine::<F>::base(), shape)
}

/// B's multiples of some shape, in the form of each level.
struct BaseMultiples {
    shape: Shape,
    tables: [OnceLock<SpacedMultiples>; Isa::ALL.len()],
}

impl BaseMultiples {
    const fn new(shape: Shape) -> Self {
        BaseMultiples { shape, tables: [const { OnceLock::new() }; Isa::ALL.len()] }
    }

    /// The table, which the first call makes.
    fn on(&self, isa: Isa) -> &SpacedMultiples {
        self.tables[isa as usize].get_or_init(|| multiples_of_base(isa, self.shape).swap_remove(0))
    }
}

/// The little-endian words of an encoding.
fn words<const N: usize, const BYTES: usize>(bytes: &[u8; BYTES]) -> [u64; N] {
    let (words, _) = bytes.as_chunks();
    std::array::from_fn(|i| u64::from_le_bytes(words[i]))
}

/// One number for each lane, as words.
#[inline(always)]
fn columns<L: Lanes64>(number: impl Fn(usize) -> [u64; 4]) -> [L; 4] {
    let mut rows = [Quad::default(); MAX_LANES64];
    for (lane, row) in rows[..L::LANES].iter_mut().enumerate() {
        *row = Quad(number(lane));
    }
    L::load_quads(&rows.each_ref())
}

fn has_small_order(encoding: &Quad) -> bool {
    let [w0, w1, w2, w3] = encoding.0;
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
    a: Quad,
    r: Quad,
    s: Quad,
    k: Quad,
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
    match keys {
        Some(keys) => kept::verify::<F>(rule, &claims, keys, base, out),
        None => halved::verify::<F>(rule, &claims, base, out),
    }
    for (out, claim) in out.iter_mut().zip(&claims) {
        *out &= claim.plausible;
    }
}

/// Whether each lane of a mask has ones.
#[inline(always)]
fn truths<L: Lanes64>(mask: L) -> [bool; MAX_LANES64] {
    let mut lanes = [0; MAX_LANES64];
    mask.store(&mut lanes);
    lanes.map(|lane| lane == u64::MAX)
}

/// Verdicts for lanes, as many as there is room for.
#[inline(always)]
fn store_verdicts<L: Lanes64>(mask: L, out: &mut [bool]) {
    out.copy_from_slice(&truths(mask)[..out.len()]);
}

/// The sum, and what a digit calls for of the entries from `first` on.
#[inline(always)]
fn plus_multiple<F: Field>(
    sum: Factors<F>,
    tables: &[&SpacedMultiples; MAX_LANES64],
    first: usize,
    digit: Digit<F::Lanes>,
) -> Factors<F> {
    let number = digit.magnitude + F::Lanes::splat(first as u64);
    sum.plus_affine(&SpacedMultiples::pick(tables, number), digit.negative)
}

/// A vector of `count` numbers. The last one fills lanes that are left over.
#[inline(always)]
fn column<'a, L: Lanes64>(count: usize, vector: usize, number: impl Fn(usize) -> &'a Quad) -> [L; 4] {
    let mut rows = [number(0); MAX_LANES64];
    for (lane, row) in rows[..L::LANES].iter_mut().enumerate() {
        *row = number((vector * L::LANES + lane).min(count - 1));
    }
    L::load_quads(&rows)
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
            let (a, r) = (Quad(words(key)), Quad([r0, r1, r2, r3]));
            let plausible =
                is_canonical(&s) && !(rule == Rule::Strict && (has_small_order(&a) || has_small_order(&r)));
            let s = Quad(if plausible { s } else { [0; 4] });
            Claim { a, r, s, k: Quad::default(), plausible }
        })
        .collect();
    let mut order: Vec<usize> = (0..claims.len()).collect();
    order.sort_by_key(|&i| message(i).blocks());
    for order in order.chunks(L::LANES) {
        let mut messages = [message(order[0]); MAX_LANES64];
        for (message_in_lane, &i) in messages.iter_mut().zip(order) {
            *message_in_lane = message(i);
        }
        let mut k = [Quad::default(); MAX_LANES64];
        L::store_quads(limbs::reduced(&digests::<L>(&messages[..order.len()])), &mut k, 1);
        for (&i, k) in order.iter().zip(k) {
            claims[i].k = k;
        }
    }
    claims
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::constants::EIGHT_TORSION;
    use curve25519_dalek::edwards::CompressedEdwardsY;

    use super::*;

    #[test]
    fn small_orders_are_those_of_the_torsion_points() {
        for point in EIGHT_TORSION {
            assert!(has_small_order(&Quad(words(point.compress().as_bytes()))));
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
        assert!(!has_small_order(&Quad([2, 0, 0, 0])));
    }
}
