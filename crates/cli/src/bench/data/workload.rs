//! The workloads, their names and their sizes.

use anyhow::{bail, ensure};
use verilane::ed25519::Rule;
use verilane::{Hash, Key, Tree, TreeHash, dedup};

use super::recipe::{CallMode, Recipe};
use super::source::Source;
use crate::shared::units::Bytes;

/// A workload with one kind of item.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// Its name; workloads that differ only in the length of a record share it.
    pub name: String,
    pub recipe: Recipe,
}

/// A workload at one size.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub workload: Workload,
    pub items: usize,
}

/// How much is measured where no sizes are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// For one minute in all instead of several.
    pub quick: bool,
    /// From one item to what fills a card of 80 GB, unless it is quick.
    pub full: bool,
    /// Whether a hardware GPU is there, which takes larger calls to fill.
    pub hardware_gpu: bool,
}

/// Shortest and longest record of each hash workload.
const RECORDS: [(usize, usize); 6] = [(32, 32), (64, 64), (200, 200), (1024, 1024), (4096, 4096), (1, 4096)];

/// Records that a ledger fingerprints as it takes them in.
const INGEST: Recipe =
    Recipe::Hash { hash: Hash::KeyedBlake3(Key([0x5a; 32])), shortest: 1024, longest: 1024 };

/// Records in an index before the first call, and in a quick run.
const INDEXED: u64 = 10_000_000;
const QUICKLY_INDEXED: u64 = 1 << 16;

/// What follows the name of a workload in other call modes.
pub const CALL_BY_CALL: &str = "call by call";
pub const IN_ONE_BATCH: &str = "in one batch";

/// Every workload, in the order of the table.
pub fn all() -> Vec<Workload> {
    let hashes = [Hash::Sha256, Hash::Sha256d, Hash::Blake3].into_iter().flat_map(|hash| {
        RECORDS.map(|(shortest, longest)| Workload {
            name: format!("hash.{hash}"),
            recipe: Recipe::Hash { hash, shortest, longest },
        })
    });
    let trees = [Tree::Bitcoin, Tree::Rfc6962(TreeHash::Sha256), Tree::Plain(TreeHash::Sha256)];
    let trees = trees.map(|tree| Workload { name: format!("merkle.{tree}"), recipe: Recipe::Merkle(tree) });
    let rules =
        Rule::ALL.map(|rule| Workload { name: format!("verify.{rule}"), recipe: Recipe::Verify(rule) });
    let others = [
        ("ingest", INGEST),
        ("dedup", Recipe::Dedup),
        ("index", Recipe::Index { known: INDEXED }),
        ("pow.sha256d", Recipe::Pow),
        ("check", Recipe::Check),
        ("queue", Recipe::Queue),
    ];
    let others = others.map(|(name, recipe)| Workload { name: name.into(), recipe });
    hashes.chain(trees).chain(rules).chain(others).collect()
}

/// The workloads whose names begin with one of `patterns`; all if there is none.
///
/// # Errors
/// If a pattern fits no name, with the names.
pub fn select(patterns: &[String]) -> anyhow::Result<Vec<Workload>> {
    let all = all();
    for pattern in patterns {
        if pattern.is_empty() || !all.iter().any(|workload| workload.name.starts_with(pattern)) {
            bail!("no workload is called {pattern:?}: there are {}", names(&all).join(", "));
        }
    }
    let chosen =
        |workload: &Workload| patterns.is_empty() || patterns.iter().any(|p| workload.name.starts_with(p));
    Ok(all.into_iter().filter(chosen).collect())
}

/// A source for the largest of `cases`.
pub fn source(cases: &[Case]) -> Source {
    let signatures = cases.iter().map(|case| match case.workload.recipe {
        Recipe::Verify(_) | Recipe::Queue => case.items,
        _ => 0,
    });
    let entries = cases.iter().map(|case| match case.workload.recipe {
        Recipe::Check => case.items,
        _ => 0,
    });
    let indexed = cases.iter().map(|case| match case.workload.recipe {
        Recipe::Index { known } => known,
        _ => 0,
    });
    Source::new(signatures.max().unwrap_or(0), entries.max().unwrap_or(0), indexed.max().unwrap_or(0))
}

/// The distinct names, in order.
fn names(workloads: &[Workload]) -> Vec<&str> {
    let mut names: Vec<_> = workloads.iter().map(|workload| workload.name.as_str()).collect();
    names.dedup();
    names
}

impl Workload {
    /// What one item is called.
    pub fn unit(&self) -> &'static str {
        match self.recipe {
            Recipe::Hash { .. } => "hashes",
            Recipe::Merkle(_) => "leaves",
            Recipe::Verify(_) | Recipe::Queue => "signatures",
            Recipe::Dedup => "fingerprints",
            Recipe::Index { .. } | Recipe::Check => "records",
            Recipe::Pow => "nonces",
        }
    }

    /// Its name in this call mode.
    pub fn name_in(&self, mode: CallMode) -> String {
        match mode {
            CallMode::Batch if self.recipe == Recipe::Queue => format!("{} {IN_ONE_BATCH}", self.name),
            CallMode::Batch | CallMode::PerItem => self.name.clone(),
            CallMode::PerOperation => format!("{} {CALL_BY_CALL}", self.name),
        }
    }

    /// The hash function in it, where it is chosen.
    pub fn hash(&self) -> Option<Hash> {
        match self.recipe {
            Recipe::Hash { hash, .. } => Some(hash),
            Recipe::Merkle(tree) => Some(tree.hash()),
            Recipe::Pow => Some(Hash::Sha256d),
            Recipe::Verify(_) | Recipe::Dedup | Recipe::Index { .. } | Recipe::Check | Recipe::Queue => None,
        }
    }

    /// The workload at each of `sizes`, or at its own sizes if there is none.
    pub fn cases(&self, sizes: &[usize], scale: Scale) -> Vec<Case> {
        let sizes = if sizes.is_empty() { self.sizes(scale) } else { sizes.to_vec() };
        let mut workload = self.clone();
        if let Recipe::Index { known } = &mut workload.recipe
            && scale.quick
        {
            *known = QUICKLY_INDEXED;
        }
        sizes.into_iter().map(|items| Case { workload: workload.clone(), items }).collect()
    }

    fn sizes(&self, scale: Scale) -> Vec<usize> {
        let Scale { quick, full, hardware_gpu } = scale;
        match self.recipe {
            recipe if full && !quick => full_sizes(recipe),
            Recipe::Hash { longest, .. } => {
                let bytes: usize = if quick { 4 << 20 } else { 64 << 20 };
                vec![(bytes / longest).min(1 << 20)]
            }
            Recipe::Merkle(_) if quick => vec![1 << 16],
            Recipe::Merkle(_) => vec![1 << 12, 1 << 20],
            Recipe::Verify(_) if quick => vec![1, 64, 1 << 10, 1 << 12],
            Recipe::Verify(_) if hardware_gpu => vec![1, 64, 1 << 10, 1 << 14, 1 << 18, 1 << 20],
            Recipe::Verify(_) => vec![1, 64, 1 << 10, 1 << 14],
            Recipe::Dedup if quick => vec![1 << 16],
            Recipe::Dedup => vec![1 << 16, 1 << 20],
            Recipe::Index { .. } if quick => vec![1 << 14],
            Recipe::Index { .. } => vec![1 << 17],
            Recipe::Pow if quick => vec![1 << 20],
            Recipe::Pow if hardware_gpu => vec![1 << 20, 1 << 24, 1 << 28],
            Recipe::Pow => vec![1 << 20, 1 << 23],
            Recipe::Check if quick => vec![1 << 11],
            Recipe::Check if hardware_gpu => vec![1 << 10, 1 << 14, 1 << 18],
            Recipe::Check => vec![1 << 10, 1 << 14],
            Recipe::Queue if quick => vec![1 << 13],
            Recipe::Queue => vec![1 << 16],
        }
    }
}

/// Sizes for latency, at 1, 64 and 1,024 items, and for throughput above.
fn full_sizes(recipe: Recipe) -> Vec<usize> {
    let largest = match recipe {
        // 512 MiB: eight of the chunks whose upload and hashing overlap.
        Recipe::Hash { longest, .. } => ((512 << 20) / longest).min(1 << 22),
        Recipe::Merkle(_) | Recipe::Dedup => 1 << 24,
        Recipe::Verify(_) => 1 << 20,
        Recipe::Pow => 1 << 28,
        Recipe::Check => 1 << 18,
        // Their cost is not the device's time.
        Recipe::Index { .. } => return vec![1 << 17],
        Recipe::Queue => return vec![1 << 16],
    };
    let between: &[usize] = match recipe {
        Recipe::Hash { .. } => &[1 << 14],
        _ => &[1 << 14, 1 << 18, 1 << 20],
    };
    let sizes = LATENCY_SIZES.iter().chain(between).copied().filter(|&size| size < largest);
    sizes.chain([largest]).collect()
}

/// Items in the calls whose latency counts.
pub const LATENCY_SIZES: [usize; 3] = [1, 64, 1 << 10];

impl Case {
    /// # Errors
    /// If the operation takes no such count, or its input does not fit into
    /// `memory` bytes; with the largest count that would do.
    pub fn check(&self, memory: u64) -> anyhow::Result<()> {
        let Case { workload, items } = self;
        let name = &workload.name;
        let most = self.most_items();
        ensure!(*items as u64 <= most, "{items} items are too many for {name}: one call takes {most}");
        let fit = memory / self.memory_per_item();
        ensure!(
            *items as u64 <= fit,
            "{items} items of {name} need {} of memory, but {} are free: {fit} items would fit",
            Bytes(self.memory_per_item() as f64 * *items as f64),
            Bytes(memory as f64),
        );
        Ok(())
    }

    fn most_items(&self) -> u64 {
        match self.workload.recipe {
            Recipe::Dedup | Recipe::Index { .. } | Recipe::Check => dedup::MAX_FINGERPRINTS as u64,
            Recipe::Pow => 1 << 32,
            _ => u64::MAX,
        }
    }

    /// The input, its copy during generation, two answers, and a back end's copies.
    fn memory_per_item(&self) -> u64 {
        let [_, longest] = self.workload.recipe.item_bytes();
        match self.workload.recipe {
            Recipe::Hash { .. } => 3 * longest as u64 + 3 * (8 + 32),
            Recipe::Merkle(_) => 3 * 32 + 32,
            Recipe::Verify(_) | Recipe::Queue => 4 * (longest as u64 + 32 + 64 + 24),
            Recipe::Dedup => 3 * 32 + 3 * 8 + 64,
            Recipe::Index { .. } => 3 * (32 + 32 + 16 + 16) + 4 * 64,
            Recipe::Check => 4 * (longest as u64 + 128 + 8) + 3 * (32 + 4 + 1),
            // The window is two numbers.
            Recipe::Pow => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(patterns: &[&str]) -> anyhow::Result<Vec<Workload>> {
        select(&patterns.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn names_are_frozen() {
        let expected = [
            "hash.sha256",
            "hash.sha256d",
            "hash.blake3",
            "merkle.bitcoin",
            "merkle.rfc6962",
            "merkle.plain",
            "verify.rfc8032",
            "verify.strict",
            "verify.zip215",
            "ingest",
            "dedup",
            "index",
            "pow.sha256d",
            "check",
            "queue",
        ];
        assert_eq!(names(&all()), expected);
    }

    #[test]
    fn a_full_run_reaches_from_one_item_to_what_fills_a_card() {
        let sizes = |name: &str, quick| {
            let scale = Scale { quick, full: true, hardware_gpu: false };
            let cases = of(&[name]).unwrap()[0].cases(&[], scale);
            cases.iter().map(|case| case.items).collect::<Vec<_>>()
        };
        assert_eq!(sizes("verify.strict", false), [1, 64, 1 << 10, 1 << 14, 1 << 18, 1 << 20]);
        assert_eq!(sizes("hash.blake3", false), [1, 64, 1 << 10, 1 << 14, 1 << 22], "of 32 bytes");
        assert_eq!(sizes("check", false), [1, 64, 1 << 10, 1 << 14, 1 << 18]);
        assert_eq!(sizes("verify.strict", true), [1, 64, 1 << 10, 1 << 12]);
    }

    #[test]
    fn patterns_are_prefixes() {
        assert_eq!(of(&[]).unwrap(), all());
        assert_eq!(names(&of(&["verify", "hash.blake3"]).unwrap()).len(), 4);
        for pattern in ["hush", "", "verify.zip216"] {
            let error = of(&["dedup", pattern]).unwrap_err().to_string();
            assert!(error.contains("verify.zip215, ingest, dedup, index, pow.sha256d"), "{error}");
        }
    }

    #[test]
    fn sizes_that_cannot_be_are_refused_with_what_could() {
        let check = |name: &str, items, memory| {
            let workload = of(&[name]).unwrap().remove(0);
            Case { workload, items }.check(memory).map_err(|error| error.to_string())
        };
        assert_eq!(check("dedup", 1000, 1 << 30), Ok(()));
        let error = check("hash.sha256", usize::MAX, 216_000).unwrap_err();
        assert!(error.ends_with("1000 items would fit"), "{error}");
        let error = check("pow", (1 << 32) + 1, 1 << 40).unwrap_err();
        assert!(error.ends_with("one call takes 4294967296"), "{error}");
    }
}
