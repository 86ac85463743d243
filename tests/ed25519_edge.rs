//! The edge cases of Ed25519 on which libraries differ, under every rule on every back end. A
//! node whose verdicts differ from those of its peers forks the ledger.
//!
//! The oracle is [`Rule::accepts`]; published verdicts are asserted too.

mod common;

use common::backends;
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT as B, EIGHT_TORSION};
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use sha2::{Digest, Sha512};
use verilane::ed25519::Rule;
use verilane::signature::Batch;
use verilane::{Engine, Error, Records};

/// The group order L, little-endian (RFC 8032, section 5.1).
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

#[derive(Clone, Debug, PartialEq)]
struct Case {
    key: [u8; 32],
    signature: [u8; 64],
    message: Vec<u8>,
}

impl Case {
    fn new(key: [u8; 32], r: [u8; 32], s: [u8; 32], message: &[u8]) -> Self {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&r);
        signature[32..].copy_from_slice(&s);
        Case { key, signature, message: message.into() }
    }

    /// A signature with the secret scalar `a` and the nonce `r`. The encodings `key` and
    /// `r_bytes` may have torsion components besides.
    fn sign(key: [u8; 32], a: Scalar, r_bytes: [u8; 32], r: Scalar, message: &[u8]) -> Self {
        let s = r + challenge(r_bytes, key, message) * a;
        Case::new(key, r_bytes, s.to_bytes(), message)
    }
}

/// k = SHA-512(R ‖ A ‖ M) mod L.
fn challenge(r: [u8; 32], key: [u8; 32], message: &[u8]) -> Scalar {
    let digest = Sha512::new().chain_update(r).chain_update(key).chain_update(message).finalize();
    Scalar::from_bytes_mod_order_wide(&digest.into())
}

fn batch<'a>(cases: impl IntoIterator<Item = &'a Case>) -> Batch<'static> {
    let mut batch = Batch::with_capacity(0);
    for case in cases {
        batch.push(&case.key, &case.signature, &case.message);
    }
    batch
}

/// The oracle's verdicts on one case, in the order of [`Rule::ALL`].
fn oracle_verdicts(case: &Case) -> [bool; 3] {
    Rule::ALL.map(|rule| rule.accepts(&case.key, &case.signature, &case.message))
}

/// Asserts that every back end agrees with the oracle, and returns the verdicts of each case.
fn check(cases: &[Case]) -> Vec<[bool; 3]> {
    let rows: Vec<_> = cases.iter().map(oracle_verdicts).collect();
    for (i, rule) in Rule::ALL.into_iter().enumerate() {
        let expected: Vec<_> = rows.iter().map(|row| row[i]).collect();
        compare(rule, &batch(cases), &expected);
    }
    rows
}

fn compare(rule: Rule, batch: &Batch<'_>, expected: &[bool]) {
    for backend in backends() {
        // Filled with the opposite verdicts, so that one that is not written is detected.
        let mut found: Vec<_> = expected.iter().map(|valid| !valid).collect();
        backend.verify(rule, batch, &mut found).unwrap();
        if let Some(index) = (0..expected.len()).find(|&i| found[i] != expected[i]) {
            panic!(
                "{rule} on {}: signature {index} of {} is {}valid: key {:02x?}, signature {:02x?}, message {:02x?}",
                backend.info().detail,
                batch.len(),
                if expected[index] { "" } else { "not " },
                batch.keys()[index],
                batch.signatures()[index],
                batch.messages().get(index)
            );
        }
    }
}

/// The number of valid signatures under each rule.
fn count(rows: &[[bool; 3]]) -> [usize; 3] {
    [0, 1, 2].map(|rule| rows.iter().filter(|row| row[rule]).count())
}

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn scalar(rng: &mut ChaCha8Rng) -> Scalar {
    Scalar::from_bytes_mod_order(rng.random())
}

fn encode(point: EdwardsPoint) -> [u8; 32] {
    point.compress().0
}

fn honest(rng: &mut ChaCha8Rng, message: &[u8]) -> Case {
    let (a, r) = (scalar(rng), scalar(rng));
    Case::sign(encode(a * B), a, encode(r * B), r, message)
}

/// `count` signatures that every rule accepts, over messages of mixed lengths.
fn honest_batch(seed: u64, count: usize) -> Vec<Case> {
    let mut rng = rng(seed);
    (0..count)
        .map(|i| {
            let message: Vec<u8> = (0..i * 37 % 300).map(|_| rng.random()).collect();
            honest(&mut rng, &message)
        })
        .collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// Parses lines of key, signature and message in hexadecimal.
fn read(text: &str) -> Vec<Case> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let case = |line: &str| {
        let mut fields = line.split(' ').chain([""]).map(bytes);
        let mut next = || fields.next().unwrap();
        Case { key: next().try_into().unwrap(), signature: next().try_into().unwrap(), message: next() }
    };
    lines.map(case).collect()
}

/// The encoding of y = n, for n below 19, that is not reduced: 2^255 − 19 + `n`, with the sign
/// bit as given.
fn unreduced(n: u8, sign: bool) -> [u8; 32] {
    let mut encoding = [0xff; 32];
    encoding[0] = 0xed + n;
    encoding[31] = if sign { 0xff } else { 0x7f };
    encoding
}

/// The encodings of the eight points of small order, and six non-canonical ones that decoders
/// accept: x = 0 with the sign bit set, and y = p or p + 1.
fn small_order_encodings() -> Vec<[u8; 32]> {
    let mut encodings: Vec<_> = EIGHT_TORSION.iter().copied().map(encode).collect();
    for mut x_is_zero in [encode(EIGHT_TORSION[0]), encode(EIGHT_TORSION[4])] {
        x_is_zero[31] |= 0x80;
        encodings.push(x_is_zero);
    }
    for n in [0, 1] {
        encodings.extend([unreduced(n, false), unreduced(n, true)]);
    }
    encodings
}

/// `s` + `times` L as an integer, if it fits 256 bits.
fn add_order(s: [u8; 32], times: usize) -> Option<[u8; 32]> {
    (0..times).try_fold(s, |s, _| {
        let mut sum = [0; 32];
        let mut carry = 0;
        for i in 0..32 {
            carry += u16::from(s[i]) + u16::from(L[i]);
            sum[i] = carry as u8;
            carry >>= 8;
        }
        (carry == 0).then_some(sum)
    })
}

#[test]
fn rfc_8032_vectors() {
    let cases = read(include_str!("data/rfc8032.txt"));
    assert_eq!(cases.len(), 5);
    assert_eq!(check(&cases), [[true; 3]; 5]);
}

#[test]
fn taming_the_many_eddsas() {
    let cases = read(include_str!("data/taming-the-many-eddsas.txt"));
    let rows = check(&cases);
    let published =
        |rule: usize| -> String { rows.iter().map(|row| if row[rule] { 'V' } else { 'X' }).collect() };
    // From the table of the paper and the documentation of the crates.
    assert_eq!(published(0), "VVVVXXXXXXXV");
    assert_eq!(published(1), "XXXVXXXXXXXX");
    assert_eq!(published(2), "VVVVVVXXXVVV");
}

#[test]
fn small_order_matrix() {
    let encodings = small_order_encodings();
    let mut cases = Vec::new();
    for key in &encodings {
        cases.extend(encodings.iter().map(|r| Case::new(*key, *r, [0; 32], b"Zcash")));
    }
    assert_eq!(count(&check(&cases)), [12, 0, 196]);
}

#[test]
fn torsion_in_key_and_nonce() {
    let mut rng = rng(1);
    let mut cases = Vec::new();
    for key_torsion in EIGHT_TORSION {
        for nonce_torsion in EIGHT_TORSION {
            let (a, r) = (scalar(&mut rng), scalar(&mut rng));
            let key = encode(a * B + key_torsion);
            let r_bytes = encode(r * B + nonce_torsion);
            cases.extend([0u8, 1, 2, 3].map(|n| Case::sign(key, a, r_bytes, r, &[n])));
        }
    }
    let rows = check(&cases);
    assert!(rows.iter().all(|row| row[2] && row[0] == row[1]));
    assert!(rows.iter().filter(|row| row[0]).count() > 8, "no torsion cancelled");
}

#[test]
fn small_order_and_full_order_mixed() {
    let mut rng = rng(2);
    let mut cases = Vec::new();
    for encoding in small_order_encodings() {
        let (a, r) = (scalar(&mut rng), scalar(&mut rng));
        for n in 0..16 {
            // R of small order with an honest key; and a key of small order, for which anyone
            // can sign.
            cases.push(Case::sign(encode(a * B), a, encoding, Scalar::ZERO, &[n]));
            cases.push(Case::sign(encoding, Scalar::ZERO, encode(r * B), r, &[n]));
        }
    }
    let [rfc8032, strict, zip215] = count(&check(&cases));
    assert_eq!((strict, zip215), (0, cases.len()));
    assert!(rfc8032 >= 16 * 2 && rfc8032 < zip215, "{rfc8032}");
}

#[test]
fn encodings_that_are_not_reduced() {
    let mut rng = rng(3);
    let (a, r) = (scalar(&mut rng), scalar(&mut rng));
    let mut cases = Vec::new();
    for n in 0..19 {
        for sign in [false, true] {
            let encoding = unreduced(n, sign);
            let mut reduced = [0; 32];
            reduced[0] = n;
            reduced[31] = u8::from(sign) << 7;
            for encoding in [encoding, reduced] {
                cases.push(Case::sign(encode(a * B), a, encoding, r, b"nonce"));
                cases.push(Case::sign(encoding, a, encode(r * B), r, b"key"));
                cases.push(Case::new(encoding, encoding, [0; 32], b"both"));
            }
        }
    }
    let decodes = |case: &&Case| CompressedEdwardsY(case.key).decompress().is_some();
    assert!(cases.iter().filter(decodes).count() < cases.len());
    let [rfc8032, strict, zip215] = count(&check(&cases));
    assert!(rfc8032 > 0 && strict == 0 && zip215 > rfc8032, "{rfc8032} {strict} {zip215}");
}

#[test]
fn keys_and_nonces_that_do_not_decode() {
    let mut rng = rng(4);
    let mut cases = Vec::new();
    while cases.len() < 64 {
        let encoding: [u8; 32] = rng.random();
        if CompressedEdwardsY(encoding).decompress().is_some() {
            continue;
        }
        let (a, r) = (scalar(&mut rng), scalar(&mut rng));
        cases.push(Case::sign(encode(a * B), a, encoding, r, b"nonce"));
        cases.push(Case::sign(encoding, a, encode(r * B), r, b"key"));
        // Valid if a decoder that fails leaves the identity as A.
        cases.push(Case::new(encoding, encode(EdwardsPoint::default()), [0; 32], b"identity"));
    }
    assert_eq!(count(&check(&cases)), [0; 3]);
}

#[test]
fn scalars_at_the_order_and_above() {
    let identity = encode(EdwardsPoint::default());
    let mut powers = vec![[0xff; 32]];
    for bit in [0, 1, 15, 16, 31, 32, 127, 128, 248, 250, 251, 252, 253, 254, 255] {
        let mut power = [0; 32];
        power[bit / 8] = 1 << (bit % 8);
        powers.push(power);
        powers.push(minus_one(power));
    }
    powers.extend([minus_one(L), L, minus_one(minus_one(L)), add_order([0; 32], 2).unwrap()]);
    powers.push(add_order([1; 32], 1).unwrap());
    let mut one_more = L;
    one_more[0] += 1;
    powers.push(one_more);
    // With the identity as key the equation is [S]B = R, which can hold for every S.
    let cases: Vec<_> = powers
        .iter()
        .map(|s| Case::new(identity, encode(Scalar::from_bytes_mod_order(*s) * B), *s, b"S"))
        .collect();
    let canonical = |case: &&Case| {
        let s: [u8; 32] = case.signature[32..].try_into().unwrap();
        bool::from(Scalar::from_canonical_bytes(s).is_some())
    };
    let below = cases.iter().filter(canonical).count();
    assert!(below > 20 && below < cases.len() - 8, "{below} of {}", cases.len());
    assert_eq!(count(&check(&cases)), [below, 0, below]);
}

fn minus_one(mut number: [u8; 32]) -> [u8; 32] {
    for byte in &mut number {
        *byte = byte.wrapping_sub(1);
        if *byte != 0xff {
            break;
        }
    }
    number
}

#[test]
fn malleated_scalars() {
    let mut cases = Vec::new();
    for case in honest_batch(5, 24) {
        let s: [u8; 32] = case.signature[32..].try_into().unwrap();
        for times in 0..=15 {
            if let Some(s) = add_order(s, times) {
                let r = case.signature[..32].try_into().unwrap();
                cases.push(Case::new(case.key, r, s, &case.message));
            }
        }
    }
    assert!(cases.len() > 24 * 14);
    assert_eq!(count(&check(&cases)), [24; 3]);
}

#[test]
fn identities_and_challenges_that_cancel_torsion() {
    let identity = encode(EdwardsPoint::default());
    let mut rng = rng(6);
    let r = scalar(&mut rng);
    let mut cases = vec![
        Case::new(identity, identity, [0; 32], b""),
        Case::new(identity, encode(B), Scalar::ONE.to_bytes(), b""),
        Case::new(encode(B), identity, [0; 32], b""),
        // −B as key: −[k]A = [k]B, a multiple of the same point as [S]B.
        Case::sign(encode(-B), -Scalar::ONE, encode(r * B), r, b"minus"),
        // R = A: point additions have equal operands.
        Case::sign(encode(r * B), r, encode(r * B), r, b"equal"),
        Case::sign(encode(B), Scalar::ONE, encode(B), Scalar::ONE, b"base"),
        Case::sign(encode(B), Scalar::ONE, encode(-B), -Scalar::ONE, b"base"),
    ];
    // [k]A is the identity or not, depending on the powers of 2 that divide k.
    for torsion in EIGHT_TORSION {
        for n in 0u8..64 {
            cases.push(Case::sign(encode(torsion), Scalar::ZERO, encode(r * B), r, &[n]));
        }
    }
    let rows = check(&cases);
    assert_eq!(rows[..3], [[true, false, true], [true, false, true], [false; 3]]);
    assert_eq!(rows[3..7], [[true; 3]; 4]);
    let [rfc8032, strict, zip215] = count(&rows[7..]);
    assert_eq!((strict, zip215), (0, 512));
    // All 64 for the identity, at least 1 in 8 for the others.
    assert!((64 + 7 * 4..448).contains(&rfc8032), "{rfc8032}");
}

#[test]
fn every_bit_flipped() {
    let case = honest(&mut rng(7), b"thirteen byte");
    let mut cases = vec![case.clone()];
    for bit in 0..256 {
        let mut flipped = case.clone();
        flipped.key[bit / 8] ^= 1 << (bit % 8);
        cases.push(flipped);
    }
    for bit in 0..512 {
        let mut flipped = case.clone();
        flipped.signature[bit / 8] ^= 1 << (bit % 8);
        cases.push(flipped);
    }
    for bit in 0..8 * case.message.len() {
        let mut flipped = case.clone();
        flipped.message[bit / 8] ^= 1 << (bit % 8);
        cases.push(flipped);
    }
    assert_eq!(count(&check(&cases)), [1; 3]);
}

#[test]
fn messages_of_every_length() {
    // Past two padding boundaries of SHA-512's 128-byte blocks, then much longer.
    let lengths = (0..=330).chain([1000, 1024, 4095, 4096, 65_536, 300_001]);
    let mut rng = rng(8);
    let mut cases: Vec<_> = lengths
        .map(|length| {
            let message: Vec<u8> = (0..length).map(|_| rng.random()).collect();
            honest(&mut rng, &message)
        })
        .collect();
    cases.shuffle(&mut rng);
    assert_eq!(count(&check(&cases)), [cases.len(); 3]);
    let last_byte_changed: Vec<_> = cases
        .iter()
        .map(|case| {
            let mut changed = case.clone();
            match changed.message.last_mut() {
                Some(last) => *last ^= 1,
                None => changed.message.push(0),
            }
            changed
        })
        .collect();
    assert_eq!(count(&check(&last_byte_changed)), [0; 3]);
}

#[test]
fn one_bad_signature_at_every_position() {
    // Across the boundaries of vectors and of workgroups of 64 and 128.
    let cases = honest_batch(9, 131);
    for bad in 0..cases.len() {
        let mut cases = cases.clone();
        cases[bad].signature[bad % 64] ^= 1 << (bad % 8);
        let expected: Vec<_> = (0..cases.len()).map(|i| i != bad).collect();
        compare(Rule::ALL[bad % 3], &batch(&cases), &expected);
    }
}

#[test]
fn verdicts_do_not_depend_on_the_batch() {
    let mut cases = honest_batch(10, 150);
    cases.extend(read(include_str!("data/taming-the-many-eddsas.txt")));
    for key in small_order_encodings() {
        cases.extend(
            small_order_encodings().into_iter().take(6).map(|r| Case::new(key, r, [0; 32], b"company")),
        );
    }
    let rows = check(&cases);
    let mut rng = rng(11);
    for round in 0..6 {
        let mut order: Vec<_> = (0..cases.len()).collect();
        order.shuffle(&mut rng);
        let parts = order.chunks([1000, 97, 64, 33, 16, 7][round]);
        for part in parts {
            let rule = round % 3;
            let expected: Vec<_> = part.iter().map(|&i| rows[i][rule]).collect();
            compare(Rule::ALL[rule], &batch(part.iter().map(|&i| &cases[i])), &expected);
        }
    }
}

#[test]
fn slices_of_a_batch() {
    let cases = honest_batch(12, 100);
    let whole = batch(&cases);
    let mut rng = rng(13);
    for _ in 0..10 {
        let from = rng.random_range(0..50);
        let slice = whole.slice(from..from + 45);
        compare(Rule::Rfc8032, &slice, &[true; 45]);
    }
}

#[test]
fn an_empty_batch_and_columns_of_different_lengths() {
    for backend in backends() {
        let engine = Engine::with_backends(vec![backend.clone()]).unwrap();
        let verdicts = engine.verify(Rule::Strict, &batch([])).unwrap();
        assert!(verdicts.all_valid() && verdicts.as_slice().is_empty());
        assert_eq!(verdicts.report().backend.kind, backend.info().kind);
    }
    let result = Batch::from_columns(&[[0; 32]; 3], &[[0; 64]; 3], Records::from_slices(["one"]));
    assert!(matches!(result, Err(Error::Columns { keys: 3, signatures: 3, messages: 1 })));
}

fn mutate(case: &mut Case, rng: &mut ChaCha8Rng) {
    match rng.random_range(0..8) {
        0 => case.key[rng.random_range(0..32)] ^= 1 << rng.random_range(0..8),
        1 => case.signature[rng.random_range(0..32)] ^= 1 << rng.random_range(0..8),
        2 => case.signature[rng.random_range(32..64)] ^= 1 << rng.random_range(0..8),
        3 => case.key = rng.random(),
        4 => case.signature[..32].copy_from_slice(&rng.random::<[u8; 32]>()),
        5 => case.message.push(rng.random()),
        6 => case.message = (0..rng.random_range(0..200)).map(|_| rng.random()).collect(),
        _ => {
            let s = case.signature[32..].try_into().unwrap();
            case.signature[32..].copy_from_slice(&add_order(s, 1).unwrap());
        }
    }
}

/// Compares random signatures, a third of which are mutated, under each rule in turn.
fn compare_random_signatures(seed: u64, count: usize) {
    let mut rng = rng(seed);
    let keys: Vec<_> = (0..64).map(|_| scalar(&mut rng)).map(|a| (a, encode(a * B))).collect();
    for round in 0..count.div_ceil(4096) {
        let rule = Rule::ALL[round % 3];
        let mut cases = Vec::with_capacity(4096);
        for i in 0..4096.min(count - round * 4096) {
            let (a, key) = keys[rng.random_range(0..keys.len())];
            let r = scalar(&mut rng);
            let message: Vec<u8> = (0..rng.random_range(0..=160)).map(|_| rng.random()).collect();
            let mut case = Case::sign(key, a, encode(EdwardsPoint::mul_base(&r)), r, &message);
            if i % 3 == 1 {
                mutate(&mut case, &mut rng);
            }
            cases.push(case);
        }
        let accepted = |case: &Case| rule.accepts(&case.key, &case.signature, &case.message);
        let expected: Vec<_> = cases.iter().map(accepted).collect();
        assert!(expected.iter().filter(|&&valid| valid).count() >= cases.len() / 2);
        compare(rule, &batch(&cases), &expected);
    }
}

/// Set for a million random signatures, which take minutes on a software adapter.
const LONG_TESTS: &str = "VERILANE_LONG_TESTS";

#[test]
fn many_random_signatures() {
    let count = if std::env::var_os(LONG_TESTS).is_some() { 1_000_000 } else { 40_000 };
    compare_random_signatures(14, count);
}
