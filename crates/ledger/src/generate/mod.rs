//! Synthetic ledgers: invented health records, signed with keys that anyone can derive,
//! in blocks with or without faults. The same options give the same ledger, byte for
//! byte.
//!
//! ```
//! use verilane_ledger::generate::{GenerateOptions, generate};
//! use verilane::Engine;
//! use verilane_ledger::audit;
//!
//! let folder = std::env::temp_dir().join(format!("verilane-example-{}", std::process::id()));
//! let engine = Engine::new()?;
//! let small = GenerateOptions { records: 300, stage: 20, ..GenerateOptions::new(7) };
//! let options = GenerateOptions { duplicates: 0.2, faults: 5, ..small };
//! let generated = generate(&engine, &folder, &options, |_list| Ok(()))?;
//! let audit = audit(&engine, &folder, |_bytes| ())?;
//! let planted = generated.faults.iter().map(|fault| (fault.place, fault.kind));
//! assert!(audit.failures.iter().map(|failure| (failure.place, failure.kind)).eq(planted));
//! # std::fs::remove_dir_all(folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chain;
mod clock;
mod draft;
mod faults;
mod fhir;
mod keys;
mod lists;
mod random;

use std::io;
use std::path::Path;

pub use faults::PlantedFault;
pub use fhir::record;
pub use keys::SyntheticKeys;
pub use lists::{Lists, sign_list, sign_record};

use super::endorsement::{Policy, PolicyError};
use super::{Genesis, List, SealRule, SecretKey, StoreError};
use chain::Chain;
use faults::Faults;
use verilane::ed25519::Rule;
use verilane::{Engine, Error};

/// What to generate.
///
/// Not `#[non_exhaustive]`, so that
/// `GenerateOptions { records: 300, ..GenerateOptions::new(7) }` can be written.
#[derive(Clone, Debug)]
pub struct GenerateOptions {
    /// The seed from which everything is derived.
    pub seed: u64,
    /// The number of institutions.
    pub institutions: u32,
    /// The number of uploaded records, duplicates included.
    pub records: u64,
    /// The share of records that repeat an earlier one, from 0 to below 1.
    pub duplicates: f64,
    /// How blocks are sealed.
    pub seal: SealRule,
    /// The number of records that ends a stage.
    pub stage: u32,
    /// The number of blocks under an anchor.
    pub anchor_blocks: u32,
    /// The number of endorsing peers.
    pub endorsers: u16,
    /// How many of them must endorse a block.
    pub threshold: u16,
    /// The number of faults to plant.
    pub faults: usize,
}

impl GenerateOptions {
    /// Ten institutions and 10,000 records, a tenth of them duplicates, sealed by stake
    /// in stages of 1000, with an anchor every ten blocks. No endorsing peers, no faults.
    pub fn new(seed: u64) -> Self {
        GenerateOptions {
            seed,
            institutions: 10,
            records: 10_000,
            duplicates: 0.1,
            seal: SealRule::Stake,
            stage: 1000,
            anchor_blocks: 10,
            endorsers: 0,
            threshold: 0,
            faults: 0,
        }
    }

    fn check(&self) -> Result<(), Error> {
        let refuse = |name, found: &dyn ToString, valid| {
            Err(Error::Parameter { name, found: found.to_string(), valid })
        };
        match self {
            GenerateOptions { institutions: 0, .. } => refuse("the number of institutions", &0, "1 or more"),
            GenerateOptions { records: 0, .. } => refuse("the number of records", &0, "1 or more"),
            GenerateOptions { duplicates, .. } if !(0.0..1.0).contains(duplicates) => {
                refuse("the share of duplicates", duplicates, "from 0 to below 1")
            }
            GenerateOptions { stage: stage @ 0..2, .. } => {
                refuse("the records that end a stage", stage, "2 or more")
            }
            GenerateOptions { anchor_blocks: 0, .. } => refuse("the blocks of an anchor", &0, "1 or more"),
            _ => Ok(()),
        }
    }

    fn genesis(&self, keys: &SyntheticKeys) -> Result<Genesis, PolicyError> {
        let peers: Vec<_> = keys.peers.iter().map(SecretKey::public_key).collect();
        let none = self.endorsers == 0 && self.threshold == 0;
        Ok(Genesis {
            name: format!("synthetic, seed {}", self.seed),
            founder: keys.institutions[0].public_key(),
            rule: Rule::Strict,
            seal: self.seal,
            stage: self.stage,
            anchor_blocks: self.anchor_blocks,
            endorsement: if none { None } else { Some(Policy::new(self.threshold, peers)?) },
        })
    }
}

/// A generated ledger.
#[derive(Debug)]
#[non_exhaustive]
pub struct Generated {
    /// The secret keys.
    pub keys: SyntheticKeys,
    /// The number of lists.
    pub lists: u64,
    /// The number of blocks.
    pub blocks: u64,
    /// The number of records stored in the blocks.
    pub stored: u64,
    /// The planted faults, by place.
    pub faults: Vec<PlantedFault>,
}

/// Why a ledger cannot be generated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// An option is out of range.
    #[error(transparent)]
    Options(#[from] Error),
    /// The endorsing peers and their threshold are not a policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The ledger cannot be sealed or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The callback failed for a list.
    #[error(transparent)]
    Lists(#[from] io::Error),
    /// The ledger has no room for so many faults that do not hide each other.
    #[error("only {planted} of {asked} faults found a place: generate more records, or ask for fewer faults")]
    Faults {
        /// The number of planted faults.
        planted: usize,
        /// The number of faults that were asked for.
        asked: usize,
    },
}

/// The most records in a list.
const LONGEST_LIST: u64 = 50;

/// Generates a ledger in `directory`. Calls `each` with every list, as the institution
/// uploaded it.
///
/// # Errors
/// [`GenerateError`]; an incomplete ledger may remain in the directory.
pub fn generate(
    engine: &Engine,
    directory: &Path,
    options: &GenerateOptions,
    mut each: impl FnMut(&List) -> io::Result<()>,
) -> Result<Generated, GenerateError> {
    options.check()?;
    let keys = SyntheticKeys::new(options.seed, options.institutions, options.endorsers);
    let genesis = options.genesis(&keys)?;
    let longest = LONGEST_LIST.min(u64::from(options.stage) - 1);
    let duplicates = ((options.records as f64 * options.duplicates).round() as u64).min(options.records - 1);
    let mut lists = Lists::new(&keys.institutions, options.seed, longest, options.records, duplicates);
    let faults = Faults::new(options.seed, options.faults);
    let distinct = options.records - duplicates;
    let mut chain = Chain::create(engine, directory, &genesis, &keys, distinct, faults)?;
    let mut count = 0;
    let threads = engine.threads()?;
    while let Some(list) = threads.run(|| lists.next()) {
        each(&list)?;
        chain.add(list)?;
        count += 1;
    }
    let built = chain.finish()?;
    if built.faults.len() < options.faults {
        return Err(GenerateError::Faults { planted: built.faults.len(), asked: options.faults });
    }
    let (blocks, stored, faults) = (built.blocks, built.stored, built.faults);
    Ok(Generated { keys, lists: count, blocks, stored, faults })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{LedgerFailureKind, audit};

    fn found_and_planted(options: &GenerateOptions) -> (Vec<PlantedFault>, Vec<PlantedFault>) {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::new().unwrap();
        let generated = generate(&engine, folder.path(), options, |_| Ok(())).unwrap();
        let audit = audit(&engine, folder.path(), |_| ()).unwrap();
        let parsed =
            generated.faults.iter().filter(|fault| fault.kind == LedgerFailureKind::Parse).count() as u64;
        assert_eq!(audit.blocks + parsed, generated.blocks);
        let found =
            audit.failures.iter().map(|failure| PlantedFault { place: failure.place, kind: failure.kind });
        (found.collect(), generated.faults)
    }

    #[test]
    fn an_audit_finds_what_was_planted_and_nothing_else() {
        for seed in 0..3 {
            let work = SealRule::Work { bits: 0x207f_ffff };
            for (seal, [endorsers, threshold], kinds) in
                [(SealRule::Stake, [4, 3], 19), (work, [3, 1], 17), (SealRule::Stake, [0, 0], 18)]
            {
                for (faults, duplicates) in [(0, 0.0), (1, 0.9), (40, 0.1), (90, 0.5)] {
                    let (records, stage, anchor_blocks) = (1500, 20, 3);
                    let [endorsers, threshold] = [endorsers, threshold];
                    let options = GenerateOptions {
                        records,
                        duplicates,
                        seal,
                        stage,
                        anchor_blocks,
                        endorsers,
                        threshold,
                        faults,
                        ..GenerateOptions::new(seed)
                    };
                    let (found, planted) = found_and_planted(&options);
                    assert_eq!(found, planted, "{options:?}");
                    assert_eq!(planted.len(), faults);
                    let different: BTreeSet<_> = planted.iter().map(|fault| fault.kind).collect();
                    assert!(faults < 40 || different.len() == kinds, "{different:?}");
                }
            }
        }
    }

    #[test]
    fn the_share_of_duplicates_is_exact() {
        let keys = SyntheticKeys::new(3, 4, 0);
        for (records, duplicates) in [(1, 0), (2, 1), (500, 499), (500, 77)] {
            let lists: Vec<_> = Lists::new(&keys.institutions, 3, 9, records, duplicates).collect();
            assert!(lists.iter().all(|list| (1..=9).contains(&list.records.len())));
            let all: Vec<_> = lists.iter().flat_map(|list| &list.records).collect();
            let different: BTreeSet<_> = all.iter().map(|record| &record.bytes).collect();
            assert_eq!((all.len() as u64, different.len() as u64), (records, records - duplicates));
            for list in &lists {
                assert!(Rule::Strict.accepts(&list.institution, &list.signature, &list.message()));
                for record in &list.records {
                    assert_eq!(record.digest, verilane::Hash::Sha256.digest(&record.bytes));
                    assert!(Rule::Strict.accepts(&list.institution, &record.signature, &record.digest.0));
                }
            }
        }
    }

    #[test]
    fn invalid_options_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::new().unwrap();
        let small = || GenerateOptions { records: 50, stage: 20, ..GenerateOptions::new(1) };
        for (options, reason) in [
            (GenerateOptions { institutions: 0, ..small() }, "institutions cannot be 0: 1 or more"),
            (GenerateOptions { records: 0, ..small() }, "records cannot be 0"),
            (GenerateOptions { duplicates: 1.0, ..small() }, "from 0 to below 1"),
            (GenerateOptions { duplicates: f64::NAN, ..small() }, "from 0 to below 1"),
            (GenerateOptions { stage: 1, ..small() }, "2 or more"),
            (GenerateOptions { anchor_blocks: 0, ..small() }, "1 or more"),
            (GenerateOptions { endorsers: 2, threshold: 3, ..small() }, "a threshold of 3 of 2 peers"),
            (GenerateOptions { faults: 1000, ..small() }, "of 1000 faults found a place"),
        ] {
            let refused = generate(&engine, &folder.path().join("ledger"), &options, |_| Ok(()));
            let error = refused.expect_err(reason).to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
