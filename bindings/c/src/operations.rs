//! The five operations on packed columns.

use super::engine::{CallReport, EngineHandle, choice, find, write_report};
use super::memory::{Memory, check_items};
use super::status::{Failure, Status, guard};
use verilane::ed25519::Rule;
use verilane::merkle::Proof;
use verilane::pow::{NonceWindow, Puzzle, Target};
use verilane::signature::Batch;
use verilane::{Digest, Hash, Key, Tree, TreeHash};

/// An acceptance rule of Ed25519: which signatures are valid. It is part of a ledger's
/// consensus, and has no default.
#[repr(C)]
pub enum RuleChoice {
    /// RFC 8032 without the cofactor, as OpenSSL, Go and ed25519-dalek's `verify`.
    Rfc8032 = 1,
    /// The same, but keys and `R` of small order are refused, as ed25519-dalek's
    /// `verify_strict` and Solana.
    Strict = 2,
    /// ZIP 215, with the cofactor, as Zcash and CometBFT. Anyone can sign for a key of
    /// small order, the all-zero key among them: refuse those keys first.
    Zip215 = 3,
}

/// A hash function with a digest of 32 bytes.
#[repr(C)]
pub enum DigestChoice {
    /// SHA-256.
    Sha256 = 1,
    /// SHA-256 of the SHA-256.
    Sha256d = 2,
    /// BLAKE3.
    Blake3 = 3,
    /// BLAKE3 with a key of 32 bytes. No tree takes it.
    KeyedBlake3 = 4,
}

/// A rule by which leaves become a Merkle root.
#[repr(C)]
pub enum TreeChoice {
    /// Bitcoin's: node = SHA-256d(left, right), an odd last node is paired with
    /// itself. Its hash is `VERILANE_DIGEST_SHA256D`.
    Bitcoin = 1,
    /// RFC 6962: leaf = H(0, data), node = H(1, left, right), an odd last node is
    /// promoted. The only one with a root of no leaves.
    Rfc6962 = 2,
    /// leaf = H(data), node = H(left, right), an odd last node is promoted.
    Plain = 3,
}

/// The largest number of digests in a proof of membership.
pub const VERILANE_MAX_PATH: usize = 32;

/// The result of a search.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Found {
    /// 1 if a nonce in the window meets the target; else 0, and all other fields are 0.
    pub found: u32,
    /// The lowest such nonce.
    pub nonce: u32,
    /// SHA-256d of the header with the nonce in place.
    pub digest: [u8; 32],
}

/// A verdict for each of `n` signatures, independent of the others. Under
/// `VERILANE_RULE_ZIP215` that holds but for a probability of 2^-125, with which a batch
/// equation accepts an invalid signature.
///
/// - `rule`: one of `verilane_rule`.
/// - `keys`: `n` public keys of 32 bytes, contiguous.
/// - `signatures`: `n` signatures of 64 bytes, contiguous.
/// - `bytes`, `bytes_len`: the buffer of the messages.
/// - `offsets`: `n + 1` offsets; message `i` is `bytes[offsets[i]..offsets[i + 1]]`.
/// - `verdicts`: `n` bytes; 1 where the signature is valid, else 0.
/// - `report`: where the call ran; may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn verilane_verify(
    engine: EngineHandle,
    rule: u32,
    keys: *const u8,
    signatures: *const u8,
    bytes: *const u8,
    bytes_len: usize,
    offsets: *const u64,
    n: usize,
    verdicts: *mut u8,
    report: *mut CallReport,
) -> Status {
    // SAFETY: the caller's promise, in the crate's documentation.
    let mut memory = unsafe { Memory::of_caller() };
    guard(|| {
        let engine = find(engine)?;
        let rule = rule_of(rule)?;
        check_items(n)?;
        let keys: &[[u8; 32]] = memory.read("keys", keys.cast(), n)?;
        let signatures = memory.read("signatures", signatures.cast(), n)?;
        let messages = memory.records(bytes, bytes_len, offsets, n)?;
        let verdicts = memory.write("verdicts", verdicts, n)?;
        let report = memory.write_if_wanted("report", report)?;
        let outcome = engine.verify(rule, &Batch::from_columns(keys, signatures, messages)?)?;
        verdicts.fill(bytemuck::cast_slice(outcome.as_slice()));
        write_report(report, outcome.report());
        Ok(())
    })
}

/// The digest of each of `n` byte strings.
///
/// - `hash`: one of `verilane_digest`.
/// - `key`: 32 bytes for `VERILANE_DIGEST_KEYED_BLAKE3`, else null.
/// - `bytes`, `bytes_len`: the buffer of the strings.
/// - `offsets`: `n + 1` offsets; string `i` is `bytes[offsets[i]..offsets[i + 1]]`.
/// - `digests`: `n` digests of 32 bytes, contiguous.
/// - `report`: where the call ran; may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn verilane_hash(
    engine: EngineHandle,
    hash: u32,
    key: *const u8,
    bytes: *const u8,
    bytes_len: usize,
    offsets: *const u64,
    n: usize,
    digests: *mut u8,
    report: *mut CallReport,
) -> Status {
    // SAFETY: the caller's promise, in the crate's documentation.
    let mut memory = unsafe { Memory::of_caller() };
    guard(|| {
        let engine = find(engine)?;
        let hash = match hash {
            keyed if keyed == DigestChoice::KeyedBlake3 as u32 => {
                Hash::KeyedBlake3(Key(memory.read_array("key", key)?))
            }
            _ if !key.is_null() => {
                return Err(Failure::new(Status::Argument, "only keyed BLAKE3 takes a key: it must be null"));
            }
            other => tree_hash_of(other)?.into(),
        };
        check_items(n)?;
        let records = memory.records(bytes, bytes_len, offsets, n)?;
        let digests = memory.write("digests", digests.cast(), n)?;
        let report = memory.write_if_wanted("report", report)?;
        let outcome = engine.hash(hash, &records)?;
        digests.fill(&outcome);
        write_report(report, outcome.report());
        Ok(())
    })
}

/// The leaf nodes of a tree over `n` byte strings, which `verilane_merkle_root` takes.
///
/// - `tree`: one of `verilane_tree`.
/// - `hash`: the tree's hash, one of `verilane_digest`.
/// - `bytes`, `bytes_len`: the buffer of the strings.
/// - `offsets`: `n + 1` offsets; string `i` is `bytes[offsets[i]..offsets[i + 1]]`.
/// - `leaves`: `n` nodes of 32 bytes, contiguous.
/// - `report`: where the call ran; may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn verilane_merkle_leaves(
    engine: EngineHandle,
    tree: u32,
    hash: u32,
    bytes: *const u8,
    bytes_len: usize,
    offsets: *const u64,
    n: usize,
    leaves: *mut u8,
    report: *mut CallReport,
) -> Status {
    // SAFETY: the caller's promise, in the crate's documentation.
    let mut memory = unsafe { Memory::of_caller() };
    guard(|| {
        let engine = find(engine)?;
        let tree = tree_of(tree, hash)?;
        check_items(n)?;
        let records = memory.records(bytes, bytes_len, offsets, n)?;
        let leaves = memory.write("leaves", leaves.cast(), n)?;
        let report = memory.write_if_wanted("report", report)?;
        let outcome = engine.merkle_leaves(tree, &records)?;
        leaves.fill(&outcome);
        write_report(report, outcome.report());
        Ok(())
    })
}

/// The root over `n` leaf nodes, which are taken as they are and not hashed again.
///
/// - `tree`: one of `verilane_tree`.
/// - `hash`: the tree's hash, one of `verilane_digest`.
/// - `leaves`: `n` nodes of 32 bytes, contiguous.
/// - `root`: 32 bytes.
/// - `mutated`: 1 byte. 1 if the tree is Bitcoin's and another list of leaves has the
///   same root (CVE-2012-2459): refuse such a block, but do not mark it as permanently
///   invalid. Else 0.
/// - `report`: where the call ran; may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn verilane_merkle_root(
    engine: EngineHandle,
    tree: u32,
    hash: u32,
    leaves: *const u8,
    n: usize,
    root: *mut u8,
    mutated: *mut u8,
    report: *mut CallReport,
) -> Status {
    // SAFETY: the caller's promise, in the crate's documentation.
    let mut memory = unsafe { Memory::of_caller() };
    guard(|| {
        let engine = find(engine)?;
        let tree = tree_of(tree, hash)?;
        check_items(n)?;
        let leaves = memory.read("leaves", leaves.cast(), n)?;
        let root = memory.write("root", root.cast(), 1)?;
        let mutated = memory.write("mutated", mutated, 1)?;
        let report = memory.write_if_wanted("report", report)?;
        let outcome = engine.merkle_root(tree, leaves)?;
        root.fill(&[outcome.digest]);
        mutated.fill(&[outcome.mutated.into()]);
        write_report(report, outcome.report());
        Ok(())
    })
}

/// The proof that leaf `index` is in the tree over `n` leaf nodes.
///
/// - `tree`: one of `verilane_tree`.
/// - `hash`: the tree's hash, one of `verilane_digest`.
/// - `leaves`: `n` nodes of 32 bytes, contiguous.
/// - `index`: the leaf's position, from 0.
/// - `path`: room for `capacity` digests of 32 bytes: the siblings from the leaf to
///   the root, lowest first. `VERILANE_MAX_PATH` always suffice.
/// - `path_len`: the number of digests in the path. If it is above `capacity`, it is
///   still written; the status is then `VERILANE_STATUS_CAPACITY`, and `path` is
///   unchanged.
/// - `report`: where the call ran; may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn verilane_merkle_proof(
    engine: EngineHandle,
    tree: u32,
    hash: u32,
    leaves: *const u8,
    n: usize,
    index: usize,
    path: *mut u8,
    capacity: usize,
    path_len: *mut usize,
    report: *mut CallReport,
) -> Status {
    // SAFETY: the caller's promise, in the crate's documentation.
    let mut memory = unsafe { Memory::of_caller() };
    guard(|| {
        let engine = find(engine)?;
        let tree = tree_of(tree, hash)?;
        check_items(n)?;
        let leaves = memory.read("leaves", leaves.cast(), n)?;
        let path_len = memory.write("path_len", path_len, 1)?;
        let path = memory.write("path", path.cast(), capacity)?;
        let report = memory.write_if_wanted("report", report)?;
        let proof = engine.merkle_proof(tree, leaves, index)?;
        let needed = proof.path.len();
        path_len.fill(&[needed]);
        if needed > capacity {
            return Err(Failure::new(
                Status::Capacity,
                format!("the path has {needed} digests, and there is room for {capacity}"),
            ));
        }
        path.fill_front(&proof.path);
        write_report(report, proof.report());
        Ok(())
    })
}

/// Whether a proof leads from `leaf` to `root`. This needs no engine.
///
/// - `tree`: one of `verilane_tree`.
/// - `hash`: the tree's hash, one of `verilane_digest`.
/// - `leaf`: the leaf node, 32 bytes.
/// - `index`: its position, from 0.
/// - `leaves`: the number of leaves in the tree.
/// - `path`: `path_len` digests of 32 bytes, contiguous.
/// - `root`: 32 bytes.
/// - `valid`: 1 byte; 1 if the proof is valid, else 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn verilane_merkle_proof_verify(
    tree: u32,
    hash: u32,
    leaf: *const u8,
    index: usize,
    leaves: usize,
    path: *const u8,
    path_len: usize,
    root: *const u8,
    valid: *mut u8,
) -> Status {
    // SAFETY: the caller's promise, in the crate's documentation.
    let mut memory = unsafe { Memory::of_caller() };
    guard(|| {
        let tree = tree_of(tree, hash)?;
        check_items(path_len)?;
        let leaf = Digest(memory.read_array("leaf", leaf)?);
        let path: &[Digest] = memory.read("path", path.cast(), path_len)?;
        let root = Digest(memory.read_array("root", root)?);
        let valid = memory.write("valid", valid, 1)?;
        let proof = Proof { tree, index, leaves, path: path.to_vec() };
        valid.fill(&[proof.verify(&leaf, &root).into()]);
        Ok(())
    })
}

/// For each of `n` fingerprints, the position of its first occurrence.
///
/// - `fingerprints`: `n` fingerprints of 32 bytes, contiguous.
/// - `first_occurrences`: `n` positions, from 0; a fingerprint's own if no earlier one is
///   equal.
/// - `report`: where the call ran; may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn verilane_first_occurrences(
    engine: EngineHandle,
    fingerprints: *const u8,
    n: usize,
    first_occurrences: *mut u32,
    report: *mut CallReport,
) -> Status {
    // SAFETY: the caller's promise, in the crate's documentation.
    let mut memory = unsafe { Memory::of_caller() };
    guard(|| {
        let engine = find(engine)?;
        check_items(n)?;
        let fingerprints = memory.read("fingerprints", fingerprints.cast(), n)?;
        let first_occurrences = memory.write("first_occurrences", first_occurrences, n)?;
        let report = memory.write_if_wanted("report", report)?;
        let outcome = engine.first_occurrences(fingerprints)?;
        first_occurrences.fill(outcome.as_slice());
        write_report(report, outcome.report());
        Ok(())
    })
}

/// The lowest nonce from `first` to `last` for which the SHA-256d of the header, read
/// as a little-endian number, is not above the target.
///
/// - `header`, `header_len`: the header; Bitcoin's has 80 bytes. The nonce in it is
///   ignored.
/// - `nonce_offset`: where the 32-bit little-endian nonce begins: a multiple of 4, in
///   the last 64-byte block of the padded header; 76 in Bitcoin's.
/// - `target`: 32 bytes, big-endian.
/// - `first`, `last`: the bounds of the window, both included.
/// - `found`: the result.
/// - `report`: where the call ran; may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn verilane_search(
    engine: EngineHandle,
    header: *const u8,
    header_len: usize,
    nonce_offset: usize,
    target: *const u8,
    first: u32,
    last: u32,
    found: *mut Found,
    report: *mut CallReport,
) -> Status {
    // SAFETY: the caller's promise, in the crate's documentation.
    let mut memory = unsafe { Memory::of_caller() };
    guard(|| {
        let engine = find(engine)?;
        let header = memory.read("header", header, header_len)?;
        let target = Target::from_be_bytes(memory.read_array("target", target)?);
        let output = memory.write("found", found, 1)?;
        let report = memory.write_if_wanted("report", report)?;
        let puzzle = Puzzle::new(header, nonce_offset, target)?;
        let outcome = engine.search(&puzzle, NonceWindow::new(first, last))?;
        output.fill(&[outcome.map_or(Found { found: 0, nonce: 0, digest: [0; 32] }, |nonce| Found {
            found: 1,
            nonce: nonce.nonce,
            digest: nonce.digest.0,
        })]);
        write_report(report, outcome.report());
        Ok(())
    })
}

/// Expands the compact target in a Bitcoin header.
///
/// - `bits`: the compact target.
/// - `target`: 32 bytes, big-endian.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn verilane_target_from_bits(bits: u32, target: *mut u8) -> Status {
    // SAFETY: the caller's promise, in the crate's documentation.
    let mut memory = unsafe { Memory::of_caller() };
    guard(|| {
        let output = memory.write("target", target, 32)?;
        output.fill(&Target::from_bits(bits)?.to_be_bytes());
        Ok(())
    })
}

fn rule_of(rule: u32) -> Result<Rule, Failure> {
    let choices = [
        (RuleChoice::Rfc8032 as u32, Rule::Rfc8032),
        (RuleChoice::Strict as u32, Rule::Strict),
        (RuleChoice::Zip215 as u32, Rule::Zip215),
    ];
    choice("rule", rule, &choices)
}

fn tree_hash_of(hash: u32) -> Result<TreeHash, Failure> {
    let choices = [
        (DigestChoice::Sha256 as u32, TreeHash::Sha256),
        (DigestChoice::Sha256d as u32, TreeHash::Sha256d),
        (DigestChoice::Blake3 as u32, TreeHash::Blake3),
    ];
    choice("hash here", hash, &choices)
}

fn tree_of(tree: u32, hash: u32) -> Result<Tree, Failure> {
    let hash = tree_hash_of(hash)?;
    let choices = [
        (TreeChoice::Bitcoin as u32, Tree::Bitcoin),
        (TreeChoice::Rfc6962 as u32, Tree::Rfc6962(hash)),
        (TreeChoice::Plain as u32, Tree::Plain(hash)),
    ];
    let tree = choice("tree", tree, &choices)?;
    if tree.hash() != hash.into() {
        return Err(Failure::new(Status::Argument, "Bitcoin's tree takes no other hash than SHA-256d"));
    }
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_header() {
        for (number, rule) in [
            (RuleChoice::Rfc8032, Rule::Rfc8032),
            (RuleChoice::Strict, Rule::Strict),
            (RuleChoice::Zip215, Rule::Zip215),
        ] {
            assert_eq!(rule_of(number as u32).unwrap(), rule);
        }
        for (number, hash) in [
            (DigestChoice::Sha256, TreeHash::Sha256),
            (DigestChoice::Sha256d, TreeHash::Sha256d),
            (DigestChoice::Blake3, TreeHash::Blake3),
        ] {
            assert_eq!(tree_hash_of(number as u32).unwrap(), hash);
        }
        let sha256d = DigestChoice::Sha256d as u32;
        for (number, tree) in [
            (TreeChoice::Bitcoin, Tree::Bitcoin),
            (TreeChoice::Rfc6962, Tree::Rfc6962(TreeHash::Sha256d)),
            (TreeChoice::Plain, Tree::Plain(TreeHash::Sha256d)),
        ] {
            assert_eq!(tree_of(number as u32, sha256d).unwrap(), tree);
        }
    }
}
