//! Ledgers of signed records: sealing, audits, damage, and proofs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use ed25519_dalek::{Signer, SigningKey};
use verilane::ed25519::Rule;
use verilane::{Digest, Engine};
use verilane_ledger::endorsement::{PeerKey, Policy};
use verilane_ledger::{
    Block, Ed25519SecretKey, Genesis, Keyring, Ledger, LedgerFailureKind, List, ListReview, ProofError,
    RecordFinding, RecordProof, SealRule, Sealer, SignedRecord, Store, StoreError, audit, list_message,
    record_digest,
};

const STAGE: u32 = 8;

fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

fn secret_key(number: u8) -> Ed25519SecretKey {
    Ed25519SecretKey::from_bytes(&[number; 32])
}

fn genesis(seal: SealRule) -> Genesis {
    let peers = [101, 102, 103].map(|number| PeerKey::Ed25519(key(number).verifying_key().to_bytes()));
    Genesis {
        name: "a test".into(),
        founder: key(1).verifying_key().to_bytes(),
        rule: Rule::Strict,
        seal,
        stage: STAGE,
        anchor_blocks: 2,
        endorsement: Some(Policy::new(2, peers).unwrap()),
    }
}

const WORK: SealRule = SealRule::Work { bits: 0x2000_ffff };

fn keyring() -> Keyring {
    let mut keyring = Keyring::default();
    (1..=5).chain(101..=102).for_each(|number| keyring.add(secret_key(number)));
    keyring
}

fn record(institution: u8, bytes: &[u8]) -> SignedRecord {
    let digest = record_digest(bytes);
    SignedRecord { bytes: bytes.into(), digest, signature: key(institution).sign(&digest.0).to_bytes() }
}

fn list(institution: u8, records: Vec<SignedRecord>) -> List {
    let public_key = key(institution).verifying_key().to_bytes();
    let message = list_message(&public_key, false, records.iter().map(|record| record.digest));
    let signature = key(institution).sign(&message).to_bytes();
    List { institution: public_key, emergency: false, records, signature }
}

/// Lists of three to six records each; every fifth record repeats an earlier one.
fn lists(count: usize) -> Vec<List> {
    let mut next = 0;
    let mut lists = Vec::new();
    for index in 0..count {
        let institution = 1 + (index % 5) as u8;
        let records = (0..3 + index % 4).map(|_| {
            next += 1;
            let number = if next % 5 == 0 { next / 2 } else { next };
            record(institution, format!("record {number}").as_bytes())
        });
        lists.push(list(institution, records.collect()));
    }
    lists
}

fn distinct(lists: &[List]) -> BTreeSet<[u8; 32]> {
    lists.iter().flat_map(|list| list.records.iter().map(|record| record.digest.0)).collect()
}

fn stored(directory: &Path) -> Vec<[u8; 32]> {
    let ledger = Ledger::open(directory).unwrap();
    let mut digests = Vec::new();
    for height in 0..ledger.blocks() {
        let encoding = ledger.block(height).unwrap();
        let block = ledger.decode(height, &encoding).unwrap();
        digests.extend(block.entries().digests().iter().map(|digest| digest.0));
    }
    digests
}

fn seal(directory: &Path, lists: &[List]) {
    let engine = Engine::new().unwrap();
    let mut sealer = Sealer::open(&engine, directory, keyring()).unwrap();
    for lists in lists.chunks(7) {
        sealer.submit(lists.to_vec(), |_| ()).unwrap();
    }
    sealer.close(|_| ()).unwrap();
}

fn kinds(directory: &Path) -> Vec<(LedgerFailureKind, u64)> {
    let engine = Engine::new().unwrap();
    let found = audit(&engine, directory, |_| ()).unwrap();
    found.failures.iter().map(|failure| (failure.kind, failure.place.block)).collect()
}

#[test]
fn every_record_is_stored_once_and_the_audit_passes() {
    let engine = Engine::new().unwrap();
    for rule in [SealRule::Stake, WORK] {
        let folder = tempfile::tempdir().unwrap();
        drop(Store::create(folder.path(), &genesis(rule)).unwrap());
        let lists = lists(60);
        seal(folder.path(), &lists);
        let stored = stored(folder.path());
        assert_eq!(stored.len(), distinct(&lists).len());
        assert_eq!(stored.into_iter().collect::<BTreeSet<_>>(), distinct(&lists));

        let found = audit(&engine, folder.path(), |_| ()).unwrap();
        assert_eq!(found.failures, []);
        let blocks = Ledger::open(folder.path()).unwrap().blocks();
        assert_eq!((found.blocks, found.records), (blocks, distinct(&lists).len() as u64));
        assert_eq!(found.anchors, blocks / 2);
        assert!(blocks > 10 && found.seen > 0);
    }
}

#[test]
fn stages_end_between_c_and_2c() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::create(folder.path(), &genesis(SealRule::Stake)).unwrap());
    seal(folder.path(), &lists(60));
    let ledger = Ledger::open(folder.path()).unwrap();
    for height in 0..ledger.blocks() - 1 {
        let records = ledger.header(height).unwrap().records;
        assert!((STAGE..2 * STAGE).contains(&records), "{records} in block {height}");
    }
}

#[test]
fn sealed_records_are_not_sealed_again() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::create(folder.path(), &genesis(SealRule::Stake)).unwrap());
    let lists = lists(40);
    seal(folder.path(), &lists[..23]);
    seal(folder.path(), &lists);
    let before = stored(folder.path());
    assert_eq!(before.len(), distinct(&lists).len());
    seal(folder.path(), &lists);
    assert_eq!(stored(folder.path()), before);
    assert_eq!(kinds(folder.path()), []);
}

#[test]
fn an_index_that_fell_behind_catches_up() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::create(folder.path(), &genesis(SealRule::Stake)).unwrap());
    let lists = lists(40);
    seal(folder.path(), &lists[..30]);
    fs::remove_dir_all(folder.path().join("index")).unwrap();
    seal(folder.path(), &lists);
    assert_eq!(stored(folder.path()).len(), distinct(&lists).len());
}

#[test]
fn each_record_has_its_finding() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::create(folder.path(), &genesis(SealRule::Stake)).unwrap());
    let engine = Engine::new().unwrap();
    let mut sealer = Sealer::open(&engine, folder.path(), keyring()).unwrap();

    let mut forged = record(2, b"forged");
    forged.signature[0] ^= 1;
    let mut changed = record(2, b"changed");
    changed.bytes[0] ^= 1;
    let mixed = list(2, vec![record(2, b"good"), forged, changed, record(2, b"good")]);
    let mut unsigned = list(3, vec![record(3, b"other")]);
    unsigned.emergency = true;
    let long = list(4, (0..8).map(|number: u8| record(4, &[number])).collect());
    let submitted = sealer.submit(vec![mixed.clone(), unsigned, long], |_| ()).unwrap();
    let findings = vec![
        RecordFinding::New,
        RecordFinding::BadSignature,
        RecordFinding::HashMismatch,
        RecordFinding::Waiting,
    ];
    let expected = [
        ListReview::Reviewed(findings),
        ListReview::BadSignature,
        ListReview::TooLong { records: 8, most: 7 },
    ];
    assert_eq!(submitted.reviews, expected);
    assert_eq!(sealer.waiting(), 1);
    sealer.close(|_| ()).unwrap().unwrap();
    let again = sealer.submit(vec![mixed], |_| ()).unwrap();
    let ListReview::Reviewed(findings) = &again.reviews[0] else { panic!("{again:?}") };
    assert_eq!((findings[0], findings[3]), (RecordFinding::InBlock(0), RecordFinding::InBlock(0)));
    drop(sealer);
    assert_eq!(stored(folder.path()), [record_digest(b"good").0]);
    assert_eq!(kinds(folder.path()), []);
}

#[test]
fn the_elected_producer_seals() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::create(folder.path(), &genesis(SealRule::Stake)).unwrap());
    let records = |institution: u8, from: u8, count: u8| {
        (from..from + count).map(|number| record(institution, &[number])).collect()
    };
    let lists = [
        list(2, records(2, 0, 3)),
        list(3, records(3, 10, 5)),
        list(4, records(4, 20, 7)),
        list(5, records(5, 40, 7)),
    ];
    seal(folder.path(), &lists);
    let ledger = Ledger::open(folder.path()).unwrap();
    let producers: Vec<_> =
        (0..ledger.blocks()).map(|height| ledger.header(height).unwrap().producer).collect();
    assert_eq!(producers, [1, 3].map(|number| key(number).verifying_key().to_bytes()));

    let engine = Engine::new().unwrap();
    let mut without = Keyring::default();
    [101, 102].into_iter().for_each(|number| without.add(secret_key(number)));
    let mut sealer = Sealer::open(&engine, folder.path(), without).unwrap();
    sealer.submit(vec![list(2, records(2, 60, 1))], |_| ()).unwrap();
    let refused = sealer.close(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("whose secret key is not here"), "{refused}");
}

/// The failures that an audit finds in a ledger whose blocks `damage` changed.
fn damaged(rule: SealRule, damage: impl Fn(u64, &mut Block<'_>)) -> Vec<(LedgerFailureKind, u64)> {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(Store::create(from.path(), &genesis(rule)).unwrap());
    seal(from.path(), &lists(12));
    let ledger = Ledger::open(from.path()).unwrap();
    let mut store = Store::create(to.path(), &genesis(rule)).unwrap();
    let engine = Engine::new().unwrap();
    for height in 0..ledger.blocks() {
        let encoding = ledger.block(height).unwrap();
        let mut block = ledger.decode(height, &encoding).unwrap();
        damage(height, &mut block);
        store.append(&block).unwrap();
        store.anchor_if_due(&engine).unwrap();
    }
    drop(store);
    kinds(to.path())
}

#[test]
fn damage_is_found_and_named() {
    assert_eq!(damaged(SealRule::Stake, |_, _| ()), []);
    // A changed header breaks the seal, the endorsements, and the link.
    let changed = damaged(SealRule::Stake, |height, block| {
        if height == 1 {
            block.header.root.0[0] ^= 1;
        }
    });
    let expected = [
        (LedgerFailureKind::Seal, 1),
        (LedgerFailureKind::Endorsement, 1),
        (LedgerFailureKind::Root, 1),
        (LedgerFailureKind::Link, 2),
    ];
    assert_eq!(changed, expected);
    let unendorsed = damaged(WORK, |height, block| {
        if height == 2 {
            block.endorsements.truncate(1);
        }
    });
    assert_eq!(unendorsed, [(LedgerFailureKind::Endorsement, 2)]);
    let worked = damaged(WORK, |height, block| {
        if height == 0 {
            block.header.time += 1;
        }
    });
    assert!(
        worked.contains(&(LedgerFailureKind::Seal, 0)) && worked.contains(&(LedgerFailureKind::Link, 1)),
        "{worked:?}"
    );
}

#[test]
fn a_single_block_is_opened_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let genesis = genesis(SealRule::Stake);
    drop(Store::create(folder.path(), &genesis).unwrap());
    seal(folder.path(), &lists(20));
    let engine = Engine::new().unwrap();
    let encoding = Ledger::open(folder.path()).unwrap().block(2).unwrap();
    assert_eq!(Block::open(&engine, &genesis, &encoding).unwrap().header.height, 2);

    let other = Genesis { name: "another".into(), ..genesis.clone() };
    let refused = Block::open(&engine, &other, &encoding).unwrap_err().to_string();
    assert!(refused.starts_with("chain: the block "), "{refused}");
    let refused = Block::open(&engine, &genesis, &encoding[..encoding.len() - 1]).unwrap_err().to_string();
    assert!(refused.contains("are left"), "{refused}");
    for position in (0..encoding.len()).step_by(31) {
        let mut flipped = encoding.clone();
        flipped[position] ^= 0x10;
        assert!(Block::open(&engine, &genesis, &flipped).is_err(), "byte {position}");
    }
}

#[test]
fn errors_of_malformed_blocks_name_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::create(folder.path(), &genesis(WORK)).unwrap());
    seal(folder.path(), &lists(5));
    let encoding = Ledger::open(folder.path()).unwrap().block(0).unwrap();
    let refused = |position: usize, bytes: &[u8]| {
        let mut changed = encoding.clone();
        changed[position..][..bytes.len()].copy_from_slice(bytes);
        Block::decode(&changed).unwrap_err().to_string()
    };
    // After the header of 200 bytes and two endorsements, the number of lists is at 334,
    // the number of the first list's records at 435, and its first record's length at 536.
    let (lists, records, length) = (334, 435, 536);
    let cases = [
        (0, &[197][..], "byte 0: a header of 197 bytes: 196 would be valid"),
        (4, &[2], "byte 4: version 2 of the header: this program reads 1"),
        (6, &[7], "byte 6: 7 is no kind of seal: 0 or 1 would be valid"),
        (144, &[99], "byte 144: the header claims 99 records, "),
        (lists, &[255; 4], "byte 334: the number of lists is 4294967295, but the bytes left hold"),
        (
            records,
            &[255; 4],
            "byte 435: the number of a list's records is 4294967295, but the bytes left hold",
        ),
        (length - 1, &[3], "byte 535: 3 is no fate: 0, 1 or 2 would be valid"),
        (length - 1, &[1], "byte 536: 8 bytes of a record that is not stored: 0 would be valid"),
        (length, &[0, 0, 0, 64], "byte 536: a record of 1073741824 bytes: 16777216 are the most"),
        (length, &[0, 0, 255], ": the records take 16711"),
        (length, &[7], ": the encoding ends here, 1 bytes follow"),
    ];
    for (position, bytes, expected) in cases {
        let refused = refused(position, bytes);
        assert!(refused.contains(expected), "{refused}");
    }
    for length in 0..encoding.len() {
        assert!(Block::decode(&encoding[..length]).is_err(), "cut to {length}");
    }
    assert_eq!(Block::decode(&encoding).unwrap().encode(), encoding);
}

#[test]
fn malformed_parameters_are_refused() {
    let sound = genesis(WORK);
    assert_eq!(Genesis::decode(&sound.encode()).unwrap().encode(), sound.encode());
    let refused = |genesis: Genesis| Genesis::decode(&genesis.encode()).unwrap_err().to_string();
    let short = refused(Genesis { stage: 1, ..sound.clone() });
    assert!(short.contains("a stage of 1 records: 2 or more would be valid"), "{short}");
    let never = refused(Genesis { anchor_blocks: 0, ..sound.clone() });
    assert!(never.contains("1 or more would be valid"), "{never}");
    let hard = refused(Genesis { seal: SealRule::Work { bits: 0 }, ..sound.clone() });
    assert!(hard.contains("bits 0x00000000 give no target"), "{hard}");
    let mut latin = sound.encode();
    latin[5] = 0xE9;
    let latin = Genesis::decode(&latin).unwrap_err().to_string();
    assert_eq!(latin, "byte 5: the name is not UTF-8");
}

#[test]
fn a_damaged_length_ends_the_audit() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::create(folder.path(), &genesis(SealRule::Stake)).unwrap());
    seal(folder.path(), &lists(12));
    let path = folder.path().join("blocks");
    let mut bytes = fs::read(&path).unwrap();
    bytes[11] = 0xff;
    fs::write(&path, bytes).unwrap();
    let engine = Engine::new().unwrap();
    let found = audit(&engine, folder.path(), |_| ()).unwrap();
    assert_eq!((found.failures[0].kind, found.failures[0].place.block), (LedgerFailureKind::Parse, 0));
    assert!(found.failures[0].detail.ends_with("nothing behind it can be found"), "{found:?}");
}

#[test]
fn every_flipped_bit_is_found() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::create(folder.path(), &genesis(SealRule::Stake)).unwrap());
    seal(folder.path(), &lists(12));
    for name in ["blocks", "anchors"] {
        let path = folder.path().join(name);
        let sound = fs::read(&path).unwrap();
        for position in (8..sound.len()).step_by(97) {
            let mut flipped = sound.clone();
            flipped[position] ^= 1 << (position % 8);
            fs::write(&path, &flipped).unwrap();
            assert!(!kinds(folder.path()).is_empty(), "bit of byte {position} of {name}");
        }
        fs::write(&path, &sound).unwrap();
    }
    assert_eq!(kinds(folder.path()), []);
}

#[test]
fn an_incomplete_block_is_set_aside_and_sealed_again() {
    let folder = tempfile::tempdir().unwrap();
    // No anchors: a block is on the disk before its anchor is written, so an interrupted
    // write never cuts an anchored block.
    let genesis = Genesis { anchor_blocks: 1000, ..genesis(SealRule::Stake) };
    drop(Store::create(folder.path(), &genesis).unwrap());
    let lists = lists(20);
    seal(folder.path(), &lists);
    let path = folder.path().join("blocks");
    let whole = fs::read(&path).unwrap();
    let last = {
        let ledger = Ledger::open(folder.path()).unwrap();
        ledger.block(ledger.blocks() - 1).unwrap().len() + 36
    };
    for cut in [1, 31, 32, 33, last / 2, last - 5, last - 1] {
        fs::write(&path, &whole[..whole.len() - cut]).unwrap();
        fs::remove_dir_all(folder.path().join("index")).unwrap();
        let found = kinds(folder.path());
        assert_eq!(
            found.iter().filter(|failure| failure.0 == LedgerFailureKind::Parse).count(),
            1,
            "{cut}: {found:?}"
        );
        seal(folder.path(), &lists);
        assert_eq!(stored(folder.path()).len(), distinct(&lists).len(), "{cut}");
        assert_eq!(kinds(folder.path()), []);
    }
}

#[test]
fn second_writers_and_other_folders_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path(), &genesis(WORK)).unwrap();
    assert!(matches!(Store::open(folder.path()), Err(StoreError::Locked(_))));
    drop(store);
    assert!(matches!(Store::create(folder.path(), &genesis(WORK)), Err(StoreError::Exists(_))));
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(Ledger::open(empty.path()), Err(StoreError::NotALedger(_))));
    let later = folder.path().join("genesis");
    let mut bytes = fs::read(&later).unwrap();
    bytes[7] = 2;
    fs::write(&later, bytes).unwrap();
    let refused = Ledger::open(folder.path()).unwrap_err().to_string();
    assert!(refused.contains("version 2 of the format"), "{refused}");
}

#[test]
fn changed_proofs_do_not_hold() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::create(folder.path(), &genesis(WORK)).unwrap());
    let lists = lists(20);
    seal(folder.path(), &lists);
    let engine = Engine::new().unwrap();
    let ledger = Ledger::open(folder.path()).unwrap();
    let digest = Digest(stored(folder.path())[15]);
    let prove = |height| RecordProof::in_block(&engine, &ledger, height, digest).unwrap();
    assert_eq!(prove(0), None);
    let proof = prove(1).unwrap();
    assert_eq!(proof.check(Rule::Strict), Ok(()));
    let broken = |change: fn(&mut RecordProof)| {
        let mut proof = proof.clone();
        change(&mut proof);
        proof.check(Rule::Strict)
    };
    assert_eq!(broken(|proof| proof.digest.0[0] ^= 1), Err(ProofError::Signature));
    assert_eq!(broken(|proof| proof.signature[0] ^= 1), Err(ProofError::Signature));
    assert_eq!(broken(|proof| proof.institution[0] ^= 1), Err(ProofError::Signature));
    assert_eq!(broken(|proof| proof.record.path[0].0[0] ^= 1), Err(ProofError::Root));
    assert_eq!(broken(|proof| proof.record.leaves += 1), Err(ProofError::Root));
    assert_eq!(broken(|proof| proof.header.root.0[0] ^= 1), Err(ProofError::Root));
    assert_eq!(broken(|proof| proof.header.time ^= 1), Err(ProofError::Anchor));
    assert_eq!(broken(|proof| proof.header.height ^= 1), Err(ProofError::Height));
    assert_eq!(broken(|proof| proof.header.chain.0[0] ^= 1), Err(ProofError::Chain));
    assert_eq!(broken(|proof| proof.anchored.as_mut().unwrap().0.root.0[0] ^= 1), Err(ProofError::Anchor));
    assert_eq!(broken(|proof| proof.anchored.as_mut().unwrap().1.path[0].0[0] ^= 1), Err(ProofError::Anchor));
}
