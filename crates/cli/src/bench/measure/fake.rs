//! Back ends for the tests of the measurement: honest, wrong, faulty or late.

use std::time::Duration;

use verilane::ed25519::Rule;
use verilane::merkle::Root;
use verilane::pow::{Nonce, NonceWindow, Puzzle};
use verilane::reference::Reference;
use verilane::signature::Batch;
use verilane::{Backend, BackendInfo, BackendKind, Digest, Fault, Hash, Records, Threads, Tree};

/// How a fake answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    Honest,
    /// One item of each answer is wrong.
    Lies,
    Faults,
    Late(Duration),
}

/// The reference back end with a behaviour.
pub struct Fake {
    reference: Reference,
    info: BackendInfo,
    behaviour: Behaviour,
}

impl Fake {
    pub fn new(kind: BackendKind, behaviour: Behaviour) -> Self {
        let info = BackendInfo { kind, threads: 1, detail: format!("a fake {kind}"), software: false };
        let threads = Threads::new(1).expect("a thread starts");
        Fake { reference: Reference::new(threads), info, behaviour }
    }

    /// Whether the answer is to be wrong, if there is one.
    fn lies(&self) -> Result<bool, Fault> {
        match self.behaviour {
            Behaviour::Faults => return Err(Fault::DeviceLost("unplugged".into())),
            Behaviour::Late(time) => std::thread::sleep(time),
            Behaviour::Honest | Behaviour::Lies => {}
        }
        Ok(self.behaviour == Behaviour::Lies)
    }
}

impl Backend for Fake {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn hash(&self, hash: Hash, records: &Records<'_>, out: &mut [Digest]) -> Result<(), Fault> {
        self.reference.hash(hash, records, out)?;
        out[2].0[31] ^= u8::from(self.lies()?);
        Ok(())
    }

    fn merkle_root(&self, tree: Tree, leaves: &[Digest]) -> Result<Root, Fault> {
        let root = self.reference.merkle_root(tree, leaves)?;
        Ok(Root { mutated: root.mutated ^ self.lies()?, ..root })
    }

    fn verify(&self, rule: Rule, batch: &Batch<'_>, out: &mut [bool]) -> Result<(), Fault> {
        self.reference.verify(rule, batch, out)?;
        // A queue may verify a single signature.
        out[batch.len() - 1] ^= self.lies()?;
        Ok(())
    }

    fn first_occurrences(&self, fingerprints: &[Digest], out: &mut [u32]) -> Result<(), Fault> {
        self.reference.first_occurrences(fingerprints, out)?;
        out[2] ^= u32::from(self.lies()?);
        Ok(())
    }

    fn search(&self, puzzle: &Puzzle, window: NonceWindow) -> Result<Option<Nonce>, Fault> {
        let lies = self.lies()?;
        Ok(self.reference.search(puzzle, window)?.filter(|_| !lies))
    }

    fn take_device_time(&self) -> Option<Duration> {
        (self.info.kind == BackendKind::Gpu).then_some(Duration::from_micros(7))
    }
}
