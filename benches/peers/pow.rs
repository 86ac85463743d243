//! The search of a window in which no nonce meets the target.

use sha2::{Digest as _, Sha256};
use verilane::Backend;
use verilane::pow::{Nonce, Puzzle, Target};

use crate::Lanes;
use crate::comparison::{Comparison, Implementation, Operations, Row};

const NONCES: u32 = 1 << 20;

pub fn rows(comparison: &Comparison, lanes: &Lanes) {
    if !comparison.selects("pow.sha256d") {
        return;
    }
    let header: [u8; 80] = std::array::from_fn(|i| (i * 37) as u8);
    // A nonce meets it with probability 2^-32.
    let mut target = [0xff; 32];
    target[..4].fill(0);
    let puzzle = Puzzle::bitcoin(&header, Target::from_be_bytes(target));
    let implementations: Vec<Implementation<'_, Option<Nonce>>> = vec![
        ("verilane", Box::new(|out| *out = lanes.one.search(&puzzle, 0..=NONCES - 1).expect("no fault"))),
        ("2 threads", Box::new(|out| *out = lanes.two.search(&puzzle, 0..=NONCES - 1).expect("no fault"))),
        ("sha2 + midstate", Box::new(|out| *out = with_midstate(&header))),
    ];
    // Not counted in the first block: 3 rounds before the nonce, and 103 operations of the
    // schedule and 14 additions of constants that do not depend on it. Not counted in the
    // second block: 3 rounds and their words after the last word needed, half of the 4 rounds
    // before them, and 7 additions.
    let first = 3.0 * 17.0 + 103.0 + 14.0;
    let second = 3.0 * (17.0 + 11.0) + 4.0 * 7.0 + 7.0;
    let operations =
        Operations::of(lanes.level).map(|ops| ops.sha256 - first + ops.sha256_of_digest - second);
    let row = Row {
        name: "pow.sha256d".into(),
        items: NONCES as usize,
        target_ratio: Some(6.3),
        operations,
        level: lanes.level,
    };
    comparison.run(&row, &None, implementations);
}

fn with_midstate(header: &[u8; 80]) -> Option<Nonce> {
    let midstate = Sha256::new_with_prefix(&header[..64]);
    (0..NONCES).find_map(|nonce| {
        let mut hasher = midstate.clone();
        hasher.update(&header[64..76]);
        hasher.update(nonce.to_le_bytes());
        let digest = verilane::Digest(Sha256::digest(hasher.finalize()).into());
        digest.0.ends_with(&[0; 4]).then_some(Nonce { nonce, digest })
    })
}
