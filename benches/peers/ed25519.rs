//! Ed25519 verification against other libraries, in one interleaved run, each on one thread
//! unless its name says otherwise. All verdicts are compared.
//!
//! ```text
//! cargo bench --no-default-features --bench peers-ed25519
//! RUSTFLAGS="-C target-cpu=native" cargo bench --no-default-features --bench peers-ed25519
//! ```
//!
//! The second command adds ed25519-simd, which needs these flags to compile. With
//! `--cfg curve25519_dalek_backend="avx512"` in the flags, dalek uses its AVX-512 back end.

use std::fmt::Display;
use std::hint::black_box;
use std::time::{Duration, Instant};

use ed25519_dalek::{Signer, SigningKey};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt, SeedableRng};
use verilane::cpu::{Cpu, Isa, KeyCache, Level, multiply_add_rate};
use verilane::ed25519::Rule;
use verilane::signature::Batch;
use verilane::{Backend, Threads};

/// Rounds of each table. The fastest sample counts, because other processes on the machine slow
/// the others down.
const ROUNDS: usize = 31;

/// The minimum time of a sample; short calls are repeated.
const MIN_SAMPLE_TIME: Duration = Duration::from_millis(1);

/// A way to verify a batch.
struct Implementation<'a> {
    name: String,
    run: Box<dyn FnMut() -> Vec<bool> + 'a>,
}

impl<'a> Implementation<'a> {
    fn new(name: impl Display, run: impl FnMut() -> Vec<bool> + 'a) -> Self {
        Implementation { name: name.to_string(), run: Box::new(run) }
    }

    /// Seconds for a call.
    fn sample(&mut self, expected: &[bool]) -> f64 {
        let start = Instant::now();
        let mut calls = 0;
        while calls == 0 || start.elapsed() < MIN_SAMPLE_TIME {
            assert_eq!(black_box((self.run)()), expected, "{}", self.name);
            calls += 1;
        }
        start.elapsed().as_secs_f64() / f64::from(calls)
    }
}

/// Prints for each implementation the fastest and the median time in µs for a signature, and the
/// speed relative to the first one. Returns the fastest times.
fn compare(title: &str, expected: &[bool], mut implementations: Vec<Implementation<'_>>) -> Vec<f64> {
    let mut samples = vec![Vec::with_capacity(ROUNDS); implementations.len()];
    for _ in 0..ROUNDS {
        for (implementation, samples) in implementations.iter_mut().zip(&mut samples) {
            samples.push(implementation.sample(expected));
        }
    }
    for samples in &mut samples {
        samples.sort_by(f64::total_cmp);
    }
    println!("\n{title}\n   fastest     median    speed-up");
    for (implementation, sorted) in implementations.iter().zip(&samples) {
        let micros = |seconds: f64| seconds * 1e6 / expected.len() as f64;
        let (fastest, median) = (micros(sorted[0]), micros(sorted[ROUNDS / 2]));
        let speed_up = samples[0][0] / sorted[0];
        println!("{fastest:7.3} µs {median:7.3} µs {speed_up:7.3} x  {}", implementation.name);
    }
    samples.iter().map(|sorted| sorted[0] * 1e6 / expected.len() as f64).collect()
}

/// The number of multiply-adds for a signature in one lane, counted by single-stepping.
fn multiply_adds(level: Level) -> f64 {
    match level.isa() {
        Isa::Avx512Ifma => 114_800.0,
        _ => 94_000.0,
    }
}

/// Prints the time for a signature at the processor's peak rate of multiply-adds, and its ratio to
/// the measured time `micros`.
fn print_peak_rate(level: Level, micros: f64) {
    let Some(rate) = multiply_add_rate(level) else { return };
    let at_peak_rate = multiply_adds(level) / rate / 1e3;
    let share = 100.0 * at_peak_rate / micros;
    println!(
        "at the peak rate of {rate:.1} multiply-adds a ns: {at_peak_rate:.3} µs ({share:.0} %)  {level}"
    );
}

/// `n` signatures by `keys` keys in turn, over messages of 32 to 200 bytes.
fn signed(n: usize, keys: usize) -> Batch<'static> {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let keys: Vec<SigningKey> = (0..keys).map(|_| SigningKey::from_bytes(&rng.random())).collect();
    let mut batch = Batch::with_capacity(n);
    for i in 0..n {
        let mut message = vec![0; rng.random_range(32..=200)];
        rng.fill_bytes(&mut message);
        let key = &keys[i % keys.len()];
        batch.push(&key.verifying_key().to_bytes(), &key.sign(&message).to_bytes(), &message);
    }
    batch
}

fn with_one_invalid(batch: &Batch<'_>) -> Batch<'static> {
    let mut copy = Batch::with_capacity(batch.len());
    for (i, (key, signature)) in batch.keys().iter().zip(batch.signatures()).enumerate() {
        let mut signature = *signature;
        signature[40] ^= u8::from(i == batch.len() / 3);
        copy.push(key, &signature, batch.messages().get(i));
    }
    copy
}

fn verilane<'a>(level: Level, threads: usize, rule: Rule, batch: &'a Batch<'a>) -> Implementation<'a> {
    let cpu = Cpu::new(Threads::new(threads).expect("threads start"), level);
    Implementation::new(format!("verilane, {level}, {rule}, {threads} thread(s)"), move || {
        let mut verdicts = vec![false; batch.len()];
        cpu.verify(rule, batch, &mut verdicts).expect("the CPU serves");
        verdicts
    })
}

fn without_key_cache<'a>(level: Level, rule: Rule, batch: &'a Batch<'a>) -> Implementation<'a> {
    let cpu = Cpu::new(Threads::new(1).expect("threads start"), level).with_key_cache(KeyCache::new(0));
    Implementation::new(format!("verilane, {level}, {rule}, no key cache"), move || {
        let mut verdicts = vec![false; batch.len()];
        cpu.verify(rule, batch, &mut verdicts).expect("the CPU serves");
        verdicts
    })
}

fn one_by_one<'a>(name: &str, rule: Rule, batch: &'a Batch<'a>) -> Implementation<'a> {
    let verify =
        move |i: usize| rule.accepts(&batch.keys()[i], &batch.signatures()[i], batch.messages().get(i));
    Implementation::new(name, move || (0..batch.len()).map(verify).collect())
}

fn dalek<'a>(batch: &'a Batch<'a>) -> Implementation<'a> {
    one_by_one("ed25519-dalek, verify", Rule::Rfc8032, batch)
}

/// A batch equation; if it fails, each signature singly.
fn zebra_batch<'a>(batch: &'a Batch<'a>) -> Implementation<'a> {
    use ed25519_zebra::batch::{Item, Verifier};

    Implementation::new("ed25519-zebra, batch, then singly on failure", move || {
        let item = |i: usize| {
            let key = ed25519_zebra::VerificationKeyBytes::from(batch.keys()[i]);
            let signature = ed25519_zebra::Signature::from_bytes(&batch.signatures()[i]);
            Item::from((key, signature, &batch.messages().get(i)))
        };
        let items: Vec<Item> = (0..batch.len()).map(item).collect();
        let mut verifier = Verifier::new();
        for item in &items {
            verifier.queue(item.clone());
        }
        match verifier.verify(ChaCha8Rng::seed_from_u64(8)) {
            Ok(()) => vec![true; batch.len()],
            Err(_) => items.into_iter().map(|item| item.verify_single().is_ok()).collect(),
        }
    })
}

#[cfg(target_feature = "avx512ifma")]
fn ed25519_simd<'a>(rule: Rule, batch: &'a Batch<'a>) -> Option<Implementation<'a>> {
    use ed25519_simd::{DalekVerifier, VerifyInput, Zip215Verifier};

    let inputs: Vec<VerifyInput<'a>> = (0..batch.len())
        .map(|i| VerifyInput {
            public_key: batch.keys()[i],
            signature: batch.signatures()[i],
            message: batch.messages().get(i),
        })
        .collect();
    let name = format!("ed25519-simd, {rule}");
    let mut out = vec![false; batch.len()];
    if rule == Rule::Zip215 {
        let mut verifier = Zip215Verifier::new();
        return Some(Implementation::new(name, move || {
            verifier.verify_batch(&inputs, &mut out);
            out.clone()
        }));
    }
    let mut verifier = DalekVerifier::new();
    Some(Implementation::new(name, move || {
        verifier.verify_batch(&inputs, &mut out);
        out.clone()
    }))
}

#[cfg(not(target_feature = "avx512ifma"))]
fn ed25519_simd<'a>(_: Rule, _: &'a Batch<'a>) -> Option<Implementation<'a>> {
    None
}

/// The rows with many signatures in a call.
fn large_batches(best: Level) {
    let batch = signed(1024, 1024);
    let valid = vec![true; batch.len()];
    let mut implementations =
        vec![dalek(&batch), one_by_one("ed25519-dalek, verify_strict", Rule::Strict, &batch)];
    implementations.extend(ed25519_simd(Rule::Strict, &batch));
    implementations.extend(ed25519_simd(Rule::Zip215, &batch));
    let mut levels: Vec<Level> = Level::available().filter(|level| level.isa() != Isa::Scalar).collect();
    levels.reverse();
    let first = implementations.len();
    implementations.extend(levels.iter().map(|&level| verilane(level, 1, Rule::Rfc8032, &batch)));
    implementations.push(verilane(best, 1, Rule::Strict, &batch));
    implementations.push(verilane(best, 1, Rule::Zip215, &batch));
    implementations.push(verilane(best, 2, Rule::Rfc8032, &batch));
    let fastest = compare("1,024 signatures a call by as many keys", &valid, implementations);
    for (&level, &micros) in levels.iter().zip(&fastest[first..]) {
        print_peak_rate(level, micros);
    }

    let batch = signed(16_384, 16_384);
    let mut verdicts = vec![true; batch.len()];
    compare(
        "16,384 a call by as many keys, zip215",
        &verdicts,
        vec![zebra_batch(&batch), verilane(best, 1, Rule::Zip215, &batch)],
    );
    let batch = with_one_invalid(&batch);
    verdicts[batch.len() / 3] = false;
    compare(
        "the same with one invalid signature",
        &verdicts,
        vec![zebra_batch(&batch), verilane(best, 1, Rule::Zip215, &batch)],
    );
    let batch = signed(16_384, 64);
    compare(
        "16,384 a call by 64 keys, zip215",
        &vec![true; batch.len()],
        vec![zebra_batch(&batch), verilane(best, 1, Rule::Zip215, &batch)],
    );
}

fn few_signatures(best: Level) {
    for n in [1, 2, 4, 7, 8, 9] {
        let batch = signed(n, n);
        let implementations = vec![dalek(&batch), verilane(best, 1, Rule::Rfc8032, &batch)];
        compare(&format!("{n} a call"), &vec![true; n], implementations);
    }
}

fn recurring_keys(best: Level) {
    for keys in [1, 64, 1024] {
        let batch = signed(16_384, keys);
        let implementations =
            vec![without_key_cache(best, Rule::Rfc8032, &batch), verilane(best, 1, Rule::Rfc8032, &batch)];
        compare(&format!("16,384 a call by {keys} keys"), &vec![true; batch.len()], implementations);
    }
}

fn main() {
    let best = Level::detected();
    recurring_keys(best);
    few_signatures(best);
    large_batches(best);
}
