//! Merkle trees.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use verilane::merkle::{Proof, Root, Subtree};
use verilane::{Digest, Error, Hash, Operation, Tree, TreeHash};

use crate::column::Column;
use crate::engine::{EngineHandle, run};
use crate::error::{conversion_error, exception, input_error, replace_type_error};
use crate::hash::hash_chunks;
use crate::{argument, engine, output};

/// The leaf nodes of a tree over the data in `records`: the digest of each record, behind
/// the prefix that the tree's rule puts before a leaf. If there is a prefix, records are
/// copied.
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
///     The engine to compute on; by default one that the process shares.
///
/// Returns
/// -------
/// A pyarrow FixedSizeBinaryArray if the records are an Arrow array, otherwise a list of
/// bytes.
#[pyfunction]
#[pyo3(signature = (records, *, tree, hash=None, engine=None))]
pub fn merkle_leaves<'py>(
    records: &Bound<'py, PyAny>,
    #[pyo3(from_py_with = argument::tree)] tree: String,
    #[pyo3(from_py_with = argument::hash_or_none)] hash: Option<Hash>,
    #[pyo3(from_py_with = engine::argument)] engine: Option<EngineHandle>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = records.py();
    let tree = named_tree(&tree, hash)?;
    let records = Column::read(records, "record")?;
    let leaves = run(py, engine, Operation::Hash, |call| {
        hash_chunks(call, &records, |engine, records| engine.merkle_leaves(tree, records))
    })?;
    output::digests(py, leaves, records.format())
}

/// The root over `leaves`, which are leaf nodes as `merkle_leaves` makes them from data: they
/// are not hashed again.
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
///     The engine to compute on; by default one that the process shares.
///
/// Returns
/// -------
/// A `Root`.
#[pyfunction]
#[pyo3(signature = (leaves, *, tree, hash=None, engine=None))]
pub fn merkle_root<'py>(
    leaves: &Bound<'py, PyAny>,
    #[pyo3(from_py_with = argument::tree)] tree: String,
    #[pyo3(from_py_with = argument::hash_or_none)] hash: Option<Hash>,
    #[pyo3(from_py_with = engine::argument)] engine: Option<EngineHandle>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = leaves.py();
    let tree = named_tree(&tree, hash)?;
    let leaves = Column::read(leaves, "leaf")?.fixed("leaf")?;
    let root = run(py, engine, Operation::Merkle, |call| {
        let outcome = call.engine().merkle_root(tree, &leaves.digests())?;
        Ok(call.note(outcome))
    })?;
    root_object(py, &root)
}

fn root_object<'py>(py: Python<'py>, root: &Root) -> PyResult<Bound<'py, PyAny>> {
    output::result(py, "Root", (output::bytes(py, &root.digest), root.mutated))
}

/// The root over the leaves of all sub-trees, in order: what `merkle_root` returns for all
/// leaves in one call.
///
/// Parameters
/// ----------
/// subtrees
///     For each sub-tree a pair of the `Root` over its leaves and their number. All but the
///     last have the same number of leaves, a power of two; the last has at most as many.
/// tree
///     "bitcoin", "rfc6962" or "plain".
/// hash
///     The hash of an rfc6962 or plain tree, "sha256" by default; a bitcoin tree always
///     uses SHA-256 twice.
/// engine
///     The engine to compute on; by default one that the process shares.
///
/// Returns
/// -------
/// A `Root`.
#[pyfunction]
#[pyo3(signature = (subtrees, *, tree, hash=None, engine=None))]
pub fn merkle_combine<'py>(
    py: Python<'py>,
    #[pyo3(from_py_with = subtrees)] subtrees: Vec<Subtree>,
    #[pyo3(from_py_with = argument::tree)] tree: String,
    #[pyo3(from_py_with = argument::hash_or_none)] hash: Option<Hash>,
    #[pyo3(from_py_with = engine::argument)] engine: Option<EngineHandle>,
) -> PyResult<Bound<'py, PyAny>> {
    let tree = named_tree(&tree, hash)?;
    let root = run(py, engine, Operation::Merkle, |call| {
        let outcome = call.engine().merkle_combine(tree, &subtrees)?;
        Ok(call.note(outcome))
    })?;
    root_object(py, &root)
}

/// Sub-trees from pairs of a `Root` and the number of its leaves.
fn subtrees(object: &Bound<'_, PyAny>) -> PyResult<Vec<Subtree>> {
    let pairs = object.try_iter().map_err(|error| {
        replace_type_error(object.py(), error, "sub-trees are an iterable of pairs of a Root and its leaves")
    })?;
    pairs.enumerate().map(|(index, pair)| subtree(&pair?, index)).collect()
}

fn subtree(pair: &Bound<'_, PyAny>, index: usize) -> PyResult<Subtree> {
    type Pair<'py> = ((Bound<'py, PyAny>, bool), Bound<'py, PyAny>);
    let ((root, mutated), leaves) = pair.extract::<Pair<'_>>().map_err(|error| {
        let expected = "is a pair of a Root and its number of leaves";
        conversion_error(pair.py(), &error, format_args!("sub-tree {index}, counted from 0, {expected}"))
    })?;
    let leaves = argument::integer(&leaves, "a number of leaves", 0..=u64::MAX, "1 to 2**64 - 1")?;
    Ok(Subtree { root: Root { digest: argument::digest(&root, "a root")?, mutated }, leaves })
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
///     The engine to compute on; by default one that the process shares.
///
/// Returns
/// -------
/// A `Proof`.
#[pyfunction]
#[pyo3(signature = (leaves, index, *, tree, hash=None, engine=None))]
pub fn merkle_proof<'py>(
    leaves: &Bound<'py, PyAny>,
    #[pyo3(from_py_with = position)] index: usize,
    #[pyo3(from_py_with = argument::tree)] tree: String,
    #[pyo3(from_py_with = argument::hash_or_none)] hash: Option<Hash>,
    #[pyo3(from_py_with = engine::argument)] engine: Option<EngineHandle>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = leaves.py();
    let tree = named_tree(&tree, hash)?;
    let leaves = Column::read(leaves, "leaf")?.fixed("leaf")?;
    let proof = run(py, engine, Operation::Merkle, |call| {
        let outcome = call.engine().merkle_proof(tree, &leaves.digests(), index)?;
        Ok(call.note(outcome))
    })?;
    let path = PyTuple::new(py, proof.path.iter().map(|node| output::bytes(py, node)))?;
    let names = (tree.to_string(), tree.hash().to_string());
    output::result(py, "Proof", (names.0, names.1, proof.index, proof.leaves, path))
}

/// The root to which a proof leads from `leaf`; none if its path does not fit its tree.
#[pyfunction]
pub fn proof_root<'py>(
    py: Python<'py>,
    #[pyo3(from_py_with = argument::tree)] tree: String,
    #[pyo3(from_py_with = argument::hash)] hash: Hash,
    #[pyo3(from_py_with = position)] index: usize,
    #[pyo3(from_py_with = leaf_count)] leaves: usize,
    #[pyo3(from_py_with = path)] path: Vec<Digest>,
    #[pyo3(from_py_with = leaf)] leaf: Digest,
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let tree = named_tree(&tree, Some(hash))?;
    let root = Proof { tree, index, leaves, path }.root(&leaf);
    Ok(root.map(|root| output::bytes(py, &root)))
}

/// A leaf's position.
fn position(object: &Bound<'_, PyAny>) -> PyResult<usize> {
    argument::size(object, "a leaf's index", "0 to the number of leaves - 1")
}

fn leaf_count(object: &Bound<'_, PyAny>) -> PyResult<usize> {
    argument::size(object, "the number of leaves", "1 to 2**64 - 1")
}

fn leaf(object: &Bound<'_, PyAny>) -> PyResult<Digest> {
    argument::digest(object, "a leaf")
}

fn path(object: &Bound<'_, PyAny>) -> PyResult<Vec<Digest>> {
    let nodes = object.try_iter();
    let nodes =
        nodes.map_err(|error| replace_type_error(object.py(), error, "a path is an iterable of nodes"))?;
    nodes.map(|node| argument::digest(&node?, "a node")).collect()
}

/// The tree called `name`, with the hash of its nodes.
pub fn named_tree(name: &str, hash: Option<Hash>) -> PyResult<Tree> {
    let tree_hash = || hash.map_or(Ok(TreeHash::Sha256), TreeHash::try_from).map_err(exception);
    match (name, hash) {
        ("bitcoin", None | Some(Hash::Sha256d)) => Ok(Tree::Bitcoin),
        ("bitcoin", Some(hash)) => {
            Err(input_error(format_args!("a bitcoin tree always uses sha256d, not {hash}")))
        }
        ("rfc6962", _) => Ok(Tree::Rfc6962(tree_hash()?)),
        ("plain", _) => Ok(Tree::Plain(tree_hash()?)),
        _ => Err(exception(Error::Name {
            what: "tree",
            name: name.into(),
            choices: "bitcoin, rfc6962, plain",
        })),
    }
}
