//! The back end on WGSL compute shaders.

use crate::backend::{Backend, BackendInfo, Fault};
use crate::ed25519::{Batch, Rule};
use crate::merkle::{Root, Tree};
use crate::pow::{Nonce, NonceWindow, Puzzle};
use crate::{Digest, Hash, Records};

/// The back end on WGSL compute shaders.
pub struct Gpu {
    info: BackendInfo,
}

impl Gpu {
    /// Starts the adapter whose name contains `adapter`, or the best hardware one.
    ///
    /// # Errors
    /// [`Fault::Start`] if there is none, with what was found.
    pub fn start(adapter: Option<&str>) -> Result<Self, Fault> {
        let _ = adapter;
        Err(Fault::Start("placeholder".into()))
    }
}

impl Backend for Gpu {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn hash(&self, _: Hash, _: &Records<'_>, _: &mut [Digest]) -> Result<(), Fault> {
        Err(Fault::NotServed("placeholder".into()))
    }

    fn merkle_root(&self, _: Tree, _: &[Digest]) -> Result<Root, Fault> {
        Err(Fault::NotServed("placeholder".into()))
    }

    fn verify(&self, _: Rule, _: &Batch<'_>, _: &mut [bool]) -> Result<(), Fault> {
        Err(Fault::NotServed("placeholder".into()))
    }

    fn first_occurrences(&self, _: &[Digest], _: &mut [u32]) -> Result<(), Fault> {
        Err(Fault::NotServed("placeholder".into()))
    }

    fn search(&self, _: &Puzzle, _: NonceWindow) -> Result<Option<Nonce>, Fault> {
        Err(Fault::NotServed("placeholder".into()))
    }
}
