//! The audit of Bitcoin blocks: real blocks, damaged blocks, and constructed blocks that
//! break one rule each.

use std::sync::LazyLock;

use bitcoin::absolute::LockTime;
use bitcoin::block::{self, Block, Header};
use bitcoin::consensus::{deserialize, serialize};
use bitcoin::hashes::Hash as _;
use bitcoin::script::Builder;
use bitcoin::{
    Amount, BlockHash, CompactTarget, Network, OutPoint, ScriptBuf, Sequence, Transaction, TxIn,
    TxMerkleNode, TxOut, Txid, Witness, transaction,
};
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use verilane::{BackendKind, Engine, Options, Placement};
use verilane_ledger::bitcoin::{
    BitcoinAudit, BitcoinAuditor, BitcoinFailureKind, BlockFileError, Deobfuscated, ObfuscationKey,
};

/// Mainnet's block 170: the first payment, two transactions.
const BLOCK_170: &[u8] = include_bytes!("data/block-170.raw");
/// Mainnet's block 100,000: four transactions.
const BLOCK_100000: &[u8] = include_bytes!("data/block-100000.raw");

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let options = Options { placement: Placement::On(BackendKind::Reference), ..Options::default() };
    Engine::with_options(&options).unwrap()
});

fn audit(bytes: &[u8]) -> BitcoinAudit {
    audit_files(&[bytes])
}

fn audit_files(files: &[&[u8]]) -> BitcoinAudit {
    let mut auditor = BitcoinAuditor::new(&ENGINE);
    for file in files {
        auditor.read(*file, |_| ()).unwrap();
    }
    auditor.finish()
}

fn kinds(audit: &BitcoinAudit) -> Vec<BitcoinFailureKind> {
    audit.failures.iter().map(|failure| failure.kind).collect()
}

/// A block file of `blocks`, as a node stores them.
fn block_file<T: AsRef<[u8]>>(network: Network, blocks: impl IntoIterator<Item = T>) -> Vec<u8> {
    let mut file = Vec::new();
    for block in blocks {
        let block = block.as_ref();
        file.extend(network.magic().to_bytes());
        file.extend((block.len() as u32).to_le_bytes());
        file.extend(block);
    }
    file
}

/// A coinbase for `height`, with a reserved value in its witness.
fn coinbase(height: i64) -> Transaction {
    Transaction {
        version: transaction::Version::ONE,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::null(),
            script_sig: Builder::new().push_int(height).push_int(0).into_script(),
            sequence: Sequence::MAX,
            witness: Witness::from_slice(&[[0; 32]]),
        }],
        output: vec![TxOut { value: Amount::from_sat(5_000_000_000), script_pubkey: ScriptBuf::new() }],
    }
}

/// A transaction that spends output `index` of an unknown transaction, with or without a
/// witness.
fn payment(index: u32, witness: bool) -> Transaction {
    let witness =
        if witness { Witness::from_slice(&[vec![index as u8; 71], vec![2; 33]]) } else { Witness::new() };
    Transaction {
        version: transaction::Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint { txid: Txid::from_byte_array([9; 32]), vout: index },
            script_sig: ScriptBuf::new(),
            sequence: Sequence::MAX,
            witness,
        }],
        output: vec![TxOut { value: Amount::from_sat(1), script_pubkey: ScriptBuf::from(vec![0x51; 22]) }],
    }
}

/// A valid regtest block after `previous` with these transactions: it has the right root
/// and commitment, and meets its target.
fn mined(previous: BlockHash, transactions: Vec<Transaction>) -> Block {
    let mut block = Block {
        header: Header {
            version: block::Version::from_consensus(0x2000_0000),
            prev_blockhash: previous,
            merkle_root: TxMerkleNode::all_zeros(),
            time: 1_700_000_000,
            bits: CompactTarget::from_consensus(0x207f_ffff),
            nonce: 0,
        },
        txdata: transactions,
    };
    if block.txdata.iter().skip(1).flat_map(|payment| &payment.input).any(|input| !input.witness.is_empty()) {
        let commitment = Block::compute_witness_commitment(&block.witness_root().unwrap(), &[0; 32]);
        let script = [&[0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed][..], commitment.as_byte_array()].concat();
        block.txdata[0].output.push(TxOut { value: Amount::ZERO, script_pubkey: ScriptBuf::from(script) });
    } else {
        block.txdata[0].input[0].witness.clear();
    }
    block.header.merkle_root = block.compute_merkle_root().unwrap();
    mine(&mut block.header);
    block
}

fn mine(header: &mut Header) {
    while header.validate_pow(header.target()).is_err() {
        header.nonce += 1;
    }
}

/// A chain of `length` blocks from `height` on, with segwit payments.
fn chain(height: i64, length: i64) -> Vec<Block> {
    let mut previous = BlockHash::all_zeros();
    let block = |height| {
        let payments = (0..height % 5).map(|index| payment(index as u32, index % 2 == 0));
        let block = mined(previous, std::iter::once(coinbase(height)).chain(payments).collect());
        previous = block.block_hash();
        block
    };
    (height..height + length).map(block).collect()
}

fn file_of(blocks: &[Block]) -> Vec<u8> {
    block_file(Network::Regtest, blocks.iter().map(serialize))
}

#[test]
fn real_blocks_pass() {
    let genesis = serialize(&bitcoin::constants::genesis_block(Network::Bitcoin));
    for (bytes, hash, transactions) in [
        (&genesis[..], "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f", 1),
        (BLOCK_170, "00000000d1145790a8694403d4063f323d499e655c83426834d4ce2f8dd4a2ee", 2),
        (BLOCK_100000, "000000000003ba27aa200b1cecaad478d2b00432346c3f1f3986da1afd33e506", 4),
    ] {
        let block: Block = deserialize(bytes).unwrap();
        assert_eq!(block.block_hash().to_string(), hash);
        let audit = audit(bytes);
        assert_eq!(audit.failures, []);
        assert_eq!((audit.blocks, audit.transactions, audit.bytes), (1, transactions, bytes.len() as u64));
    }
}

#[test]
fn every_flipped_bit_is_found_and_named() {
    for bit in 0..8 * BLOCK_100000.len() {
        let mut bytes = BLOCK_100000.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let audit = audit(&bytes);
        let found = kinds(&audit);
        match bit / 8 {
            36..68 => assert_eq!(
                found,
                [BitcoinFailureKind::ProofOfWork, BitcoinFailureKind::MerkleRoot],
                "bit {bit}"
            ),
            0..80 => assert_eq!(found, [BitcoinFailureKind::ProofOfWork], "bit {bit}"),
            byte => {
                let hash = deserialize::<Header>(&bytes[..80]).unwrap().block_hash();
                assert!(!audit.failures.is_empty(), "bit {bit}");
                for failure in &audit.failures {
                    let parse = failure.kind == BitcoinFailureKind::Parse;
                    assert!(
                        parse || failure.kind == BitcoinFailureKind::MerkleRoot && byte > 80,
                        "bit {bit}: {failure:?}"
                    );
                    assert_eq!(failure.block.unwrap().0, hash.to_byte_array());
                    assert_eq!(failure.detail.starts_with("at byte "), parse, "{failure:?}");
                }
            }
        }
    }
}

#[test]
fn flipped_bits_of_a_segwit_block_are_found() {
    let block = mined(BlockHash::all_zeros(), vec![coinbase(300), payment(1, true), payment(2, false)]);
    let bytes = serialize(&block);
    let witness = bytes.windows(71).position(|window| window == [1; 71]).unwrap();
    let mut parse_errors = 0;
    for bit in 8 * 80..8 * bytes.len() {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let found = kinds(&audit(&block_file(Network::Regtest, [bytes])));
        assert!(!found.is_empty(), "bit {bit}");
        let possible = |kind| {
            matches!(
                kind,
                BitcoinFailureKind::MerkleRoot
                    | BitcoinFailureKind::WitnessCommitment
                    | BitcoinFailureKind::Parse
            )
        };
        assert!(found.iter().copied().all(possible), "bit {bit}: {found:?}");
        if (witness..witness + 71).contains(&(bit / 8)) {
            assert_eq!(found, [BitcoinFailureKind::WitnessCommitment], "bit {bit}");
        }
        parse_errors += usize::from(found.contains(&BitcoinFailureKind::Parse));
    }
    assert!(parse_errors > 100, "{parse_errors}");
}

#[test]
fn truncated_blocks_are_parse_errors_with_the_byte() {
    for length in 1..BLOCK_170.len() {
        let audit = audit(&BLOCK_170[..length]);
        let [failure] = &audit.failures[..] else { panic!("{length}: {:?}", audit.failures) };
        assert_eq!(
            (failure.kind, failure.block.is_some(), audit.blocks),
            (BitcoinFailureKind::Parse, length >= 80, 0)
        );
        assert!(
            failure.detail.starts_with(&format!("at byte {length}: the data ends inside")),
            "{failure:?}"
        );
    }
    let audit = audit(&[BLOCK_170, b"\n\n"].concat());
    assert_eq!(audit.failures[0].detail, "at byte 490: the block ends here, but 2 more bytes follow");
}

#[test]
fn block_files_may_be_padded_anywhere() {
    let mut file = vec![];
    for block in [BLOCK_100000, BLOCK_170] {
        file.extend([0; 37]);
        file.extend(block_file(Network::Bitcoin, [block]));
    }
    file.extend([0; 1 << 20]);
    let audit = audit(&file);
    assert_eq!((audit.blocks, audit.transactions, audit.bytes), (2, 6, file.len() as u64));
    assert_eq!(audit.failures, []);
}

#[test]
fn every_network_is_known_by_its_magic() {
    for network in [Network::Bitcoin, Network::Testnet, Network::Testnet4, Network::Signet, Network::Regtest]
    {
        let genesis = serialize(&bitcoin::constants::genesis_block(network));
        let audit = audit(&block_file(network, [&genesis, &genesis]));
        assert_eq!((audit.blocks, kinds(&audit)), (2, vec![]), "{network}");
    }
    // Regtest's target is above mainnet's limit.
    let genesis = serialize(&bitcoin::constants::genesis_block(Network::Regtest));
    assert_eq!(kinds(&audit(&block_file(Network::Bitcoin, [&genesis]))), [BitcoinFailureKind::ProofOfWork]);
}

#[test]
fn blocks_may_cross_batches() {
    // More than two batches of 32 MiB, with a block across each boundary.
    let block = [BLOCK_100000, BLOCK_170];
    let file = block_file(Network::Bitcoin, block.iter().cycle().take(100_000));
    let audit = audit(&file);
    assert_eq!((audit.blocks, audit.transactions, audit.bytes), (100_000, 300_000, file.len() as u64));
    assert_eq!(audit.failures, []);
}

#[test]
fn the_audit_continues_after_a_bad_block() {
    let blocks = [BLOCK_100000, BLOCK_170, BLOCK_100000, BLOCK_170];
    let whole = block_file(Network::Bitcoin, blocks);
    let bad = 8 + BLOCK_100000.len();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..2000 {
        let mut file = whole.clone();
        let at = random.random_range(bad..bad + 8 + BLOCK_170.len());
        file[at] ^= 1 << random.random_range(0..8);
        let audit = audit(&file);
        assert!(!audit.failures.is_empty(), "byte {at}");
        for failure in &audit.failures {
            assert!((bad as u64..=bad as u64 + 8).contains(&failure.position), "byte {at}: {failure:?}");
        }
        assert!((3..=4).contains(&audit.blocks), "byte {at}: {} blocks", audit.blocks);
    }
    // The file's first magic.
    let mut file = whole.clone();
    file[0] ^= 1;
    let audit = audit(&file);
    assert_eq!((audit.blocks, kinds(&audit)), (3, vec![BitcoinFailureKind::Parse]));
    assert_eq!(audit.failures[0].block, None);
}

#[test]
fn garbage_never_panics() {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let file = file_of(&chain(300, 6));
    for round in 0..3000 {
        let mut file = file.clone();
        for _ in 0..random.random_range(1..20) {
            let at = random.random_range(0..file.len());
            match round % 3 {
                0 => file[at] = random.random(),
                1 => file[at] = *[0, 0xfd, 0xfe, 0xff].get(random.random_range(0..4)).unwrap(),
                _ => drop(file.drain(at..(at + random.random_range(0..9)).min(file.len()))),
            }
        }
        let mut auditor = BitcoinAuditor::new(&ENGINE);
        auditor.read(&file[..], |_| ()).unwrap();
        assert!(auditor.finish().blocks <= 12);
    }
}

#[test]
fn other_files_are_refused() {
    let read = |bytes: &[u8]| BitcoinAuditor::new(&ENGINE).read(bytes, |_| ());
    assert!(matches!(read(b""), Err(BlockFileError::Empty)));
    assert!(matches!(read(&[0; 5000]), Err(BlockFileError::Empty)));
    let refused = read(&vec![0x5a; 4_000_001]).unwrap_err();
    assert!(matches!(refused, BlockFileError::Unknown));
    assert!(refused.to_string().contains("xor.dat"), "{refused}");
    assert!(matches!(read(&vec![0x5a; 40 << 20]), Err(BlockFileError::Unknown)));
}

#[test]
fn obfuscated_files_are_read_with_their_key() {
    let key = ObfuscationKey([3, 1, 4, 1, 5, 9, 2, 6]);
    let mut file = file_of(&chain(300, 5));
    file.extend([0; 100]);
    file.iter_mut().enumerate().for_each(|(at, byte)| *byte ^= key.0[at % 8]);
    let mut auditor = BitcoinAuditor::new(&ENGINE);
    auditor.read(Deobfuscated::new(&file[..], key), |_| ()).unwrap();
    let audit = auditor.finish();
    assert_eq!((audit.blocks, kinds(&audit)), (5, vec![]));
}

#[test]
fn segwit_blocks_pass_in_any_order_and_files() {
    let mut blocks = chain(300, 9);
    assert_eq!(kinds(&audit(&file_of(&blocks))), []);
    blocks.reverse();
    let (first, second) = blocks.split_at(4);
    let found = audit_files(&[&file_of(first), &file_of(second)]);
    assert_eq!((found.blocks, kinds(&found)), (9, vec![]));
    assert_eq!(found.transactions, (300..309).map(|height| 1 + height % 5).sum::<u64>());
}

#[test]
fn wrong_and_missing_witness_commitments_are_found() {
    let sound = mined(BlockHash::all_zeros(), vec![coinbase(300), payment(1, true), payment(2, true)]);
    let detail_after = |change: &dyn Fn(&mut Block)| {
        let mut block = sound.clone();
        change(&mut block);
        block.header.merkle_root = block.compute_merkle_root().unwrap();
        mine(&mut block.header);
        let audit = audit(&file_of(&[block]));
        assert_eq!(kinds(&audit), [BitcoinFailureKind::WitnessCommitment]);
        audit.failures[0].detail.clone()
    };
    let swapped = detail_after(&|block| {
        let witness = block.txdata[1].input[0].witness.clone();
        block.txdata[1].input[0].witness = std::mem::replace(&mut block.txdata[2].input[0].witness, witness);
    });
    assert!(swapped.starts_with("the coinbase commits to "), "{swapped}");
    let none = detail_after(&|block| drop(block.txdata[0].output.pop()));
    assert!(none.contains("does not commit"), "{none}");
    let reserved = detail_after(&|block| block.txdata[0].input[0].witness = Witness::from_slice(&[[0; 31]]));
    assert!(reserved.contains("32 bytes"), "{reserved}");
    let stripped = detail_after(&|block| {
        block.txdata.iter_mut().for_each(|transaction| transaction.input[0].witness.clear());
    });
    assert!(stripped.contains("stripped"), "{stripped}");
    // The last of two commitments counts.
    detail_after(&|block| {
        let mut other = block.txdata[0].output[1].clone();
        other.script_pubkey = ScriptBuf::from([&[0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed][..], &[7; 32]].concat());
        block.txdata[0].output.push(other);
    });
}

#[test]
fn repeated_and_mutated_transactions_are_found() {
    // Three transactions and the last one again have the same root (CVE-2012-2459).
    let mut block = mined(BlockHash::all_zeros(), vec![coinbase(300), payment(1, false), payment(2, false)]);
    block.txdata.push(block.txdata[2].clone());
    let found = audit(&file_of(&[block]));
    assert_eq!(kinds(&found), [BitcoinFailureKind::Mutated, BitcoinFailureKind::DuplicateTransaction]);
    assert!(found.failures[1].detail.starts_with("transactions 2 and 3 have the same id "), "{found:?}");

    // Six, and the last two again: the equal pair is one level up.
    let six = std::iter::once(coinbase(300)).chain((1..6).map(|index| payment(index, false)));
    let mut block = mined(BlockHash::all_zeros(), six.collect());
    block.txdata.extend_from_within(4..6);
    assert_eq!(
        kinds(&audit(&file_of(&[block]))),
        [BitcoinFailureKind::Mutated, BitcoinFailureKind::DuplicateTransaction]
    );

    // Repeated, but not as a pair: the root is another one, and the header has it.
    let block = mined(BlockHash::all_zeros(), vec![coinbase(300), payment(1, false), payment(1, false)]);
    assert_eq!(kinds(&audit(&file_of(&[block]))), [BitcoinFailureKind::DuplicateTransaction]);
}

#[test]
fn broken_links_are_found() {
    let mut blocks = chain(300, 5);
    // The block names another previous block, and is valid otherwise.
    let payments = blocks[2].txdata[1..].to_vec();
    blocks[2] =
        mined(BlockHash::from_byte_array([8; 32]), std::iter::once(coinbase(302)).chain(payments).collect());
    let found = audit(&file_of(&blocks));
    // The next block still names the replaced one.
    assert_eq!(kinds(&found), [BitcoinFailureKind::Link, BitcoinFailureKind::Link]);
    assert_eq!(found.failures[0].block.unwrap().0, blocks[2].block_hash().to_byte_array());

    let mut blocks = chain(300, 2);
    blocks.push(mined(blocks[1].block_hash(), vec![coinbase(400)]));
    let found = audit(&file_of(&blocks));
    assert_eq!(kinds(&found), [BitcoinFailureKind::Link]);
    assert!(found.failures[0].detail.contains("its height is 400"), "{found:?}");
    // Small heights are pushed as one opcode.
    assert_eq!(
        kinds(&audit(&file_of(&[&chain(3, 1)[..], &chain(4, 1)].concat()))),
        [BitcoinFailureKind::Link]
    );
}

#[test]
fn unmet_targets_are_found() {
    let mut block = mined(BlockHash::all_zeros(), vec![coinbase(300)]);
    while block.header.validate_pow(block.header.target()).is_ok() {
        block.header.nonce += 1;
    }
    let found = audit(&file_of(&[block.clone()]));
    assert_eq!(kinds(&found), [BitcoinFailureKind::ProofOfWork]);
    assert!(found.failures[0].detail.contains("207fffff"), "{found:?}");
    block.header.bits = CompactTarget::from_consensus(0xff00_0001);
    assert_eq!(kinds(&audit(&file_of(&[block]))), [BitcoinFailureKind::ProofOfWork]);
}

#[test]
fn the_crate_accepts_the_constructed_blocks() {
    for block in chain(300, 5) {
        assert!(block.check_merkle_root() && block.check_witness_commitment());
        assert_eq!(block.bip34_block_height().unwrap() % 5, block.txdata.len() as u64 - 1);
    }
}
