//! After a fault another back end serves the call, or there is an error; never an answer that
//! the failed back end wrote.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use verilane::cpu::{Cpu, Level};
use verilane::ed25519::Rule;
use verilane::entries::{BlockCheck, Entries, RecordVerdict};
use verilane::merkle::Root;
use verilane::pow::{Nonce, NonceWindow, Puzzle, Target};
use verilane::reference::Reference;
use verilane::signature::Batch;
use verilane::{
    Backend, BackendInfo, BackendKind, Digest, Engine, Error, Fault, Hash, Operation, Records, Threads, Tree,
    TreeHash, self_test,
};

/// A back end that writes garbage and then faults while `failing` is set.
struct Failing {
    info: BackendInfo,
    reference: Reference,
    failing: AtomicBool,
}

impl Failing {
    fn new() -> Arc<Self> {
        let info =
            BackendInfo { kind: BackendKind::Gpu, threads: 0, detail: "failing".into(), software: true };
        let reference = Reference::new(Threads::new(1).unwrap());
        Arc::new(Failing { info, reference, failing: AtomicBool::new(false) })
    }

    fn check(&self) -> Result<(), Fault> {
        if self.failing.load(Ordering::Relaxed) {
            return Err(Fault::DeviceLost("injected".into()));
        }
        Ok(())
    }
}

impl Backend for Failing {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn hash(&self, hash: Hash, records: &Records<'_>, out: &mut [Digest]) -> Result<(), Fault> {
        out.fill(Digest([0xBA; 32]));
        self.check()?;
        self.reference.hash(hash, records, out)
    }

    fn merkle_root(&self, tree: Tree, leaves: &[Digest]) -> Result<Root, Fault> {
        self.check()?;
        self.reference.merkle_root(tree, leaves)
    }

    fn verify(&self, rule: Rule, batch: &Batch<'_>, out: &mut [bool]) -> Result<(), Fault> {
        out.fill(true);
        self.check()?;
        self.reference.verify(rule, batch, out)
    }

    fn first_occurrences(&self, fingerprints: &[Digest], out: &mut [u32]) -> Result<(), Fault> {
        out.fill(0);
        self.check()?;
        self.reference.first_occurrences(fingerprints, out)
    }

    fn search(&self, puzzle: &Puzzle, window: NonceWindow) -> Result<Option<Nonce>, Fault> {
        self.check()?;
        self.reference.search(puzzle, window)
    }
}

fn cpu() -> Arc<dyn Backend> {
    Arc::new(Cpu::new(Threads::new(2).unwrap(), Level::detected()))
}

#[test]
fn the_next_back_end_answers_and_the_report_names_it() {
    let failing = Failing::new();
    let engine = Engine::with_backends(vec![failing.clone(), cpu()]).unwrap();
    let records = Records::from_slices(["a", "b", "a"]);
    let before = engine.hash(Hash::Blake3, &records).unwrap();
    assert_eq!(before.report().backend.kind, BackendKind::Gpu);

    failing.failing.store(true, Ordering::Relaxed);
    let digests = engine.hash(Hash::Blake3, &records).unwrap();
    assert_eq!(*digests, *before);
    assert_eq!(digests.report().backend.kind, BackendKind::Cpu);
    let lost = Fault::DeviceLost("injected".into());
    assert_eq!(digests.report().passed_over, [(failing.info.clone(), lost)]);

    let first_occurrences = engine.first_occurrences(&digests).unwrap();
    assert_eq!(first_occurrences.as_slice(), [0, 1, 0]);
    assert_eq!(first_occurrences.report().backend.kind, BackendKind::Cpu);
    let root = engine.merkle_root(Tree::Bitcoin, &digests).unwrap();
    assert_eq!(*root, Reference::new(Threads::new(1).unwrap()).merkle_root(Tree::Bitcoin, &digests).unwrap());
    let mut batch = Batch::with_capacity(1);
    batch.push(&[0; 32], &[0; 64], b"");
    let verdicts = engine.verify(Rule::Strict, &batch).unwrap();
    assert_eq!((verdicts.as_slice(), verdicts.report().backend.kind), (&[false][..], BackendKind::Cpu));
    let puzzle = Puzzle::bitcoin(&[0; 80], Target::from_bits(0x207f_ffff).unwrap());
    let found = engine.search(&puzzle, 0..=100).unwrap();
    assert_eq!((found.is_some(), found.report().backend.kind), (true, BackendKind::Cpu));

    let mut entries = Entries::with_capacity(1, 1);
    entries.push(&[0; 32], &[0; 64], digests[0], b"a");
    let check = engine.check_block(Rule::Strict, Hash::Blake3, Tree::Bitcoin, &entries).unwrap();
    assert_eq!(check.report().backend.kind, BackendKind::Cpu);
    assert_eq!(check.invalid().collect::<Vec<_>>(), [(0, RecordVerdict::BadSignature)]);

    failing.failing.store(false, Ordering::Relaxed);
    assert_eq!(engine.hash(Hash::Blake3, &records).unwrap().report().backend.kind, BackendKind::Gpu);
}

#[test]
fn with_no_back_end_left_there_is_an_error_and_no_answer() {
    let failing = Failing::new();
    let engine = Engine::with_backends(vec![failing.clone()]).unwrap();
    failing.failing.store(true, Ordering::Relaxed);
    let mut batch = Batch::with_capacity(1);
    batch.push(&[0; 32], &[0; 64], b"");
    let result = engine.verify(Rule::Zip215, &batch);
    assert!(matches!(result, Err(Error::Fault(Fault::DeviceLost(_)))));
    assert!(matches!(Engine::with_backends(vec![]), Err(Error::Fault(Fault::Start(_)))));
}

/// The reference back end, with wrong answers in one operation.
struct Wrong(Operation, Reference);

impl Backend for Wrong {
    fn info(&self) -> &BackendInfo {
        self.1.info()
    }

    fn hash(&self, hash: Hash, records: &Records<'_>, out: &mut [Digest]) -> Result<(), Fault> {
        self.1.hash(hash, records, out)?;
        out[records.len() - 1].0[31] ^= u8::from(self.0 == Operation::Hash);
        Ok(())
    }

    fn merkle_root(&self, tree: Tree, leaves: &[Digest]) -> Result<Root, Fault> {
        let root = self.1.merkle_root(tree, leaves)?;
        Ok(Root { mutated: root.mutated && self.0 != Operation::Merkle, ..root })
    }

    fn verify(&self, rule: Rule, batch: &Batch<'_>, out: &mut [bool]) -> Result<(), Fault> {
        let rule = if self.0 == Operation::Verify { Rule::Zip215 } else { rule };
        self.1.verify(rule, batch, out)
    }

    fn first_occurrences(&self, fingerprints: &[Digest], out: &mut [u32]) -> Result<(), Fault> {
        self.1.first_occurrences(fingerprints, out)?;
        out[4] += 2 * u32::from(self.0 == Operation::Dedup);
        Ok(())
    }

    fn search(&self, puzzle: &Puzzle, window: NonceWindow) -> Result<Option<Nonce>, Fault> {
        let skipped = u32::from(self.0 == Operation::Pow) * 701;
        self.1.search(puzzle, window.start() + skipped..=*window.end())
    }

    fn check_block(
        &self,
        rule: Rule,
        hash: Hash,
        tree: Tree,
        entries: &Entries<'_>,
    ) -> Result<BlockCheck, Fault> {
        let mut check = self.1.check_block(rule, hash, tree, entries)?;
        check.root.mutated ^= self.0 == Operation::Check;
        Ok(check)
    }
}

#[test]
fn a_back_end_with_wrong_answers_fails_the_self_test_and_is_not_used() {
    let reference = || Reference::new(Threads::new(1).unwrap());
    assert_eq!(self_test(&reference()), Ok(()));
    for operation in Operation::ALL {
        let wrong: Arc<dyn Backend> = Arc::new(Wrong(operation, reference()));
        let fault = self_test(wrong.as_ref()).unwrap_err();
        assert!(matches!(&fault, Fault::SelfTest(text) if text.contains(&operation.to_string())), "{fault}");
        let engine = Engine::with_backends(vec![wrong.clone(), cpu()]).unwrap();
        let outcome = engine.hash(Hash::Sha256, &Records::from_slices(["abc"])).unwrap();
        assert_eq!(outcome.report().backend.kind, BackendKind::Cpu);
        assert!(matches!(Engine::with_backends(vec![wrong]), Err(Error::Fault(Fault::SelfTest(_)))));
    }
}

#[test]
fn invalid_arguments_are_errors() {
    let engine = Engine::new().unwrap();
    assert!(matches!(
        engine.merkle_proof(Tree::Bitcoin, &[Digest::default()], 1),
        Err(Error::NoSuchLeaf { index: 1, leaves: 1 })
    ));
    let puzzle = Puzzle::bitcoin(&[0; 80], Target::from_bits(0x207f_ffff).unwrap());
    let backwards = NonceWindow::new(9, 8);
    assert!(matches!(engine.search(&puzzle, backwards), Err(Error::EmptyWindow { from: 9, to: 8 })));
}

#[test]
fn empty_input_gives_empty_answers() {
    let engine = Engine::new().unwrap();
    assert!(engine.hash(Hash::Sha256, &Records::with_capacity(0, 0)).unwrap().is_empty());
    assert!(engine.first_occurrences(&[]).unwrap().as_slice().is_empty());
    let verdicts = engine.verify(Rule::Rfc8032, &Batch::with_capacity(0)).unwrap();
    assert!(verdicts.all_valid() && verdicts.as_slice().is_empty());
    let none = Entries::with_capacity(0, 0);
    let tree = Tree::Rfc6962(TreeHash::Sha256);
    let check = engine.check_block(Rule::Strict, Hash::Sha256, tree, &none).unwrap();
    assert!(
        check.verdicts.is_empty()
            && check.digests.is_empty()
            && check.first_occurrences.as_slice().is_empty()
    );
    assert_eq!(check.root.digest, Hash::Sha256.digest(b""));
    let result = engine.check_block(Rule::Strict, Hash::Sha256, Tree::Bitcoin, &none);
    assert!(matches!(result, Err(Error::EmptyTree(Tree::Bitcoin))));
}
