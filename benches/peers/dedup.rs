//! Fingerprints and first occurrences of a million records, three in ten of which repeat an
//! earlier one.

use std::collections::HashMap;

use verilane::cpu::Cpu;
use verilane::{Backend, Hash, Records};

use crate::Lanes;
use crate::comparison::{Comparison, Implementation, Row};

const RECORDS: usize = 1_000_000;
const LENGTH: usize = 200;

pub fn rows(comparison: &Comparison, lanes: &Lanes) {
    if !comparison.selects("dedup") {
        return;
    }
    let bytes = records();
    let records = Records::from_fixed(&bytes, LENGTH).expect("whole records");
    let implementations: Vec<Implementation<'_, Vec<u32>>> = vec![
        ("verilane", Box::new(|out| fingerprints_and_first_occurrences(&lanes.one, &records, out))),
        ("2 threads", Box::new(|out| fingerprints_and_first_occurrences(&lanes.two, &records, out))),
        ("blake3 loop + HashMap", Box::new(|out| with_hash_map(&records, out))),
    ];
    let row = Row {
        name: "dedup 200".into(),
        items: RECORDS,
        target_ratio: Some(6.0),
        operations: None,
        level: lanes.level,
    };
    comparison.run(&row, &vec![0; RECORDS], implementations);
}

fn records() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(RECORDS * LENGTH);
    for i in 0..RECORDS as u64 {
        let spread = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let content = if i > 0 && spread % 10 < 3 { spread % i } else { i };
        let record = (0..LENGTH as u64 / 8).flat_map(|word| (content ^ word << 32).to_le_bytes());
        bytes.extend(record);
    }
    bytes
}

fn fingerprints_and_first_occurrences(lanes: &Cpu, records: &Records<'_>, out: &mut [u32]) {
    let mut fingerprints = bytemuck::zeroed_vec(records.len());
    lanes.hash(Hash::Blake3, records, &mut fingerprints).expect("no fault");
    lanes.first_occurrences(&fingerprints, out).expect("no fault");
}

fn with_hash_map(records: &Records<'_>, out: &mut [u32]) {
    let mut seen = HashMap::with_capacity(records.len());
    for (index, (record, out)) in records.iter().zip(out).enumerate() {
        *out = *seen.entry(blake3::hash(record)).or_insert(index as u32);
    }
}
