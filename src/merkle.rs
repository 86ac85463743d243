//! Merkle trees: rules, roots and inclusion proofs.
//!
//! All three rules pair nodes level by level from the left. They differ in the bytes
//! hashed and in how they treat an odd last node. RFC 6962, section 2.1, defines its tree
//! from the top, splitting at the largest power of two below the number of leaves. Pairing
//! from the bottom, with an odd last node promoted, gives the same tree.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use crate::{Digest, Error, Hash, Records};

/// How a Merkle tree is built: the hash function, the prefixes, and what happens to an odd
/// last node of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(tag = "rule", content = "hash", rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Tree {
    /// Bitcoin's tree: node = SHA-256d(left ‖ right). An odd last node is paired with
    /// itself. Leaves are transaction ids: SHA-256d of the transaction.
    Bitcoin,
    /// RFC 6962, section 2.1: leaf = H(0x00 ‖ data), node = H(0x01 ‖ left ‖ right). An odd
    /// last node is promoted to the next level. The root of the empty tree is the digest
    /// of the empty string.
    Rfc6962(TreeHash),
    /// Leaf = H(data), node = H(left ‖ right). An odd last node is promoted to the next
    /// level. Without prefixes, as in Bitcoin's tree, 64 bytes of data can equal the two
    /// children of a node (CVE-2017-12842): verify proofs against a known number of leaves.
    Plain(TreeHash),
}

impl Tree {
    /// The hash function of the tree.
    pub fn hash(self) -> Hash {
        match self {
            Tree::Bitcoin => Hash::Sha256d,
            Tree::Rfc6962(hash) | Tree::Plain(hash) => hash.into(),
        }
    }

    /// The bytes that are hashed before the two children of a node: at most one.
    pub fn node_prefix(self) -> &'static [u8] {
        match self {
            Tree::Rfc6962(_) => &[0x01],
            Tree::Bitcoin | Tree::Plain(_) => &[],
        }
    }

    /// The bytes that are hashed before the data of a leaf: at most one.
    pub fn leaf_prefix(self) -> &'static [u8] {
        match self {
            Tree::Rfc6962(_) => &[0x00],
            Tree::Bitcoin | Tree::Plain(_) => &[],
        }
    }

    /// Whether an odd last node is paired with itself. If not, it is promoted.
    pub fn doubles_last(self) -> bool {
        self == Tree::Bitcoin
    }

    /// The leaf node of `data`. [`merkle_leaves`](crate::Engine::merkle_leaves) computes many
    /// at once.
    pub fn leaf(self, data: &[u8]) -> Digest {
        let message = [self.leaf_prefix(), data].concat();
        self.hash().digest(&message)
    }

    /// The parent node of `left` and `right`.
    pub fn node(self, left: &Digest, right: &Digest) -> Digest {
        let mut message = [0; 65];
        let prefix = self.node_prefix();
        let end = prefix.len() + 64;
        message[..prefix.len()].copy_from_slice(prefix);
        message[prefix.len()..][..32].copy_from_slice(&left.0);
        message[prefix.len() + 32..end].copy_from_slice(&right.0);
        self.hash().digest(&message[..end])
    }

    /// The ancestor of `node`, `levels` above it, if each node on the way is an odd last
    /// node.
    pub(crate) fn lift(self, node: Digest, levels: u32) -> Digest {
        if !self.doubles_last() {
            return node;
        }
        (0..levels).fold(node, |node, _| self.node(&node, &node))
    }

    /// The root of the tree without leaves.
    ///
    /// # Errors
    /// [`Error::EmptyTree`] if the rule defines none: only RFC 6962 does.
    pub fn empty_root(self) -> Result<Root, Error> {
        match self {
            Tree::Rfc6962(_) => Ok(Root { digest: self.hash().digest(&[]), mutated: false }),
            Tree::Bitcoin | Tree::Plain(_) => Err(Error::EmptyTree(self)),
        }
    }

    /// The byte strings whose digests under [`hash`](Tree::hash) are the leaf nodes of `data`.
    pub(crate) fn leaf_messages<'a>(self, data: &'a Records<'_>) -> Records<'a> {
        let prefix = self.leaf_prefix();
        if prefix.is_empty() {
            return data.slice(0..data.len());
        }
        let bytes = data.total_bytes() as usize + data.len() * prefix.len();
        let mut messages = Records::with_capacity(data.len(), bytes);
        for record in data.iter() {
            messages.push_parts([prefix, record]);
        }
        messages
    }

    /// The digest in the byte order in which the rule's users print it: reversed for
    /// Bitcoin.
    pub fn display(self, digest: Digest) -> Digest {
        if self == Tree::Bitcoin { digest.reversed() } else { digest }
    }
}

/// The name of the rule, without the hash.
impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Tree::Bitcoin => "bitcoin",
            Tree::Rfc6962(_) => "rfc6962",
            Tree::Plain(_) => "plain",
        })
    }
}

/// The tree of this name: `bitcoin`, or `rfc6962` and `plain`, each of which may be followed by
/// a colon and the name of its hash, SHA-256 where there is none.
impl FromStr for Tree {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let (rule, hash) = match name.split_once(':') {
            Some((rule, hash)) => (rule, Some(hash.parse()?)),
            None => (name, None),
        };
        match (rule, hash) {
            ("bitcoin", None) => Ok(Tree::Bitcoin),
            ("rfc6962", hash) => Ok(Tree::Rfc6962(hash.unwrap_or(TreeHash::Sha256))),
            ("plain", hash) => Ok(Tree::Plain(hash.unwrap_or(TreeHash::Sha256))),
            _ => Err(Error::Name {
                what: "tree",
                name: name.into(),
                choices: "bitcoin, rfc6962, plain, and rfc6962:HASH or plain:HASH",
            }),
        }
    }
}

/// A hash that a tree can have: each but those under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TreeHash {
    /// SHA-256.
    Sha256,
    /// SHA-256 of the SHA-256.
    Sha256d,
    /// BLAKE3.
    Blake3,
}

impl From<TreeHash> for Hash {
    fn from(hash: TreeHash) -> Hash {
        match hash {
            TreeHash::Sha256 => Hash::Sha256,
            TreeHash::Sha256d => Hash::Sha256d,
            TreeHash::Blake3 => Hash::Blake3,
        }
    }
}

/// # Errors
/// [`Error::Parameter`] for a hash under a key.
impl TryFrom<Hash> for TreeHash {
    type Error = Error;

    fn try_from(hash: Hash) -> Result<Self, Error> {
        match hash {
            Hash::Sha256 => Ok(TreeHash::Sha256),
            Hash::Sha256d => Ok(TreeHash::Sha256d),
            Hash::Blake3 => Ok(TreeHash::Blake3),
            Hash::KeyedBlake3(_) => Err(Error::Parameter {
                name: "a tree's hash",
                found: hash.to_string(),
                valid: "one without a key is: sha256, sha256d or blake3",
            }),
        }
    }
}

impl fmt::Display for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hash::from(*self).fmt(f)
    }
}

impl FromStr for TreeHash {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        name.parse::<Hash>()?.try_into()
    }
}

/// The root of a tree. Exhaustive: callers construct roots that they received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Root {
    /// The digest, in the byte order in which it was hashed.
    pub digest: Digest,
    /// Bitcoin only: two equal nodes form a pair on some level, so another list of leaves
    /// has the same root (CVE-2012-2459). A node must reject a block with such a tree, but
    /// must not cache the block's hash as invalid: the honest block has the same hash.
    pub mutated: bool,
}

/// The root over consecutive leaves of a larger tree.
///
/// A tree too large for one machine is split into subtrees of the same power of two of
/// leaves; the last one may have fewer. Exhaustive: callers construct subtrees from roots
/// that other machines computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Subtree {
    /// What [`merkle_root`](crate::Engine::merkle_root) returns for its leaves.
    pub root: Root,
    /// The number of its leaves.
    pub leaves: u64,
}

/// The nodes of `subtrees`, of which there is at least one, on the level of the first
/// subtree's root.
///
/// # Errors
/// [`Error::Subtree`] if a subtree's number of leaves does not fit.
pub(crate) fn common_level(tree: Tree, subtrees: &[Subtree]) -> Result<Vec<Digest>, Error> {
    check_alignment(subtrees)?;
    let mut nodes: Vec<_> = subtrees.iter().map(|subtree| subtree.root.digest).collect();
    if let [first, .., last] = subtrees {
        let missing = height(first.leaves) - height(last.leaves);
        nodes[subtrees.len() - 1] = tree.lift(last.root.digest, missing);
    }
    Ok(nodes)
}

fn check_alignment(subtrees: &[Subtree]) -> Result<(), Error> {
    let width = subtrees[0].leaves;
    let last = subtrees.len() - 1;
    for (index, &Subtree { leaves, .. }) in subtrees.iter().enumerate() {
        let fits = match (index, last) {
            (0, 0) => leaves > 0,
            (index, last) if index == last => (1..=width).contains(&leaves),
            _ => leaves == width && leaves.is_power_of_two(),
        };
        if !fits {
            return Err(Error::Subtree { index, leaves, width });
        }
    }
    Ok(())
}

/// The number of levels above `leaves` leaves, up to their root.
pub(crate) fn height(leaves: u64) -> u32 {
    leaves.next_power_of_two().trailing_zeros()
}

/// An inclusion proof: that a leaf is in the tree of a root (RFC 6962, section 2.1.1, calls
/// it an audit path). Exhaustive: verifiers construct it from what they received.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Proof {
    /// The rule of the tree.
    pub tree: Tree,
    /// The position of the leaf, from 0.
    pub index: usize,
    /// The number of leaves in the tree.
    pub leaves: usize,
    /// The siblings on the path from the leaf to the root, lowest first. A promoted node
    /// has no sibling; a node that is paired with itself is its own sibling.
    pub path: Vec<Digest>,
}

impl Proof {
    /// Whether the proof shows that `leaf` is in the tree of `root`. `leaf` is a leaf node,
    /// not the data.
    ///
    /// The number of leaves is part of the proof, and the root does not commit to it: check
    /// it against a source that you trust.
    #[must_use]
    pub fn verify(&self, leaf: &Digest, root: &Digest) -> bool {
        self.root(leaf).as_ref() == Some(root)
    }

    /// The root that the proof computes from `leaf`. `None` if the index is not below the
    /// number of leaves, the path's length does not fit the tree, or a node that is paired
    /// with itself has another sibling.
    pub fn root(&self, leaf: &Digest) -> Option<Digest> {
        if self.index >= self.leaves {
            return None;
        }
        let mut path = self.path.iter();
        let mut node = *leaf;
        for level in levels(self.tree, self.index, self.leaves) {
            let sibling = match level {
                Level::Promoted => continue,
                Level::Doubled => path.next().filter(|&sibling| *sibling == node)?,
                Level::Paired { .. } => path.next()?,
            };
            node = match level {
                Level::Paired { sibling_is_left: true, .. } => self.tree.node(sibling, &node),
                _ => self.tree.node(&node, sibling),
            };
        }
        path.next().is_none().then_some(node)
    }
}

/// What happens to a node of a path on one level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// It has no sibling and moves to the next level unchanged.
    Promoted,
    /// It is paired with itself.
    Doubled,
    /// Its sibling is the node over the leaves `range`, `height` levels above them.
    Paired { range: Range<usize>, height: u32, sibling_is_left: bool },
}

/// The levels between leaf `index` and the root of a tree of `leaves` leaves.
pub(crate) fn levels(tree: Tree, index: usize, leaves: usize) -> impl Iterator<Item = Level> {
    // The number of leaves is not trusted: a proof may claim up to `usize::MAX`.
    let height = leaves.checked_next_power_of_two().map_or(usize::BITS, usize::trailing_zeros);
    (0..height).map(move |height| {
        let sibling = (index >> height) ^ 1;
        let start = sibling << height;
        if start >= leaves {
            return if tree.doubles_last() { Level::Doubled } else { Level::Promoted };
        }
        let end = leaves.min(start.saturating_add(1 << height));
        Level::Paired { range: start..end, height, sibling_is_left: sibling & 1 == 0 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_of_a_tree_of_five() {
        let of = |tree, index| levels(tree, index, 5).collect::<Vec<_>>();
        let right = |range, height| Level::Paired { range, height, sibling_is_left: false };
        let left = |range, height| Level::Paired { range, height, sibling_is_left: true };
        let plain = Tree::Plain(TreeHash::Sha256);
        assert_eq!(of(plain, 0), [right(1..2, 0), right(2..4, 1), right(4..5, 2)]);
        assert_eq!(of(plain, 4), [Level::Promoted, Level::Promoted, left(0..4, 2)]);
        assert_eq!(of(Tree::Bitcoin, 4), [Level::Doubled, Level::Doubled, left(0..4, 2)]);
        assert_eq!(levels(plain, 0, 1).count(), 0);
    }

    #[test]
    fn trees_are_named() {
        let named = |name: &str| name.parse::<Tree>();
        assert_eq!(named("bitcoin").unwrap(), Tree::Bitcoin);
        assert_eq!(named("rfc6962").unwrap(), Tree::Rfc6962(TreeHash::Sha256));
        assert_eq!(named("plain:blake3").unwrap(), Tree::Plain(TreeHash::Blake3));
        for name in ["", "bitcoin:sha256", "Plain", "plain:", "plain:md5", "plain:keyed-blake3"] {
            assert!(matches!(named(name), Err(Error::Name { .. })), "{name}");
        }
    }

    #[test]
    fn no_tree_has_a_key() {
        for hash in [TreeHash::Sha256, TreeHash::Sha256d, TreeHash::Blake3] {
            assert_eq!(TreeHash::try_from(Hash::from(hash)).unwrap(), hash);
        }
        let refused = TreeHash::try_from(Hash::KeyedBlake3(crate::Key([1; 32]))).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "a tree's hash cannot be keyed-blake3: one without a key is: sha256, sha256d or blake3"
        );
    }

    #[test]
    fn a_proof_of_another_shape_leads_nowhere() {
        let tree = Tree::Plain(TreeHash::Sha256);
        let [a, b] = [Digest([1; 32]), Digest([2; 32])];
        let proof = Proof { tree, index: 0, leaves: 2, path: vec![b] };
        assert!(proof.verify(&a, &tree.node(&a, &b)));
        assert_eq!(Proof { path: vec![b, b], ..proof.clone() }.root(&a), None);
        assert_eq!(Proof { path: vec![], ..proof.clone() }.root(&a), None);
        assert_eq!(Proof { index: 2, ..proof.clone() }.root(&a), None);
        assert_eq!(Proof { index: usize::MAX - 1, leaves: usize::MAX, ..proof.clone() }.root(&a), None);
        let doubled = Proof { tree: Tree::Bitcoin, index: 2, leaves: 3, path: vec![b, a] };
        assert_eq!(doubled.root(&a), None, "a node paired with itself has no other sibling");
    }
}
