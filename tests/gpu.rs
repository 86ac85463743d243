//! What only the GPU back end has: chunks, and a device that can go away.
#![cfg(feature = "gpu")]

use std::sync::Arc;

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use verilane::gpu::Gpu;
use verilane::reference::Reference;
use verilane::{Backend, Digest, Threads};

/// Set where a missing adapter is a failure, not a skip.
const REQUIRE_GPU: &str = "VERILANE_REQUIRE_GPU";

/// A GPU of this test's own: hardware if there is any, else software.
fn gpu() -> Option<Arc<Gpu>> {
    match Gpu::start(None).or_else(|_| Gpu::start(Some("llvmpipe"))) {
        Ok(gpu) => Some(Arc::new(gpu)),
        Err(fault) => {
            assert!(std::env::var_os(REQUIRE_GPU).is_none(), "{REQUIRE_GPU} is set, but: {fault}");
            eprintln!("SKIPPED: {fault}");
            None
        }
    }
}

fn reference() -> Reference {
    Reference::new(Threads::new(2).unwrap())
}

fn digests(rng: &mut ChaCha8Rng, count: usize, distinct: u32) -> Vec<Digest> {
    let digest = |rng: &mut ChaCha8Rng| {
        let mut digest = Digest::default();
        digest.0[28..].copy_from_slice(&rng.random_range(0..distinct).to_le_bytes());
        digest
    };
    (0..count).map(|_| digest(rng)).collect()
}

#[test]
fn first_occurrences_across_chunks() {
    let Some(gpu) = gpu() else { return };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for (chunk_bytes, count, distinct) in
        [(u64::MAX, 10_000, 3_000), (4096, 2_000, 50), (4096, 2_000, u32::MAX), (8192, 5_000, 1)]
    {
        gpu.limit_chunks(chunk_bytes);
        let prints = digests(&mut rng, count, distinct);
        let [mut found, mut expected] = [vec![0; count], vec![0; count]];
        gpu.first_occurrences(&prints, &mut found).unwrap();
        reference().first_occurrences(&prints, &mut expected).unwrap();
        assert_eq!(found, expected, "{chunk_bytes} {count} {distinct}");
    }
    println!("{:?} {:?}", gpu.info(), gpu.take_device_time());
}
