//! `verilane merkle`: roots and inclusion proofs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str;

use anyhow::Context as _;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use verilane::merkle::Proof;
use verilane::{Digest, Engine, Tree};

use crate::Status;
use crate::shared::backends_used::BackendsUsed;
use crate::shared::context::Context;
use crate::shared::digester::Digester;
use crate::shared::lines::each_line;
use crate::shared::names::{HashName, TreeName};
use crate::shared::{input, output, progress};

/// Compute a Merkle root, or prove that a leaf is under it; check such a proof
///
/// Roots and nodes are printed as the tree's users print them: Bitcoin's with the bytes reversed.
/// Leaves count from 0, the lines of files from 1.
#[derive(clap::Args)]
pub struct Args {
    /// The tree's rule
    #[arg(long, required_unless_present = "check")]
    tree: Option<TreeName>,
    /// The hash [default: sha256]; bitcoin always uses SHA-256 twice
    #[arg(long)]
    hash: Option<HashName>,
    /// What the leaves are
    #[arg(long, default_value = "hex")]
    leaves: Leaves,
    /// Print the proof, as JSON, that this leaf is in the tree
    #[arg(long, value_name = "INDEX")]
    proof: Option<usize>,
    /// Check a proof that --proof printed
    #[arg(long, value_name = "PROOF", conflicts_with_all = ["tree", "hash", "leaves", "proof", "files"])]
    check: Option<PathBuf>,
    /// The root that the proof must lead to [default: the one that it states]
    #[arg(long, value_name = "HEX", requires = "check")]
    root: Option<Digest>,
    /// Where the leaves are; - or nothing for standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Leaves {
    /// Each line is a leaf node, 64 digits; bitcoin: transaction ids
    Hex,
    /// Each line is the data of a leaf
    Lines,
    /// Each file is the data of a leaf
    Files,
}

#[derive(Serialize)]
struct Summary {
    tree: TreeName,
    hash: String,
    root: String,
    leaves: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    mutated: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<ProofFile>,
    #[serde(flatten)]
    backends: BackendsUsed,
}

/// A proof as it is stored. Nodes are written as the tree's users print them.
#[derive(Serialize, Deserialize)]
struct ProofFile {
    tree: TreeName,
    /// None for bitcoin, whose hash is fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<HashName>,
    index: usize,
    leaves: usize,
    leaf: String,
    path: Vec<String>,
    root: String,
}

/// A proof file: the proof alone, or the output of --json around it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Whole { proof: ProofFile },
    Alone(ProofFile),
}

#[derive(Serialize)]
struct Check {
    valid: bool,
    root: String,
    leaf: String,
    index: usize,
    leaves: usize,
    #[serde(flatten)]
    backends: BackendsUsed,
}

pub fn run(args: &Args, context: &Context) -> anyhow::Result<Status> {
    if let Some(path) = &args.check {
        return check(path, args.root, context);
    }
    let name = args.tree.context("--tree is needed")?;
    let tree = name.with_hash(args.hash)?;
    let engine = context.engine()?;
    let (leaves, mut backends) = read_leaves(&engine, tree, args)?;
    let root = backends.record(engine.merkle_root(tree, &leaves)?);
    let proof = args.proof.map(|index| engine.merkle_proof(tree, &leaves, index)).transpose()?;
    let printed = |digest: &Digest| tree.display(*digest).to_string();
    let proof = proof.map(|proof| {
        let proof = backends.record(proof);
        ProofFile {
            tree: name,
            hash: (tree != Tree::Bitcoin).then_some(args.hash.unwrap_or(HashName::Sha256)),
            index: proof.index,
            leaves: proof.leaves,
            leaf: printed(&leaves[proof.index]),
            path: proof.path.iter().map(printed).collect(),
            root: printed(&root.digest),
        }
    });
    let summary = Summary {
        tree: name,
        hash: tree.hash().to_string(),
        root: printed(&root.digest),
        leaves: leaves.len(),
        mutated: (tree == Tree::Bitcoin).then_some(root.mutated),
        proof,
        backends,
    };
    output::print(context, &summary)?;
    Ok(Status::Passed)
}

fn read_leaves(engine: &Engine, tree: Tree, args: &Args) -> anyhow::Result<(Vec<Digest>, BackendsUsed)> {
    let stdin = [PathBuf::from("-")];
    let files = if args.files.is_empty() { &stdin[..] } else { &args.files };
    let bar = progress::bytes(input::total_size(files));
    let mut digester = Digester::new(engine, tree.hash(), tree.leaf_prefix());
    let mut nodes = Vec::new();
    for file in files {
        match args.leaves {
            Leaves::Hex => each_line(file, |line| {
                bar.inc(line.len() as u64 + 1);
                nodes.push(leaf_node(tree, line)?);
                Ok(())
            })?,
            Leaves::Lines => each_line(file, |line| {
                bar.inc(line.len() as u64 + 1);
                digester.push(line)
            })?,
            Leaves::Files => {
                bar.inc(digester.push_file(file).with_context(|| format!("cannot read {}", file.display()))?);
            }
        }
    }
    bar.finish_and_clear();
    if matches!(args.leaves, Leaves::Hex) {
        return Ok((nodes, BackendsUsed::default()));
    }
    digester.finish()
}

fn leaf_node(tree: Tree, line: &[u8]) -> anyhow::Result<Digest> {
    let text = str::from_utf8(line.trim_ascii()).context("64 hexadecimal digits are expected")?;
    Ok(tree.display(text.parse()?))
}

fn check(path: &Path, root: Option<Digest>, context: &Context) -> anyhow::Result<Status> {
    let stored = serde_json::from_reader(input::open(path)?);
    let (Stored::Whole { proof } | Stored::Alone(proof)) =
        stored.with_context(|| format!("{} is no proof that --proof printed", path.display()))?;
    let tree = proof.tree.with_hash(proof.hash)?;
    let node = |hex: &str| -> anyhow::Result<Digest> { Ok(tree.display(hex.parse()?)) };
    let path = proof.path.iter().enumerate();
    let path: anyhow::Result<Vec<_>> =
        path.map(|(i, hex)| node(hex).with_context(|| format!("entry {i} of the proof's path"))).collect();
    let leaf = node(&proof.leaf).context("the proof's leaf")?;
    let stated = node(&proof.root).context("the proof's root")?;
    let root = root.map_or(stated, |root| tree.display(root));
    let valid = Proof { tree, index: proof.index, leaves: proof.leaves, path: path? }.verify(&leaf, &root);
    let mut backends = BackendsUsed::default();
    backends.record_unbatched(1);
    let check = Check {
        valid,
        root: tree.display(root).to_string(),
        leaf: proof.leaf,
        index: proof.index,
        leaves: proof.leaves,
        backends,
    };
    output::print(context, &check)?;
    Ok(if valid { Status::Passed } else { Status::Failed })
}

/// Only the proof, where there is one, so that it can be stored.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(proof) = &self.proof {
            return f.write_str(&serde_json::to_string_pretty(proof).map_err(|_| fmt::Error)?);
        }
        writeln!(f, "{}", self.root)?;
        if self.mutated == Some(true) {
            writeln!(f, "mutated: equal neighbours form a pair, so other leaves have this root too")?;
        }
        write!(f, "{} leaves, {} on {}", self.leaves, self.hash, self.backends)
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.valid { "leads" } else { "DOES NOT LEAD" };
        writeln!(f, "the proof {verdict}")?;
        writeln!(f, "from leaf {} of {}, {},", self.index, self.leaves, self.leaf)?;
        write!(f, "to root {}", self.root)
    }
}
