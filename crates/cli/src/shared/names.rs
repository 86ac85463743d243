//! Names and numbers that options of several commands take.

use anyhow::bail;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use verilane::pow::Target;
use verilane::{Error, Hash, Tree, TreeHash, parse_hex};

/// A hash by its name.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HashName {
    Sha256,
    Blake3,
}

/// A tree by its name.
#[derive(Clone, Copy, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TreeName {
    /// SHA-256d; an odd last node is paired with itself
    Bitcoin,
    /// Certificate Transparency's: prefixed leaves and nodes
    Rfc6962,
    /// No prefixes; an odd last node is promoted
    Plain,
}

impl From<HashName> for TreeHash {
    fn from(name: HashName) -> TreeHash {
        match name {
            HashName::Sha256 => TreeHash::Sha256,
            HashName::Blake3 => TreeHash::Blake3,
        }
    }
}

impl From<HashName> for Hash {
    fn from(name: HashName) -> Hash {
        TreeHash::from(name).into()
    }
}

impl TreeName {
    /// The tree with this hash, SHA-256 by default.
    ///
    /// # Errors
    /// If the hash is not one of the tree's.
    pub fn with_hash(self, hash: Option<HashName>) -> anyhow::Result<Tree> {
        let hash = hash.unwrap_or(HashName::Sha256).into();
        match self {
            TreeName::Bitcoin if hash == TreeHash::Blake3 => {
                bail!(
                    "a bitcoin tree has SHA-256 applied twice: leave --hash out, or choose rfc6962 or plain"
                )
            }
            TreeName::Bitcoin => Ok(Tree::Bitcoin),
            TreeName::Rfc6962 => Ok(Tree::Rfc6962(hash)),
            TreeName::Plain => Ok(Tree::Plain(hash)),
        }
    }
}

/// The target of a header's compact form, such as 1d00ffff.
///
/// # Errors
/// If it is no such number, or no target.
pub fn target_of_bits(hex: &str) -> Result<Target, Error> {
    let digits = hex.strip_prefix("0x").unwrap_or(hex);
    Target::from_bits(u32::from_be_bytes(parse_hex(digits)?))
}
