//! A back end whose calls can be held and made to fail.

use std::sync::{Arc, Condvar, Mutex};

use verilane::ed25519::Rule;
use verilane::merkle::Root;
use verilane::pow::{Nonce, NonceWindow, Puzzle};
use verilane::queue::{QueueOptions, Verifier};
use verilane::reference::Reference;
use verilane::signature::Batch;
use verilane::{Backend, BackendInfo, BackendKind, Digest, Fault, Hash, Records, Threads, Tree};

/// What a [`Fake`] does with a batch.
#[derive(Clone, Copy, PartialEq)]
pub enum Behaviour {
    Verifies,
    /// Writes that every signature is valid, and faults.
    Faults,
    Panics,
}

/// The reference back end as a GPU. Its calls can be held and made to fail.
pub struct Fake {
    info: BackendInfo,
    reference: Reference,
    behaviour: Mutex<Behaviour>,
    gate: Mutex<Gate>,
    /// Notified when the gate changes.
    gate_changed: Condvar,
    /// The sizes of the batches verified.
    sizes: Mutex<Vec<usize>>,
}

/// Holds calls of `verify`.
#[derive(Default)]
struct Gate {
    /// The number of further calls to hold.
    to_hold: usize,
    /// The number of calls being held.
    held: usize,
}

impl Fake {
    pub fn new(threads: usize) -> Arc<Self> {
        let info = BackendInfo { kind: BackendKind::Gpu, threads, detail: "fake".into(), software: true };
        Arc::new(Fake {
            info,
            reference: Reference::new(Threads::new(1).unwrap()),
            behaviour: Mutex::new(Behaviour::Verifies),
            gate: Mutex::default(),
            gate_changed: Condvar::new(),
            sizes: Mutex::default(),
        })
    }

    /// A queue on this back end, followed by `others`.
    pub fn verifier(self: &Arc<Self>, others: Vec<Arc<dyn Backend>>, options: QueueOptions) -> Verifier {
        let backends = std::iter::once(self.clone() as Arc<dyn Backend>).chain(others).collect();
        let verifier = super::verifier(backends, options);
        self.sizes.lock().unwrap().clear();
        verifier
    }

    pub fn set_behaviour(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    /// Holds the next `calls` calls.
    pub fn hold(&self, calls: usize) {
        self.gate.lock().unwrap().to_hold = calls;
    }

    /// Waits until `calls` calls are being held.
    pub fn await_held(&self, calls: usize) {
        let gate = self.gate.lock().unwrap();
        drop(self.gate_changed.wait_while(gate, |gate| gate.held < calls).unwrap());
    }

    /// Releases all calls.
    pub fn release(&self) {
        *self.gate.lock().unwrap() = Gate::default();
        self.gate_changed.notify_all();
    }

    fn pass_gate(&self) {
        let mut gate = self.gate.lock().unwrap();
        if gate.to_hold > 0 {
            gate.to_hold -= 1;
            gate.held += 1;
            self.gate_changed.notify_all();
            drop(self.gate_changed.wait_while(gate, |gate| gate.held > 0).unwrap());
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
        self.reference.hash(hash, records, out)
    }

    fn merkle_root(&self, tree: Tree, leaves: &[Digest]) -> Result<Root, Fault> {
        self.reference.merkle_root(tree, leaves)
    }

    fn verify(&self, rule: Rule, batch: &Batch<'_>, out: &mut [bool]) -> Result<(), Fault> {
        self.sizes.lock().unwrap().push(batch.len());
        self.pass_gate();
        let behaviour = *self.behaviour.lock().unwrap();
        match behaviour {
            Behaviour::Verifies => self.reference.verify(rule, batch, out),
            Behaviour::Panics => panic!("injected panic"),
            Behaviour::Faults => {
                out.fill(true);
                Err(Fault::DeviceLost("injected".into()))
            }
        }
    }

    fn first_occurrences(&self, fingerprints: &[Digest], out: &mut [u32]) -> Result<(), Fault> {
        self.reference.first_occurrences(fingerprints, out)
    }

    fn search(&self, puzzle: &Puzzle, window: NonceWindow) -> Result<Option<Nonce>, Fault> {
        self.reference.search(puzzle, window)
    }
}
