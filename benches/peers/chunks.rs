//! Content-defined chunks of random bytes, more than the caches hold.

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use verilane::Threads;
use verilane::dedup::chunks::ChunkSizes;

use crate::Lanes;
use crate::duel::{Contestant, Duel, Row};

const BYTES: usize = 256 << 20;

/// Bytes of an item.
const ITEM: usize = 1000;

pub fn rows(duel: &Duel, lanes: &Lanes) {
    for (min, average, max) in [(4 << 10, 16 << 10, 64 << 10), (16 << 10, 64 << 10, 256 << 10)] {
        let name = format!("chunks {} KiB", average >> 10);
        if !duel.wants(&name) {
            continue;
        }
        let mut data = vec![0; BYTES];
        ChaCha8Rng::seed_from_u64(1).fill(&mut data[..]);
        let sizes = ChunkSizes::new(min, average, max).expect("sizes that can be");
        let [one, two] = [1, 2].map(|count| Threads::new(count).expect("threads start"));
        let contestants: Vec<Contestant<'_, Vec<usize>>> = vec![
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
        let row = Row { name, items: BYTES / ITEM, reach: Some(2.0), operations: None, isa: lanes.isa };
        duel.run(&row, &Vec::new(), contestants);
    }
}
