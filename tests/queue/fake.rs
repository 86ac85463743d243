//! A back end that can be held up, and made to fail.

use std::sync::{Arc, Condvar, Mutex};

use verilane::ed25519::{Batch, Rule};
use verilane::merkle::Root;
use verilane::pow::{Nonce, NonceWindow, Puzzle};
use verilane::queue::{QueueOptions, Verifier};
use verilane::reference::Reference;
use verilane::{Backend, BackendInfo, BackendKind, Digest, Fault, Hash, Records, Threads, Tree};

/// What a [`Fake`] does with a batch, after its self-test.
#[derive(Clone, Copy, PartialEq)]
pub enum Manner {
    Honest,
    /// Writes that all is valid, and faults.
    Faults,
    Panics,
}

/// The reference in disguise: it can be held up, and made to fail.
pub struct Fake {
    info: BackendInfo,
    sound: Reference,
    manner: Mutex<Manner>,
    gate: Mutex<Gate>,
    moved: Condvar,
    /// The sizes of the batches that came.
    sizes: Mutex<Vec<usize>>,
}

/// Where calls are held up.
#[derive(Default)]
struct Gate {
    /// How many of the next calls are to be held.
    to_hold: usize,
    held: usize,
}

impl Fake {
    pub fn new(threads: usize) -> Arc<Self> {
        let info = BackendInfo { kind: BackendKind::Gpu, threads, detail: "fake".into(), software: true };
        Arc::new(Fake {
            info,
            sound: Reference::new(Threads::new(1).unwrap()),
            manner: Mutex::new(Manner::Honest),
            gate: Mutex::default(),
            moved: Condvar::new(),
            sizes: Mutex::default(),
        })
    }

    /// A queue on this back end, and on others after it.
    pub fn verifier(self: &Arc<Self>, others: Vec<Arc<dyn Backend>>, options: QueueOptions) -> Verifier {
        let backends = std::iter::once(self.clone() as Arc<dyn Backend>).chain(others).collect();
        let verifier = super::verifier(backends, options);
        self.sizes.lock().unwrap().clear();
        verifier
    }

    pub fn set(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// Holds up this many of the calls that come.
    pub fn hold(&self, calls: usize) {
        self.gate.lock().unwrap().to_hold = calls;
    }

    /// Waits until so many calls are held up.
    pub fn await_held(&self, calls: usize) {
        let gate = self.gate.lock().unwrap();
        drop(self.moved.wait_while(gate, |gate| gate.held < calls).unwrap());
    }

    /// Lets all calls go on.
    pub fn open(&self) {
        *self.gate.lock().unwrap() = Gate::default();
        self.moved.notify_all();
    }

    fn pass_gate(&self) {
        let mut gate = self.gate.lock().unwrap();
        if gate.to_hold > 0 {
            gate.to_hold -= 1;
            gate.held += 1;
            self.moved.notify_all();
            drop(self.moved.wait_while(gate, |gate| gate.held > 0).unwrap());
        }
    }

    pub fn sizes(&self) -> Vec<usize> {
        self.sizes.lock().unwrap().clone()
    }
}

impl Backend for Fake {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn hash(&self, hash: Hash, records: &Records<'_>, out: &mut [Digest]) -> Result<(), Fault> {
        self.sound.hash(hash, records, out)
    }

    fn merkle_root(&self, tree: Tree, leaves: &[Digest]) -> Result<Root, Fault> {
        self.sound.merkle_root(tree, leaves)
    }

    fn verify(&self, rule: Rule, batch: &Batch<'_>, out: &mut [bool]) -> Result<(), Fault> {
        self.sizes.lock().unwrap().push(batch.len());
        self.pass_gate();
        let manner = *self.manner.lock().unwrap();
        match manner {
            Manner::Honest => self.sound.verify(rule, batch, out),
            Manner::Panics => panic!("injected panic"),
            Manner::Faults => {
                out.fill(true);
                Err(Fault::DeviceLost("injected".into()))
            }
        }
    }

    fn first_occurrences(&self, prints: &[Digest], out: &mut [u32]) -> Result<(), Fault> {
        self.sound.first_occurrences(prints, out)
    }

    fn search(&self, puzzle: &Puzzle, window: NonceWindow) -> Result<Option<Nonce>, Fault> {
        self.sound.search(puzzle, window)
    }
}
