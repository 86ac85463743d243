//! The persistent index: against a map, after killed processes, and on folders and files that
//! are no index.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;
use verilane::dedup::{Index, IndexError, IndexOptions, Seen};
use verilane::ed25519::Rule;
use verilane::merkle::{Root, Tree};
use verilane::pow::{Nonce, NonceWindow, Puzzle};
use verilane::reference::Reference;
use verilane::signature::Batch;
use verilane::{
    Backend, BackendInfo, BackendKind, Digest, Engine, Fault, Hash, Key, Operation, Options, Placement,
    Records, Threads,
};

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let placement = Placement::On(BackendKind::Cpu);
        Engine::with_options(&Options { placement, threads: 1, ..Options::default() }).unwrap()
    })
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn open(path: &Path) -> Result<Index, IndexError> {
    Index::open(path, IndexOptions::default())
}

fn with_key(byte: u8) -> IndexOptions {
    IndexOptions { key: Some(Key([byte; 32])), ..IndexOptions::default() }
}

fn record(number: u64) -> Digest {
    Hash::Sha256.digest(&number.to_le_bytes())
}

fn records(numbers: impl IntoIterator<Item = u64>) -> Vec<Digest> {
    numbers.into_iter().map(record).collect()
}

/// A call of an index.
#[derive(Clone, Debug)]
enum Call {
    Add(Vec<u64>),
    Scan(Vec<u64>),
    Reopen,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let numbers = || prop::collection::vec(0..600u64, 0..300);
    let call = prop_oneof![
        4 => numbers().prop_map(Call::Add),
        2 => numbers().prop_map(Call::Scan),
        1 => Just(Call::Reopen),
    ];
    prop::collection::vec(call, 1..12)
}

/// The expected answer, from a map of each record to its block.
fn expected(blocks: &HashMap<u64, u64>, numbers: &[u64]) -> Vec<Seen> {
    let seen = |(index, number)| {
        let first = numbers.iter().position(|other| other == number).unwrap();
        match blocks.get(number) {
            Some(&block) => Seen::InBlock(block),
            None if first == index => Seen::New,
            None => Seen::Repeats(first as u32),
        }
    };
    numbers.iter().enumerate().map(seen).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn answers_equal_those_of_a_map(calls in calls()) {
        let folder = folder();
        let mut index = open(folder.path()).unwrap();
        let (mut blocks, mut next_block) = (HashMap::new(), 0);
        for call in calls {
            match call {
                Call::Scan(numbers) => {
                    let seen = index.scan(engine(), &records(numbers.iter().copied())).unwrap();
                    prop_assert_eq!(&*seen, &expected(&blocks, &numbers));
                }
                Call::Add(numbers) => {
                    let seen = index.add(engine(), next_block, &records(numbers.iter().copied())).unwrap();
                    prop_assert_eq!(&*seen, &expected(&blocks, &numbers));
                    numbers.iter().for_each(|&number| { blocks.entry(number).or_insert(next_block); });
                    next_block += 1;
                }
                Call::Reopen => {
                    drop(index);
                    index = open(folder.path()).unwrap();
                }
            }
            prop_assert_eq!((index.blocks(), index.len()), (next_block, blocks.len() as u64));
        }
    }
}

/// Blocks that end inside a segment, at its end and after it; and empty blocks.
#[test]
fn blocks_of_many_lengths_are_read_back() {
    let lengths = [1, 126, 0, 127, 254, 0, 0, 1, 253, 1000];
    let folder = folder();
    let mut start = 0;
    for (block, length) in (0..).zip(lengths) {
        let mut index = open(folder.path()).unwrap();
        let _ = index.add(engine(), block, &records(start..start + length)).unwrap();
        start += length;
    }
    let index = open(folder.path()).unwrap();
    let blocks: Vec<_> =
        (0..).zip(lengths).flat_map(|(block, length)| vec![block; length as usize]).collect();
    let seen = index.scan(engine(), &records(0..start)).unwrap();
    assert_eq!(*seen, blocks.into_iter().map(Seen::InBlock).collect::<Vec<_>>());
    assert_eq!((index.blocks(), index.len()), (10, start));
}

mod crash {
    use super::*;

    const CHILD: &str = "VERILANE_TEST_INDEX";
    const BLOCK: u64 = 500;

    fn block(number: u64) -> Vec<Digest> {
        records(number * BLOCK..(number + 1) * BLOCK)
    }

    /// The body of the killed process; does nothing as a test.
    #[test]
    fn child() {
        let Some(path) = std::env::var_os(CHILD) else { return };
        let mut index = open(path.as_ref()).unwrap();
        loop {
            let number = index.blocks();
            let _ = index.add(engine(), number, &block(number)).unwrap();
            println!("added {number}");
        }
    }

    /// Starts a process that adds blocks and kills it after `delay`. Returns the last block that
    /// it reported as added.
    fn run_and_kill(path: &Path, delay: Duration) -> Option<u64> {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child", "--nocapture"])
            .env(CHILD, path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(delay);
        child.kill().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let added = lines.filter_map(|line| line.strip_prefix("added ")?.parse().ok()).last();
        child.wait().unwrap();
        added
    }

    #[test]
    fn a_killed_process_loses_no_block_and_leaves_no_part_of_one() {
        let folder = folder();
        let path = folder.path().join("index");
        let mut earlier_blocks = 0;
        for millis in [5, 20, 60, 100, 151, 203, 257, 310] {
            let last = run_and_kill(&path, Duration::from_millis(millis));
            let index = open(&path).unwrap();
            let blocks = index.blocks();
            assert!(last.is_none_or(|last| last < blocks), "{last:?} is lost: there are {blocks} blocks");
            assert!(blocks >= earlier_blocks, "blocks of an earlier run are lost");
            assert_eq!(index.len(), blocks * BLOCK);
            for number in 0..blocks {
                let seen = index.scan(engine(), &block(number)).unwrap();
                assert!(seen.iter().all(|&seen| seen == Seen::InBlock(number)), "block {number}");
            }
            let seen = index.scan(engine(), &block(blocks)).unwrap();
            assert!(seen.iter().all(|&seen| seen == Seen::New), "a part of block {blocks} is there");
            earlier_blocks = blocks;
        }
        assert!(earlier_blocks > 0, "no process has added a block");
    }
}

mod errors {
    use super::*;

    fn index_of(blocks: u64) -> TempDir {
        let folder = folder();
        let mut index = open(folder.path()).unwrap();
        for block in 0..blocks {
            let _ = index.add(engine(), block, &records(block * 1000..block * 1000 + 1000)).unwrap();
        }
        folder
    }

    #[track_caller]
    fn assert_error(result: Result<Index, IndexError>, reason: &str) {
        let error = result.expect_err("opening fails").to_string();
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn blocks_out_of_order() {
        let folder = index_of(2);
        let mut index = open(folder.path()).unwrap();
        for block in [0, 1, 3] {
            let error = index.add(engine(), block, &[]).unwrap_err();
            assert!(matches!(error, IndexError::Block { next: 2, .. }), "{error}");
        }
        assert_eq!((index.blocks(), index.len()), (2, 2000));
    }

    #[test]
    fn a_later_format() {
        let folder = index_of(1);
        let meta = redb::TableDefinition::<&str, &[u8]>::new("meta");
        let store = redb::Database::open(folder.path().join("index.redb")).unwrap();
        let write = store.begin_write().unwrap();
        write.open_table(meta).unwrap().insert("format", &[2, 0, 0, 0][..]).unwrap();
        write.commit().unwrap();
        drop(store);
        assert_error(open(folder.path()), "is of format 2: this version of verilane reads up to format 1");
    }

    #[test]
    fn another_key() {
        let open_with = |folder: &TempDir, key| Index::open(folder.path(), with_key(key));
        assert_error(open_with(&index_of(1), 7), "were made under another key");
        let folder = folder();
        open_with(&folder, 7).unwrap();
        assert!(!folder.path().join("key").exists(), "a key from the caller is not stored");
        assert_error(open_with(&folder, 8), "were made under another key");
        assert_error(open(folder.path()), "the index's key is needed");
        open_with(&folder, 7).unwrap();
    }

    #[test]
    fn a_key_file_without_a_key() {
        let folder = index_of(1);
        fs::write(folder.path().join("key"), "0123").unwrap();
        assert_error(
            open(folder.path()),
            "does not hold a key: 64 hexadecimal digits are expected, 4 were found",
        );
        fs::write(folder.path().join("key"), [0xff]).unwrap();
        assert_error(open(folder.path()), "UTF-8");
    }

    #[test]
    fn folders_and_files_that_are_no_index() {
        let folder = folder();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("notes.txt"), "keep me").unwrap();
        assert_error(open(folder.path()), "is no index: it holds notes.txt, but no index.redb");
        assert_error(open(&path("notes.txt")), "cannot open the index");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was added to it");
        fs::write(path("index.redb"), "keep me, too").unwrap();
        assert_error(Index::open(folder.path(), with_key(7)), "index.redb");
        assert_eq!(fs::read_to_string(path("index.redb")).unwrap(), "keep me, too");
    }

    #[test]
    fn the_store_of_something_else() {
        let folder = folder();
        let store = redb::Database::create(folder.path().join("index.redb")).unwrap();
        let write = store.begin_write().unwrap();
        write.open_table(redb::TableDefinition::<u64, u64>::new("numbers")).unwrap();
        write.commit().unwrap();
        drop(store);
        assert_error(
            Index::open(folder.path(), with_key(7)),
            "is no index: it is the store of something else",
        );
    }

    #[test]
    fn an_index_that_is_open() {
        let folder = folder();
        let _first = open(folder.path()).unwrap();
        assert_error(open(folder.path()), "is in use");
    }

    /// Opening neither panics nor yields an index with other contents.
    #[test]
    fn a_truncated_store_or_an_overwritten_header() {
        let folder = index_of(3);
        let path = folder.path().join("index.redb");
        let whole = fs::read(&path).unwrap();
        for length in [0, 1, 9, 100, 320, 4095, 4096, 10_000, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            let error =
                open(folder.path()).err().unwrap_or_else(|| panic!("{length} bytes open as an index"));
            assert!(error.to_string().contains("index.redb"), "{length} bytes: {error}");
        }
        for position in [0, 8, 9, 10, 64, 128, 192, 256] {
            let mut bytes = whole.clone();
            bytes[position..position + 8].fill(0xa5);
            fs::write(&path, bytes).unwrap();
            if let Ok(index) = open(folder.path()) {
                assert_eq!((index.blocks(), index.len()), (3, 3000), "overwritten at {position}");
            }
        }
    }
}

#[test]
fn files_of_an_interrupted_creation_do_not_prevent_opening() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("key"), format!("{}\n", "5".repeat(64))).unwrap();
    fs::write(path("key.new"), "0123").unwrap();
    fs::write(path("index.new"), "half a store").unwrap();
    let index = open(folder.path()).unwrap();
    assert!(index.is_empty() && index.blocks() == 0);
    drop(index);
    Index::open(folder.path(), with_key(0x55)).unwrap();
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_key() {
    use std::os::unix::fs::PermissionsExt;
    let [one, two] = [folder(), folder()].map(|folder| {
        drop(open(folder.path()).unwrap());
        let path = folder.path().join("key");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::read_to_string(path).unwrap()
    });
    assert_eq!((one.len(), two.len()), (65, 65));
    assert_ne!(one, two, "each index has a key of its own");
}

/// A back end that finds first occurrences only. Its digests are wrong.
struct WithoutHash(Reference);

impl Backend for WithoutHash {
    fn info(&self) -> &BackendInfo {
        self.0.info()
    }

    fn serves(&self, operation: Operation) -> bool {
        operation == Operation::Dedup
    }

    fn hash(&self, _: Hash, _: &Records<'_>, _: &mut [Digest]) -> Result<(), Fault> {
        Ok(())
    }

    fn merkle_root(&self, tree: Tree, leaves: &[Digest]) -> Result<Root, Fault> {
        self.0.merkle_root(tree, leaves)
    }

    fn verify(&self, rule: Rule, batch: &Batch<'_>, out: &mut [bool]) -> Result<(), Fault> {
        self.0.verify(rule, batch, out)
    }

    fn first_occurrences(&self, fingerprints: &[Digest], out: &mut [u32]) -> Result<(), Fault> {
        self.0.first_occurrences(fingerprints, out)
    }

    fn search(&self, puzzle: &Puzzle, window: NonceWindow) -> Result<Option<Nonce>, Fault> {
        self.0.search(puzzle, window)
    }
}

#[test]
fn a_back_end_that_does_not_hash_is_passed_over() {
    let reference = || Reference::new(Threads::new(1).unwrap());
    let engine =
        Engine::with_backends(vec![Arc::new(WithoutHash(reference())), Arc::new(reference())]).unwrap();
    let folder = folder();
    let outcome = open(folder.path()).unwrap().scan(&engine, &records([1, 2, 1])).unwrap();
    assert_eq!(*outcome, [Seen::New, Seen::New, Seen::Repeats(0)]);
    let (_, fault) = &outcome.report().passed_over[0];
    assert!(matches!(fault, Fault::NotServed(text) if text.contains("hash")), "{fault}");
}
