//! Digests of many records.

use verilane::{Backend, Digest, Hash, Records};

use crate::Lanes;
use crate::comparison::{Comparison, Implementation, Operations, Row};

/// The number of records, which exceed the caches.
const RECORDS: usize = 100_000;

pub fn rows(comparison: &Comparison, lanes: &Lanes) {
    for (length, target_ratio) in [(32, 4.2), (64, 4.5), (200, 3.2), (1024, 2.3)] {
        let operations = |ops: Operations| match length {
            32 => ops.sha256_of_digest,
            _ if length % 64 == 0 => {
                ops.sha256_first + (length / 64 - 1) as f64 * ops.sha256 + ops.sha256_constant
            }
            _ => ops.sha256_first + ((length + 8) / 64) as f64 * ops.sha256,
        };
        let operations = Operations::of(lanes.level).map(operations);
        row(comparison, lanes, Hash::Sha256, &length.to_string(), &[length], Some(target_ratio), operations);
    }
    for (length, target_ratio) in [(64, 13.0), (200, 10.0), (256, 13.0), (1024, 14.0)] {
        let operations = |ops: Operations| {
            let last = if (1..=32).contains(&(length % 64)) { ops.blake3_short } else { ops.blake3 };
            ((length - 1) / 64) as f64 * ops.blake3 + last
        };
        let operations = Operations::of(lanes.level).map(operations);
        row(comparison, lanes, Hash::Blake3, &length.to_string(), &[length], Some(target_ratio), operations);
    }
    for hash in [Hash::Sha256, Hash::Blake3] {
        row(comparison, lanes, hash, "40+4096", &[40, 40, 40, 40, 40, 40, 40, 4096], None, None);
        row(comparison, lanes, hash, "100-400", &(100..400).step_by(7).collect::<Vec<_>>(), None, None);
    }
}

fn row(
    comparison: &Comparison,
    lanes: &Lanes,
    hash: Hash,
    lengths_name: &str,
    lengths: &[usize],
    target_ratio: Option<f64>,
    operations: Option<f64>,
) {
    let name = format!("hash.{hash} {lengths_name}");
    if !comparison.selects(&name) {
        return;
    }
    let count = if lengths.len() > 1 { RECORDS / 4 } else { RECORDS };
    let word = |i: usize| (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
    let pattern: Vec<u8> = (0..600).flat_map(word).collect();
    let record = |i: usize| &pattern[i % 500..][..lengths[i % lengths.len()]];
    let records = Records::from_slices((0..count).map(record));
    let implementations: Vec<Implementation<'_, Vec<Digest>>> = vec![
        ("verilane", Box::new(|out| lanes.one.hash(hash, &records, out).expect("no fault"))),
        ("2 threads", Box::new(|out| lanes.two.hash(hash, &records, out).expect("no fault"))),
        (
            if hash == Hash::Blake3 { "blake3 loop" } else { "sha2 loop" },
            Box::new(|out| {
                out.iter_mut().zip(records.iter()).for_each(|(out, record)| *out = hash.digest(record))
            }),
        ),
    ];
    let row = Row { name, items: count, target_ratio, operations, level: lanes.level };
    comparison.run(&row, &vec![Digest::default(); count], implementations);
}
