//! Merkle trees.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use verilane::merkle::{Proof, Root, Subtree};
use verilane::{Digest, Error, Hash, Operation, Tree};

use crate::column::Column;
use crate::engine::{Engine, run};
use crate::error::{raise, refuse};
use crate::hash::{each_chunk, named};
use crate::output;

/// The leaf nodes of a tree over `records`, which are data: the digest of each, after
/// the prefix that the tree's rule puts before a leaf. Records are copied behind one.
///
/// Parameters
/// ----------
/// records
///     The data of each leaf.
/// tree
///     "bitcoin", "rfc6962" or "plain".
/// hash
///     The hash of an rfc6962 or plain tree, "sha256" by default; a bitcoin tree always
///     uses SHA-256 twice.
/// engine
///     Where it is computed; by default on an engine that this process shares.
///
/// Returns
/// -------
/// A pyarrow FixedSizeBinaryArray if the records are an Arrow array, otherwise a list of
/// bytes.
#[pyfunction]
#[pyo3(signature = (records, *, tree, hash=None, engine=None))]
pub fn merkle_leaves<'py>(
    records: &Bound<'py, PyAny>,
    tree: &str,
    hash: Option<&str>,
    engine: Option<&Engine>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = records.py();
    let tree = rule(tree, hash)?;
    let records = Column::read(records, "record")?;
    let leaves = run(py, engine, Operation::Hash, |work| {
        each_chunk(work, &records, |engine, records| engine.merkle_leaves(tree, records))
    })?;
    output::digests(py, leaves, records.manner())
}

/// The root over `leaves`, which are leaf nodes and are not hashed again: `merkle_leaves`
/// makes them of data.
///
/// Parameters
/// ----------
/// leaves
///     Leaf nodes of 32 bytes each.
/// tree
///     "bitcoin", "rfc6962" or "plain".
/// hash
///     The hash of an rfc6962 or plain tree, "sha256" by default; a bitcoin tree always
///     uses SHA-256 twice.
/// engine
///     Where it is computed; by default on an engine that this process shares.
///
/// Returns
/// -------
/// A `Root`.
#[pyfunction]
#[pyo3(signature = (leaves, *, tree, hash=None, engine=None))]
pub fn merkle_root<'py>(
    leaves: &Bound<'py, PyAny>,
    tree: &str,
    hash: Option<&str>,
    engine: Option<&Engine>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = leaves.py();
    let tree = rule(tree, hash)?;
    let leaves = Column::read(leaves, "leaf")?.fixed("leaf")?;
    let root = run(py, engine, Operation::Merkle, |work| {
        let outcome = work.engine().merkle_root(tree, &leaves.digests())?;
        Ok(work.note(outcome))
    })?;
    root_object(py, &root)
}

fn root_object<'py>(py: Python<'py>, root: &Root) -> PyResult<Bound<'py, PyAny>> {
    output::result(py, "Root", (output::bytes(py, &root.digest), root.mutated))
}

/// The root over the leaves of all sub-trees, in their order: what `merkle_root` gives for
/// the leaves in one call.
///
/// Parameters
/// ----------
/// subtrees
///     Of each sub-tree, the `Root` over its leaves alone and their number. Each but the
///     last has the same power of two of leaves, the last at most as many.
/// tree
///     "bitcoin", "rfc6962" or "plain".
/// hash
///     The hash of an rfc6962 or plain tree, "sha256" by default; a bitcoin tree always
///     uses SHA-256 twice.
/// engine
///     Where it is computed; by default on an engine that this process shares.
///
/// Returns
/// -------
/// A `Root`.
#[pyfunction]
#[pyo3(signature = (subtrees, *, tree, hash=None, engine=None))]
pub fn merkle_combine<'py>(
    py: Python<'py>,
    subtrees: Vec<((Bound<'py, PyBytes>, bool), u64)>,
    tree: &str,
    hash: Option<&str>,
    engine: Option<&Engine>,
) -> PyResult<Bound<'py, PyAny>> {
    let tree = rule(tree, hash)?;
    let subtree = |((root, mutated), leaves): &((Bound<'_, PyBytes>, bool), u64)| {
        let root = Root { digest: digest(root.as_bytes(), "root")?, mutated: *mutated };
        Ok(Subtree { root, leaves: *leaves })
    };
    let subtrees = subtrees.iter().map(subtree).collect::<PyResult<Vec<_>>>()?;
    let root = run(py, engine, Operation::Merkle, |work| {
        let outcome = work.engine().merkle_combine(tree, &subtrees)?;
        Ok(work.note(outcome))
    })?;
    root_object(py, &root)
}

/// The proof that leaf `index` is in the tree over `leaves`, which are leaf nodes.
///
/// Parameters
/// ----------
/// leaves
///     Leaf nodes of 32 bytes each.
/// index
///     The leaf's position, from 0.
/// tree
///     "bitcoin", "rfc6962" or "plain".
/// hash
///     The hash of an rfc6962 or plain tree, "sha256" by default; a bitcoin tree always
///     uses SHA-256 twice.
/// engine
///     Where it is computed; by default on an engine that this process shares.
///
/// Returns
/// -------
/// A `Proof`.
#[pyfunction]
#[pyo3(signature = (leaves, index, *, tree, hash=None, engine=None))]
pub fn merkle_proof<'py>(
    leaves: &Bound<'py, PyAny>,
    index: usize,
    tree: &str,
    hash: Option<&str>,
    engine: Option<&Engine>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = leaves.py();
    let tree = rule(tree, hash)?;
    let leaves = Column::read(leaves, "leaf")?.fixed("leaf")?;
    let proof = run(py, engine, Operation::Merkle, |work| {
        let outcome = work.engine().merkle_proof(tree, &leaves.digests(), index)?;
        Ok(work.note(outcome))
    })?;
    let path = PyTuple::new(py, proof.path.iter().map(|node| output::bytes(py, node)))?;
    let names = (tree.to_string(), tree.hash().to_string());
    output::result(py, "Proof", (names.0, names.1, proof.index, proof.leaves, path))
}

/// The root to which a proof leads from `leaf`; none if its path does not fit its tree.
#[pyfunction]
pub fn proof_root<'py>(
    py: Python<'py>,
    tree: &str,
    hash: &str,
    index: usize,
    leaves: usize,
    path: Vec<Bound<'py, PyBytes>>,
    leaf: &[u8],
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let tree = rule(tree, Some(hash))?;
    let path = path.iter().map(|node| digest(node.as_bytes(), "node")).collect::<PyResult<_>>()?;
    let root = Proof { tree, index, leaves, path }.root(&digest(leaf, "leaf")?);
    Ok(root.map(|root| output::bytes(py, &root)))
}

fn digest(bytes: &[u8], item: &str) -> PyResult<Digest> {
    let wrong = |_| refuse(format_args!("a {item} has 32 bytes, this one has {}", bytes.len()));
    bytes.try_into().map(Digest).map_err(wrong)
}

fn rule(name: &str, hash: Option<&str>) -> PyResult<Tree> {
    let hash = hash.map(named).transpose().map_err(raise)?;
    match (name, hash) {
        ("bitcoin", None | Some(Hash::Sha256d)) => Ok(Tree::Bitcoin),
        ("bitcoin", Some(hash)) => {
            Err(refuse(format_args!("a bitcoin tree always uses sha256d, not {hash}")))
        }
        ("rfc6962", hash) => Ok(Tree::Rfc6962(hash.unwrap_or(Hash::Sha256))),
        ("plain", hash) => Ok(Tree::Plain(hash.unwrap_or(Hash::Sha256))),
        _ => Err(raise(Error::Name { what: "tree", name: name.into(), choices: "bitcoin, rfc6962, plain" })),
    }
}
