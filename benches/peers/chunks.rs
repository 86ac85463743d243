//! Content-defined chunks of random bytes that exceed the caches.

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use verilane::Threads;
use verilane::dedup::chunks::ChunkSizes;

use crate::Lanes;
use crate::comparison::{Comparison, Implementation, Row};

const BYTES: usize = 256 << 20;

/// The length in bytes of an item of the table.
const ITEM: usize = 1000;

pub fn rows(comparison: &Comparison, lanes: &Lanes) {
    for (min, average, max) in [(4 << 10, 16 << 10, 64 << 10), (16 << 10, 64 << 10, 256 << 10)] {
        let name = format!("chunks {} KiB", average >> 10);
        if !comparison.selects(&name) {
            continue;
        }
        let mut data = vec![0; BYTES];
        ChaCha8Rng::seed_from_u64(1).fill(&mut data[..]);
        let sizes = ChunkSizes::new(min, average, max).expect("the sizes are valid");
        let [one, two] = [1, 2].map(|count| Threads::new(count).expect("threads start"));
        let implementations: Vec<Implementation<'_, Vec<usize>>> = vec![
            ("verilane", Box::new(|out| *out = sizes.cut(&data, &one))),
            ("2 threads", Box::new(|out| *out = sizes.cut(&data, &two))),
            (
                "fastcdc",
                Box::new(|out| {
                    let chunks = fastcdc::v2020::FastCDC::new(&data, min, average, max);
                    *out = chunks.map(|chunk| chunk.offset + chunk.length).collect();
                }),
            ),
        ];
        let row =
            Row { name, items: BYTES / ITEM, target_ratio: Some(2.0), operations: None, level: lanes.level };
        comparison.run(&row, &Vec::new(), implementations);
    }
}
