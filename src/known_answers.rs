//! The self-test: known answers that a back end must give before it is used.

use crate::backend::{Backend, Fault, Operation};
use crate::ed25519::Rule;
use crate::entries::{Entries, RecordVerdict};
use crate::merkle::{Root, Tree, TreeHash};
use crate::pow::{Nonce, Puzzle, Target};
use crate::signature::Batch;
use crate::{Digest, Hash, Key, Records, parse_hex};

/// Prepares `backend`, then tests each operation that it serves on small inputs with known
/// answers.
///
/// # Errors
/// [`Fault::SelfTest`] if an answer is wrong; the back end's own fault if a call fails.
pub fn self_test(backend: &dyn Backend) -> Result<(), Fault> {
    backend.prepare()?;
    for operation in Operation::ALL {
        if backend.serves(operation) {
            check(backend, operation)?;
        }
    }
    Ok(())
}

fn check(backend: &dyn Backend, operation: Operation) -> Result<(), Fault> {
    let passed = match operation {
        Operation::Hash => hashes(backend)?,
        Operation::Merkle => merkle_roots(backend)?,
        Operation::Verify => verdicts(backend)?,
        Operation::Dedup => first_occurrences(backend)?,
        Operation::Pow => nonces(backend)?,
        Operation::Check => block_checks(backend)?,
    };
    if passed {
        return Ok(());
    }
    Err(Fault::SelfTest(format!("{} gave a wrong answer for {operation}", backend.info().detail)))
}

fn hashes(backend: &dyn Backend) -> Result<bool, Fault> {
    let text: Vec<u8> = (0..=250).cycle().take(2049).collect();
    // Lengths at the boundaries of SHA-256's padding and of BLAKE3's blocks and chunks.
    let records =
        Records::from_slices([0, 3, 55, 56, 64, 65, 1024, 1025, 2049].map(|length| &text[..length]));
    for hash in [Hash::Sha256, Hash::Sha256d, Hash::Blake3, Hash::KeyedBlake3(Key([7; 32]))] {
        let mut digests = vec![Digest::default(); records.len()];
        backend.hash(hash, &records, &mut digests)?;
        if !records.iter().zip(digests).all(|(record, digest)| hash.digest(record) == digest) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn merkle_roots(backend: &dyn Backend) -> Result<bool, Fault> {
    let leaves = [1, 2, 3, 4, 5].map(|byte| Digest([byte; 32]));
    for tree in [Tree::Bitcoin, Tree::Rfc6962(TreeHash::Sha256), Tree::Plain(TreeHash::Blake3)] {
        if backend.merkle_root(tree, &leaves)? != root_of_five(tree, &leaves) {
            return Ok(false);
        }
    }
    Ok(backend.merkle_root(Tree::Bitcoin, &[leaves[0]; 2])?.mutated)
}

fn root_of_five(tree: Tree, [a, b, c, d, e]: &[Digest; 5]) -> Root {
    let left = tree.node(&tree.node(a, b), &tree.node(c, d));
    let mut right = *e;
    if tree.doubles_last() {
        right = tree.node(&right, &right);
        right = tree.node(&right, &right);
    }
    Root { digest: tree.node(&left, &right), mutated: false }
}

fn verdicts(backend: &dyn Backend) -> Result<bool, Fault> {
    // RFC 8032, section 7.1, TEST 2.
    let key = decode_hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    let signature = decode_hex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
         085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    );
    let mut batch = Batch::with_capacity(4);
    batch.push(&key, &signature, &[0x72]);
    batch.push(&key, &signature, &[0x73]);
    let mut high_s: [u8; 64] = signature;
    high_s[63] ^= 0x80;
    batch.push(&key, &high_s, &[0x72]);
    // With the identity as key and R, and S = 0, every message has a valid signature if the
    // rule accepts points of small order.
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut trivial = [0; 64];
    trivial[0] = 1;
    batch.push(&identity, &trivial, b"anything");
    for rule in Rule::ALL {
        let mut verdicts = [false; 4];
        backend.verify(rule, &batch, &mut verdicts)?;
        if verdicts != [true, false, false, rule != Rule::Strict] {
            return Ok(false);
        }
    }
    Ok(true)
}

fn first_occurrences(backend: &dyn Backend) -> Result<bool, Fault> {
    let fingerprints = [9, 4, 9, 4, 9, 7].map(|byte| Digest([byte; 32]));
    let mut positions = [u32::MAX; 6];
    backend.first_occurrences(&fingerprints, &mut positions)?;
    Ok(positions == [0, 1, 0, 1, 0, 5])
}

fn nonces(backend: &dyn Backend) -> Result<bool, Fault> {
    // Bitcoin's block 0.
    let header: [u8; 80] = decode_hex(concat!(
        "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b2",
        "7ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c",
    ));
    let nonce = 2_083_236_893;
    let digest = Digest(decode_hex("6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000"));
    let mut target = [0xff; 32];
    target[..4].fill(0);
    let puzzle = Puzzle::bitcoin(&header, Target::from_be_bytes(target));
    Ok(backend.search(&puzzle, nonce - 700..=nonce + 700)? == Some(Nonce { nonce, digest })
        && backend.search(&puzzle, nonce - 700..=nonce - 1)?.is_none())
}

fn block_checks(backend: &dyn Backend) -> Result<bool, Fault> {
    use RecordVerdict::{BadSignature, HashMismatch, Valid};
    // With the identity as key and R, a signature is valid for every message if S = 0.
    let (mut identity, mut trivial) = ([0; 32], [0; 64]);
    (identity[0], trivial[0]) = (1, 1);
    let mut invalid = trivial;
    invalid[32] = 1;
    let hash = Hash::Sha256;
    let digests = [&b"a"[..], b"longer than sixty-four bytes, which is a block of the hash function", b"c"]
        .map(|record| (record, hash.digest(record)));
    let [(a, digest_a), (b, digest_b), (c, digest_c)] = digests;
    let mut entries = Entries::with_capacity(5, 256);
    entries.push(&identity, &trivial, digest_a, a);
    entries.push(&identity, &invalid, digest_b, b);
    entries.push(&identity, &trivial, digest_b, c);
    entries.push(&identity, &invalid, digest_a, c);
    entries.push(&identity, &trivial, digest_a, a);
    for tree in [Tree::Rfc6962(TreeHash::Sha256), Tree::Bitcoin] {
        let check = backend.check_block(Rule::Rfc8032, hash, tree, &entries)?;
        let leaf = |index| tree.hash().digest(&[tree.leaf_prefix(), &entries.leaf(index)].concat());
        let passed = check.verdicts == [Valid, BadSignature, HashMismatch, BadSignature, Valid]
            && check.digests == [digest_a, digest_b, digest_c, digest_c, digest_a]
            && check.first_occurrences.as_slice() == [0, 1, 2, 2, 0]
            && check.root == root_of_five(tree, &[0, 1, 2, 3, 4].map(leaf));
        if !passed {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Decodes the hexadecimal form of a known answer.
fn decode_hex<const N: usize>(hex: &str) -> [u8; N] {
    parse_hex(hex).expect("the known answers are hexadecimal")
}
