//! The fuzz targets on a small corpus: seeds, seeds changed at one position, and random bytes.

use std::path::Path;

use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt, SeedableRng};

/// The number of changed inputs for each seed.
const MUTATIONS: usize = 40;

/// The number of inputs of random bytes.
const RANDOM: usize = 200;

/// The seeds of a target, sorted.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
    let Ok(files) = std::fs::read_dir(folder) else { return vec![] };
    let mut seeds: Vec<_> = files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
    seeds.sort();
    seeds
}

fn mutate(seed: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    let position = rng.random_range(0..bytes.len());
    match rng.random_range(0..4) {
        0 => bytes.truncate(position),
        1 => bytes[position] ^= 1 << rng.random_range(0..8),
        2 => bytes[position] = [0, 1, 0x7f, 0xff][rng.random_range(0..4)],
        _ => bytes.insert(position, rng.random()),
    }
    bytes
}

#[test]
fn targets_hold_over_a_small_corpus() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for (name, target) in verilane_fuzz::TARGETS {
        let seeds = seeds(name);
        target(&[]);
        for seed in &seeds {
            target(seed);
            (0..MUTATIONS).for_each(|_| target(&mutate(seed, &mut rng)));
        }
        for _ in 0..RANDOM {
            let length = rng.random_range(0..700);
            let mut bytes = vec![0; length];
            rng.fill_bytes(&mut bytes);
            target(&bytes);
        }
        println!("{name}: {} seeds", seeds.len());
    }
}

#[test]
fn every_target_has_a_binary_and_seeds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    for (name, _) in verilane_fuzz::TARGETS {
        let binary = std::fs::read_to_string(root.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(binary.contains(&format!("verilane_fuzz::{name}")), "{name}");
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        assert!(!seeds(name).is_empty(), "{name}");
    }
}
