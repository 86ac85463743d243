//! Ed25519 on the CPU's lanes at every level: a verdict does not depend on the signature's
//! lane, its neighbours, or the batch size.

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::{Signer, SigningKey};
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt, SeedableRng};
use sha2::{Digest, Sha512};
use verilane::cpu::{Cpu, Isa, KeyCache, Level};
use verilane::ed25519::Rule;
use verilane::signature::Batch;
use verilane::{Backend, Threads};

type Case = ([u8; 32], [u8; 64], Vec<u8>);

fn cpu(level: Level) -> Cpu {
    Cpu::new(Threads::new(2).unwrap(), level)
}

fn cpus() -> Vec<Cpu> {
    Level::available().map(cpu).collect()
}

fn batch(cases: &[Case]) -> Batch<'static> {
    let mut batch = Batch::with_capacity(cases.len());
    for (key, signature, message) in cases {
        batch.push(key, signature, message);
    }
    batch
}

fn verdicts(cpu: &Cpu, rule: Rule, cases: &[Case]) -> Vec<bool> {
    let mut verdicts = vec![false; cases.len()];
    cpu.verify(rule, &batch(cases), &mut verdicts).unwrap();
    verdicts
}

fn expected(rule: Rule, cases: &[Case]) -> Vec<bool> {
    cases.iter().map(|(key, signature, message)| rule.accepts(key, signature, message)).collect()
}

fn signed(rng: &mut ChaCha8Rng, key: &SigningKey) -> Case {
    let mut message = vec![0; rng.random_range(0..300)];
    rng.fill_bytes(&mut message);
    (key.verifying_key().to_bytes(), key.sign(&message).to_bytes(), message)
}

fn key(rng: &mut ChaCha8Rng) -> SigningKey {
    SigningKey::from_bytes(&rng.random())
}

/// The point that `bytes` encode plus a torsion point, encoded.
fn with_torsion(bytes: [u8; 32], torsion: usize) -> [u8; 32] {
    let point = CompressedEdwardsY(bytes).decompress().unwrap_or_default();
    (point + EIGHT_TORSION[torsion % 8]).compress().0
}

/// A valid signature with one random mutation; some mutations leave it valid under some rule.
fn mutated(rng: &mut ChaCha8Rng, key: &SigningKey) -> Case {
    let mut case = signed(rng, key);
    let torsion = rng.random_range(0..8);
    match rng.random_range(0..8) {
        0 => {}
        1 => case.0[rng.random_range(0..32)] ^= 1 << rng.random_range(0..8),
        2 => case.1[rng.random_range(0..64)] ^= 1 << rng.random_range(0..8),
        3 => case.2.push(0),
        4 => case.0 = with_torsion(case.0, torsion),
        5 => {
            let r = with_torsion(case.1[..32].try_into().unwrap(), torsion);
            case.1[..32].copy_from_slice(&r);
        }
        6 => {
            case.0 = EIGHT_TORSION[torsion].compress().0;
            case.1[..32].copy_from_slice(&EIGHT_TORSION[rng.random_range(0..8)].compress().0);
            case.1[32..].fill(0);
        }
        _ => rng.fill_bytes(&mut case.1),
    }
    case
}

/// Valid under ZIP 215 only: A and R have torsion components.
fn signed_with_torsion(rng: &mut ChaCha8Rng) -> Case {
    let [a, r] = [(); 2].map(|()| Scalar::from_bytes_mod_order(rng.random()));
    let [key, commitment] = [a, r].map(|scalar| {
        let torsion = EIGHT_TORSION[rng.random_range(1..8)];
        (EdwardsPoint::mul_base(&scalar) + torsion).compress().0
    });
    let message = vec![rng.random(); rng.random_range(0..200)];
    let digest = Sha512::new().chain_update(commitment).chain_update(key).chain_update(&message).finalize();
    let s = r + Scalar::from_bytes_mod_order_wide(&digest.into()) * a;
    let signature = [commitment, s.to_bytes()].concat();
    (key, signature.try_into().unwrap(), message)
}

#[test]
fn few_invalid_signatures_among_many() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let keys: Vec<_> = (0..700).map(|_| key(&mut rng)).collect();
    let cases: Vec<_> = (0..2_100)
        .map(|i| match i % 10 {
            0 => signed_with_torsion(&mut rng),
            _ => signed(&mut rng, &keys[i % keys.len()]),
        })
        .collect();
    assert!(expected(Rule::Zip215, &cases).iter().all(|&valid| valid));
    let mut not_a_point = [0; 32];
    not_a_point[0] = 2;
    for level in Level::available().skip(1) {
        // The number of invalid signatures in earlier batches selects the method, but must not
        // change a verdict.
        let reused = cpu(level);
        for bad in [0, 1, 2, 3, 9, 400, 0, 1, 9] {
            let (mut cases, mut expected) = (cases.clone(), vec![true; cases.len()]);
            for kind in 0..bad {
                let index = rng.random_range(0..cases.len());
                let (key, signature, message) = &mut cases[index];
                match kind % 5 {
                    0 => signature[32 + rng.random_range(0..28)] ^= 1,
                    1 => message.push(1),
                    2 => signature[63] |= 0x20,
                    3 => *key = not_a_point,
                    _ => signature[..32].copy_from_slice(&not_a_point),
                }
                expected[index] = Rule::Zip215.accepts(key, signature, message);
            }
            assert_eq!(expected.iter().all(|&valid| valid), bad == 0);
            for cpu in [&cpu(level), &reused] {
                let found = verdicts(cpu, Rule::Zip215, &cases);
                assert_eq!(found, expected, "{bad} bad, {}", cpu.info().detail);
            }
        }
    }
}

/// Errors that cancel out in the sum over the batch unless each signature has a coefficient of
/// its own.
#[test]
fn errors_do_not_cancel_out() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let key = key(&mut rng);
    let mut cases: Vec<_> = (0..1_000).map(|_| signed(&mut rng, &key)).collect();
    for (pair, shift) in [(100, 1u64), (500, 7), (998, u64::MAX)] {
        for (index, shift) in [(pair, Scalar::from(shift)), (pair + 1, -Scalar::from(shift))] {
            let s = Scalar::from_canonical_bytes(cases[index].1[32..].try_into().unwrap()).unwrap() + shift;
            cases[index].1[32..].copy_from_slice(s.as_bytes());
        }
    }
    let expected: Vec<_> = (0..1_000).map(|i| ![100, 101, 500, 501, 998, 999].contains(&i)).collect();
    for cpu in &cpus()[1..] {
        assert_eq!(verdicts(cpu, Rule::Zip215, &cases), expected, "{}", cpu.info().detail);
    }
}

#[test]
fn mutated_signatures_match_the_reference() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let keys: Vec<_> = (0..40).map(|_| key(&mut rng)).collect();
    for _ in 0..25 {
        let cpus = cpus();
        let cases: Vec<_> = (0..1_500).map(|i| mutated(&mut rng, &keys[i % keys.len()])).collect();
        for rule in Rule::ALL {
            let expected = expected(rule, &cases);
            for cpu in &cpus[1..] {
                assert_eq!(verdicts(cpu, rule, &cases), expected, "{rule}, {}", cpu.info().detail);
            }
        }
    }
}

#[test]
fn verdicts_do_not_depend_on_the_batch() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let keys: Vec<_> = (0..5).map(|_| key(&mut rng)).collect();
    let mut cases: Vec<_> = (0..300).map(|i| mutated(&mut rng, &keys[i % keys.len()])).collect();
    for cpu in cpus() {
        for _ in 0..4 {
            cases.shuffle(&mut rng);
            for rule in Rule::ALL {
                let expected = expected(rule, &cases);
                let split = rng.random_range(0..cases.len());
                let (left, right) = cases.split_at(split);
                let parts = [verdicts(&cpu, rule, left), verdicts(&cpu, rule, right)].concat();
                assert_eq!(verdicts(&cpu, rule, &cases), expected, "{rule}, {}", cpu.info().detail);
                assert_eq!(parts, expected, "{rule}, {}, split at {split}", cpu.info().detail);
            }
        }
    }
}

#[test]
fn one_invalid_signature_at_every_index_of_small_batches() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let key = key(&mut rng);
    let cases: Vec<_> = (0..40).map(|_| signed(&mut rng, &key)).collect();
    for cpu in cpus() {
        for count in 0..=cases.len() {
            let mut cases = cases[..count].to_vec();
            let rule = Rule::ALL[count % 3];
            assert_eq!(verdicts(&cpu, rule, &cases), vec![true; count], "{rule}, {}", cpu.info().detail);
            if count % 8 != 1 {
                continue;
            }
            for bad in 0..count {
                cases[bad].1[5] ^= 4;
                let mut expected = vec![true; count];
                expected[bad] = false;
                assert_eq!(verdicts(&cpu, rule, &cases), expected, "{rule}, {}", cpu.info().detail);
                cases[bad].1[5] ^= 4;
            }
        }
    }
}

#[test]
fn verdicts_do_not_depend_on_the_key_cache() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let signers: Vec<_> = (0..9).map(|_| key(&mut rng)).collect();
    let mut not_a_point = [0; 32];
    not_a_point[0] = 2;
    let case = |rng: &mut ChaCha8Rng, signer: usize| {
        let mut case = mutated(rng, &signers[signer]);
        case.0 = match signer {
            6 => not_a_point,
            7 => EIGHT_TORSION[3].compress().0,
            8 => with_torsion(signers[8].verifying_key().to_bytes(), 1),
            _ => signers[signer].verifying_key().to_bytes(),
        };
        case
    };
    for level in Level::available() {
        for capacity in [0, 1, 5, 64] {
            let cpu = Cpu::new(Threads::new(2).unwrap(), level).with_key_cache(KeyCache::new(capacity));
            // Few enough keys for the cache, then too many, then few signatures by known keys.
            for (signers, count) in [(5, 300), (9, 600), (9, 40), (5, 3), (1, 1), (1, 300)] {
                let cases: Vec<_> = (0..count).map(|i| case(&mut rng, i % signers)).collect();
                for rule in Rule::ALL {
                    let expected = expected(rule, &cases);
                    assert_eq!(
                        verdicts(&cpu, rule, &cases),
                        expected,
                        "{rule}, {level}, {capacity} cached keys"
                    );
                }
                assert!(cpu.key_cache().len() <= capacity);
            }
            let min_cached = if level.isa() == Isa::Scalar { 0 } else { capacity.min(1) };
            assert!(cpu.key_cache().len() >= min_cached && cpu.key_cache().capacity() == capacity);
        }
    }
}

/// Rounding modes other than to nearest: down, up and towards zero.
#[cfg(target_arch = "x86_64")]
#[test]
#[expect(unsafe_code, reason = "the control register")]
fn verdicts_do_not_depend_on_the_rounding_mode() {
    let mut rng = ChaCha8Rng::seed_from_u64(31);
    let keys: Vec<_> = (0..4).map(|_| key(&mut rng)).collect();
    let cases: Vec<_> = (0..600).map(|i| mutated(&mut rng, &keys[i % 4])).collect();
    for rounding in 1..=3u32 {
        let thread = std::thread::scope(|scope| {
            let verify_all = || {
                let control = 0x1f80 | rounding << 13;
                // SAFETY: the control word is valid, and the thread ends with this closure.
                unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &control, options(nostack, readonly)) };
                let cpus = cpus();
                Rule::ALL.map(|rule| cpus.iter().map(|cpu| verdicts(cpu, rule, &cases)).collect::<Vec<_>>())
            };
            scope.spawn(verify_all).join().unwrap()
        });
        for (rule, of_all) in Rule::ALL.into_iter().zip(thread) {
            of_all.iter().for_each(|found| assert_eq!(*found, expected(rule, &cases), "{rule}"));
        }
    }
}
