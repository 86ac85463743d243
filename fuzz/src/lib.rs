//! The fuzz targets: one function for each parser, with an oracle, which is a second
//! implementation or a property that holds for all bytes.
//!
//! `fuzz_targets/` runs them under libFuzzer, and `tests/corpus.rs` on a small corpus.

mod c_calls;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bitcoin::consensus::deserialize;
use bitcoin::{CompactTarget, Network};
use serde_json::value::RawValue;
use verilane::merkle::Proof;
use verilane::pow::{Puzzle, Target};
use verilane::{
    BackendKind, Digest, Engine, Error, Hash, Options, Placement, Records, Tree, TreeHash, parse_hex, to_hex,
};
use verilane_cli::signatures;
use verilane_ledger::bitcoin::{BitcoinAudit, BitcoinAuditor, BitcoinFailureKind, BlockFileError};
use verilane_ledger::encoding::{DecodeError, Decoder};
use verilane_ledger::endorsement::Endorsement;
use verilane_ledger::{
    Address, Anchor, Block, BlockList, Claim, Entry, Fate, Genesis, Header, Ledger, List, Seal, SignedRecord,
    Tally, jsonl, proof_file,
};

pub use c_calls::c_calls;

/// The name and the function of a fuzz target.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// All fuzz targets.
pub const TARGETS: [FuzzTarget; 15] = [
    ("hex", hex),
    ("bits", bits),
    ("template", template),
    ("columns", columns),
    ("merkle_proof", merkle_proof),
    ("bitcoin_blocks", bitcoin_blocks),
    ("ledger_genesis", ledger_genesis),
    ("ledger_header", ledger_header),
    ("ledger_block", ledger_block),
    ("ledger_anchor", ledger_anchor),
    ("ledger_files", ledger_files),
    ("json_lines", json_lines),
    ("proof_files", proof_files),
    ("signature_lines", signature_lines),
    ("c_calls", c_calls),
];

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let placement = Placement::On(BackendKind::Reference);
    Engine::with_options(&Options { placement, threads: 1, ..Options::default() }).expect("threads start")
});

/// Makes values from the input bytes; after the end of the input it yields zeros.
struct Source<'a>(&'a [u8]);

impl Source<'_> {
    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let (taken, rest) = self.0.split_at(N.min(self.0.len()));
        array[..taken.len()].copy_from_slice(taken);
        self.0 = rest;
        array
    }

    fn byte(&mut self) -> u8 {
        u8::from_le_bytes(self.array())
    }

    fn word(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    fn digest(&mut self) -> Digest {
        Digest(self.array())
    }

    /// A byte string whose length is the next byte.
    fn bytes(&mut self) -> Vec<u8> {
        let length = usize::from(self.byte());
        (0..length).map(|_| self.byte()).collect()
    }
}

/// Digits are parsed as by the standard library, and errors give the position.
pub fn hex(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let invalid = text.bytes().position(|byte| !byte.is_ascii_hexdigit());
    match (parse_hex::<8>(text), invalid) {
        (Ok(bytes), None) => {
            assert_eq!(u64::from_str_radix(text, 16), Ok(u64::from_be_bytes(bytes)));
            assert_eq!(text.len(), 16);
        }
        (Err(Error::Hex { expected: 16, found, position }), invalid) => {
            assert_eq!((found, position), (text.len(), invalid));
            assert!(invalid.is_some() || text.len() != 16);
        }
        (other, _) => panic!("{other:?} of {text:?}"),
    }
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string(), text.to_ascii_lowercase());
    }
    if let Ok(address) = text.parse::<Address>() {
        assert_eq!(address.to_string(), text.to_ascii_lowercase());
    }
}

/// Compact targets against the `bitcoin` crate, which does not reject invalid ones.
pub fn bits(data: &[u8]) {
    let bits = u32::from_le_bytes(Source(data).array());
    let [exponent, mantissa @ ..] = bits.to_be_bytes();
    let digits = mantissa.iter().skip_while(|&&byte| byte == 0).count();
    let too_large = digits > 0 && usize::from(exponent) + digits > 3 + 32;
    let negative = bits & 0x0080_0000 != 0;
    let expected = bitcoin::Target::from_compact(CompactTarget::from_consensus(bits));
    match Target::from_bits(bits) {
        Ok(target) => {
            assert_eq!(target.to_be_bytes(), expected.to_be_bytes(), "{bits:#x}");
            assert!(!negative && !too_large, "{bits:#x}");
            assert_eq!(target.to_string().parse::<Target>().unwrap(), target);
            let hash = Digest(Source(data).array());
            let met = expected.is_met_by(bitcoin::hashes::Hash::from_byte_array(hash.0));
            assert_eq!(target.is_met_by(&hash), met);
        }
        Err(Error::Bits { .. }) => {
            assert!(negative || too_large || expected == bitcoin::Target::ZERO, "{bits:#x}");
        }
        Err(other) => panic!("{other}"),
    }
}

/// A header template is accepted if its nonce is an aligned word of the last block.
pub fn template(data: &[u8]) {
    let mut source = Source(data);
    let (offset, nonce) = (source.byte(), u32::from_le_bytes(source.array()));
    let header = source.0;
    let offset = usize::from(offset);
    // The padding has at least one byte, and the message's length takes eight.
    let blocks = (header.len() + 1 + 8).div_ceil(64);
    let valid = offset.is_multiple_of(4) && offset + 4 <= header.len() && offset / 64 == blocks - 1;
    match Puzzle::new(header, offset, Target::from_be_bytes([0xff; 32])) {
        Ok(puzzle) => {
            assert!(valid, "{} bytes, offset {offset}", header.len());
            let mut expected = header.to_vec();
            expected[offset..offset + 4].copy_from_slice(&nonce.to_le_bytes());
            assert_eq!(puzzle.header_with(nonce), expected);
            assert_eq!(puzzle.check(nonce).map(|found| found.digest), Some(Hash::Sha256d.digest(&expected)));
        }
        Err(_) => assert!(!valid, "{} bytes, offset {offset}", header.len()),
    }
}

/// Offsets are accepted if they do not decrease and end within the buffer. Then records, slices
/// and chunks are as the offsets define them.
pub fn columns(data: &[u8]) {
    let mut source = Source(data);
    let wide = source.byte() % 2 == 1;
    let offsets: Vec<u64> =
        (0..source.below(20)).map(|_| if wide { source.word() } else { source.byte().into() }).collect();
    let bytes = source.0;
    let ends_within = offsets.last().is_some_and(|&last| last <= bytes.len() as u64);
    match Records::new(bytes, &offsets) {
        Ok(records) => {
            assert!(offsets.is_sorted() && ends_within, "{offsets:?}");
            let expected = offsets.windows(2).map(|pair| &bytes[pair[0] as usize..pair[1] as usize]);
            assert!(records.iter().eq(expected));
            for (max_records, max_bytes) in [(1, u64::MAX), (3, 10), (usize::MAX, 0)] {
                let chunks: Vec<_> = records.chunks(max_records, max_bytes).collect();
                assert!(chunks.iter().cloned().flatten().eq(0..records.len()), "{chunks:?}");
                let small = |chunk: &std::ops::Range<usize>| {
                    chunk.len() == 1 || records.slice(chunk.clone()).total_bytes() <= max_bytes
                };
                assert!(chunks.iter().all(|chunk| chunk.len() <= max_records && small(chunk)), "{chunks:?}");
            }
        }
        Err(Error::Offsets { index, .. }) => {
            assert!(!offsets.is_sorted() || !ends_within, "{offsets:?}");
            assert!(index <= offsets.len());
        }
        Err(other) => panic!("{other}"),
    }
}

/// The root and the path of leaf `index` as the rules define them, from the top.
fn by_definition(tree: Tree, leaves: &[Digest], index: usize) -> (Digest, Vec<Digest>) {
    if let [leaf] = leaves {
        return (*leaf, vec![]);
    }
    let half = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(half);
    let (left_root, left_path) = by_definition(tree, left, index.min(half - 1));
    let (mut right_root, mut right_path) = by_definition(tree, right, index.saturating_sub(half));
    if tree.doubles_last() {
        for _ in right.len().next_power_of_two().ilog2()..half.ilog2() {
            right_path.push(right_root);
            right_root = tree.node(&right_root, &right_root);
        }
    }
    let (mut path, sibling) = if index < half { (left_path, right_root) } else { (right_path, left_root) };
    path.push(sibling);
    (tree.node(&left_root, &right_root), path)
}

/// Proofs against the definition. No changed proof is valid, and none causes a panic.
pub fn merkle_proof(data: &[u8]) {
    let mut source = Source(data);
    let tree =
        [Tree::Bitcoin, Tree::Rfc6962(TreeHash::Sha256), Tree::Plain(TreeHash::Blake3)][source.below(3)];
    let count = 1 + source.below(40);
    let index = source.below(count);
    let leaves: Vec<_> = (0..count).map(|_| Hash::Blake3.digest(&[source.byte()])).collect();
    let (root, path) = by_definition(tree, &leaves, index);
    let engine_root = ENGINE.merkle_root(tree, &leaves).expect("there are leaves").digest;
    assert_eq!(engine_root, root, "{tree:?} of {count}");
    let proof = ENGINE.merkle_proof(tree, &leaves, index).expect("there is such a leaf").into_inner();
    assert_eq!(proof, Proof { tree, index, leaves: count, path }, "{tree:?} of {count}");
    assert!(proof.verify(&leaves[index], &root));
    for other in 0..count {
        let moved = Proof { index: other, ..proof.clone() };
        assert!(!moved.verify(&leaves[index], &root) || leaves[other] == leaves[index]);
    }
    if !proof.path.is_empty() {
        let mut changed = proof.clone();
        let place = source.below(changed.path.len());
        changed.path[place].0[source.below(32)] ^= 1 << source.below(8);
        assert!(!changed.verify(&leaves[index], &root));
    }
    // A proof of any shape, as a file may contain.
    let (index, leaves) = (source.word() as usize, source.word() as usize);
    let path = (0..source.below(70)).map(|_| source.digest()).collect();
    let strange = Proof { tree, index, leaves, path };
    assert!(strange.root(&root).is_none() || index < leaves);
}

/// Blocks, raw and framed, against the decoder of the `bitcoin` crate.
pub fn bitcoin_blocks(data: &[u8]) {
    let audit = |file: &[u8]| -> Result<BitcoinAudit, BlockFileError> {
        let mut auditor = BitcoinAuditor::new(&ENGINE);
        auditor.read(file, |_| ())?;
        Ok(auditor.finish())
    };
    let networks = [Network::Bitcoin, Network::Testnet, Network::Testnet4, Network::Signet, Network::Regtest];
    let has_magic = |bytes: &[u8]| {
        bytes.windows(4).any(|window| networks.iter().any(|network| network.magic().to_bytes() == window))
    };
    let raw = audit(data);
    if has_magic(data) {
        return;
    }
    let decoded = deserialize::<bitcoin::Block>(data).ok();
    // Bitcoin Core rejects what the crate accepts: no transaction, and superfluous witness data.
    let superfluous =
        |block: &bitcoin::Block| block.txdata.iter().any(|transaction| transaction.input.is_empty());
    let sound = decoded.filter(|block| !block.txdata.is_empty() && !superfluous(block));
    let mut framed = Network::Bitcoin.magic().to_bytes().to_vec();
    framed.extend((data.len() as u32).to_le_bytes());
    framed.extend(data);
    let framed = audit(&framed).expect("the magic is there");
    let of_kind =
        |audit: &BitcoinAudit, kind| audit.failures.iter().filter(|failure| failure.kind == kind).count();
    let Some(block) = sound else {
        assert!(of_kind(&framed, BitcoinFailureKind::Parse) > 0, "{framed:?}");
        let lenient = data.ends_with(b"\n");
        assert!(lenient || raw.map_or(true, |raw| of_kind(&raw, BitcoinFailureKind::Parse) > 0));
        return;
    };
    let mut audits = vec![framed];
    // A file that begins with zeros is not distinguished from one of zeros alone.
    audits.extend(raw.ok());
    for audit in audits {
        assert_eq!((audit.blocks, audit.transactions), (1, block.txdata.len() as u64), "{audit:?}");
        assert_eq!(of_kind(&audit, BitcoinFailureKind::Parse), 0, "{audit:?}");
        assert_eq!(
            of_kind(&audit, BitcoinFailureKind::MerkleRoot) == 0,
            block.check_merkle_root(),
            "{audit:?}"
        );
        let commits =
            block.check_witness_commitment() || of_kind(&audit, BitcoinFailureKind::WitnessCommitment) > 0;
        assert!(commits, "{audit:?}");
    }
}

/// Encoding a decoded value gives `data`, byte for byte; the position of an error is in `data`.
fn canonical<T>(data: &[u8], decoded: Result<T, DecodeError>, encode: impl Fn(&T) -> Vec<u8>) -> Option<T> {
    match decoded {
        Ok(value) => {
            assert_eq!(encode(&value), data);
            Some(value)
        }
        Err(malformed) => {
            assert!(malformed.at <= data.len() && !malformed.reason.is_empty(), "{malformed}");
            None
        }
    }
}

/// The encoding is canonical, and the chain's identifier is its hash.
pub fn ledger_genesis(data: &[u8]) {
    let Some(genesis) = canonical(data, Genesis::decode(data), Genesis::encode) else { return };
    assert_eq!(genesis.chain(), Hash::Sha256d.digest(data));
    assert!(genesis.stage >= 2 && genesis.anchor_blocks >= 1);
}

fn header(source: &mut Source<'_>) -> Header {
    Header {
        chain: source.digest(),
        height: source.word(),
        previous: source.digest(),
        root: source.digest(),
        lists: source.digest(),
        records: source.word() as u32,
        time: source.word(),
        producer: source.array(),
        claim: match source.below(2) {
            0 => Claim::Work { bits: source.word() as u32, nonce: source.word() },
            _ => Claim::Stake { tally: source.digest() },
        },
    }
}

/// The encoding is canonical, and every header has one.
pub fn ledger_header(data: &[u8]) {
    let mut decoder = Decoder::new(data);
    let decoded = Header::decode(&mut decoder);
    canonical(&data[..decoder.at()], decoded, Header::encode);
    let header = header(&mut Source(data));
    let encoding = header.encode();
    let mut decoder = Decoder::new(&encoding);
    assert_eq!(Header::decode(&mut decoder), Ok(header));
    assert_eq!(decoder.remaining(), 0);
    let block = [&encoding[..], &[0; 6]].concat();
    assert_eq!(Header::decode(&mut Decoder::new(&block)), Ok(header));
}

/// The encoding is canonical, and every block has one.
pub fn ledger_block(data: &[u8]) {
    if let Some(block) = canonical(data, Block::decode(data), Block::encode) {
        assert_eq!(block.entries().len(), block.records.len());
    }
    let mut source = Source(data);
    let mut header = header(&mut source);
    let seal = match header.claim {
        Claim::Work { .. } => Seal::Work,
        Claim::Stake { .. } => {
            let mut pairs: Vec<([u8; 32], u32)> =
                (0..source.below(4)).map(|_| (source.array(), source.word() as u32)).collect();
            pairs.sort_unstable();
            pairs.dedup_by_key(|pair| pair.0);
            let tally = Tally::from_pairs(&pairs).expect("keys ascend");
            Seal::Stake { tally, signature: source.array() }
        }
    };
    let endorsement =
        |source: &mut Source<'_>| Endorsement { peer: source.word() as u16, signature: source.array() };
    let endorsements = (0..source.below(3)).map(|_| endorsement(&mut source)).collect();
    let mut records = Records::with_capacity(0, 0);
    let mut entry = |source: &mut Source<'_>| {
        let fate = [Fate::Stored, Fate::Seen, Fate::Refused][source.below(3)];
        if fate == Fate::Stored {
            records.push(&source.bytes());
        }
        Entry { digest: source.digest(), signature: source.array(), fate }
    };
    let mut list = |source: &mut Source<'_>| BlockList {
        institution: source.array(),
        emergency: source.below(2) == 1,
        signature: source.array(),
        entries: (0..source.below(4)).map(|_| entry(source)).collect(),
    };
    let lists = (0..source.below(4)).map(|_| list(&mut source)).collect();
    header.records = records.len() as u32;
    let block = Block { header, seal, endorsements, lists, records };
    let encoding = block.encode();
    let again = Block::decode(&encoding).expect("what is written can be read");
    assert_eq!((again.header, &again.seal), (block.header, &block.seal));
    assert_eq!((&again.endorsements, &again.lists), (&block.endorsements, &block.lists));
    assert!(again.records.iter().eq(block.records.iter()));
    assert!(Block::decode(&encoding[..encoding.len() - 1]).is_err());
    assert!(Block::decode(&[&encoding[..], &[0]].concat()).is_err());
}

/// The encoding is canonical, and every anchor has one.
pub fn ledger_anchor(data: &[u8]) {
    canonical(data, Anchor::decode(data), Anchor::encode);
    let mut source = Source(data);
    let anchor = Anchor {
        chain: source.digest(),
        first: source.word(),
        blocks: source.word() as u32,
        root: source.digest(),
    };
    assert_eq!(Anchor::decode(&anchor.encode()), Ok(anchor));
}

/// A ledger's files, framed by a second implementation: complete frames are read back as written,
/// wherever the file is truncated after them.
pub fn ledger_files(data: &[u8]) {
    const GENESIS: &[u8] = b"\x01\0\x04\0fuzz\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\
        \x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x01\x01\0\0\0\0\x02\0\0\0\x01\0\0\0\0\0\0\0";
    let frame = |payload: &[u8]| {
        let length = (payload.len() as u32).to_le_bytes();
        [&length[..], payload, blake3::hash(payload).as_bytes()].concat()
    };
    let folder = tempfile::tempdir().expect("a temporary folder can be created");
    let mut source = Source(data);
    let payloads: Vec<_> =
        (0..source.below(5)).map(|_| [&[source.byte()], &source.bytes()[..]].concat()).collect();
    let frames: Vec<_> = payloads.iter().map(|payload| frame(payload)).collect();
    let blocks = [&b"VLBLOCK\x01"[..], &frames.concat()].concat();
    let cut = 8 + usize::from(source.word() as u16) % (blocks.len() - 7);
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.path().join(name), bytes).expect("the file can be written");
    };
    write("genesis", &[b"VLGENES\x01", &frame(GENESIS)[..]].concat());
    write("anchors", b"VLANCHR\x01");
    write("blocks", &blocks[..cut]);
    let ledger = Ledger::open(folder.path()).expect("an incomplete frame is ignored");
    let ends = frames.iter().scan(8, |end, frame| {
        *end += frame.len();
        Some(*end)
    });
    assert_eq!(ledger.blocks(), ends.filter(|&end| end <= cut).count() as u64);
    for height in 0..ledger.blocks() {
        let encoding = ledger.block(height).expect("its frame is complete");
        assert_eq!(encoding, payloads[height as usize]);
        assert!(ledger.decode(height, &encoding).is_err() || encoding.len() > 200);
    }
    assert!(ledger.block(ledger.blocks()).is_err());
    // Arbitrary bytes.
    for name in ["blocks", "anchors", "genesis"] {
        write(name, data);
        let _ = Ledger::open(folder.path());
    }
}

/// The fields of a JSON object, unparsed.
type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// Parsed lists equal their fields, and written lists are parsed back.
pub fn json_lines(data: &[u8]) {
    let field = |fields: &Fields<'_>, name: &str| fields[name].get().to_owned();
    let text = |fields: &Fields<'_>, name: &str| -> String {
        let text: String = serde_json::from_str(fields[name].get()).expect("it was read as digits");
        text.to_ascii_lowercase()
    };
    let lines: Vec<_> = data.split_inclusive(|&byte| byte == b'\n').collect();
    let blank = |line: &&[u8]| line.trim_ascii().is_empty();
    let read: Vec<_> = jsonl::Lines::new(data).map(|line| line.expect("bytes can be read")).collect();
    assert_eq!(read.len(), lines.iter().filter(|line| !blank(line)).count());
    for line in read {
        let bytes = lines[line.number as usize - 1];
        assert_eq!(line.length, bytes.len() as u64);
        let Ok(list) = line.list else { continue };
        let fields: Fields<'_> = serde_json::from_slice(bytes).expect("it was read as an object");
        assert_eq!(fields.len(), 4);
        assert_eq!(text(&fields, "institution"), Digest(list.institution).to_string());
        assert_eq!(field(&fields, "emergency"), list.emergency.to_string());
        let records: Vec<Fields<'_>> =
            serde_json::from_str(fields["records"].get()).expect("they were read as objects");
        assert_eq!(records.len(), list.records.len());
        for (fields, record) in records.iter().zip(&list.records) {
            assert_eq!(text(fields, "hash"), record.digest.to_string());
            assert_eq!(field(fields, "record").as_bytes(), record.bytes);
        }
        assert_round_trip(&list);
    }
    let mut source = Source(data);
    let record = |source: &mut Source<'_>| SignedRecord {
        bytes: format!("{{\"note\": {:?}}}", Digest(source.array()).to_string()).into(),
        digest: source.digest(),
        signature: source.array(),
    };
    assert_round_trip(&List {
        institution: source.array(),
        emergency: source.below(2) == 1,
        records: (0..source.below(4)).map(|_| record(&mut source)).collect(),
        signature: source.array(),
    });
}

/// Asserts that a list is parsed back as written.
fn assert_round_trip(list: &List) {
    let mut line = Vec::new();
    jsonl::write_list(list, &mut line).expect("its records are JSON in one line");
    assert_eq!(jsonl::parse_list(&line).as_ref().ok(), Some(list));
}

/// A proof file that is parsed contains what the proof holds, and the proof is written and parsed
/// back as the same.
pub fn proof_files(data: &[u8]) {
    let Ok((genesis, proof)) = proof_file::parse_proof(data) else { return };
    let written = proof_file::write_proof(&genesis, &proof);
    let (again, same) = proof_file::parse_proof(written.as_bytes()).expect("what was written can be read");
    assert_eq!((again.encode(), &same), (genesis.encode(), &proof));
    assert_eq!(proof_file::write_proof(&again, &same), written);
    let untyped: serde_json::Value = serde_json::from_slice(data).expect("it was read as JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("it was read as text").to_ascii_lowercase();
    assert_eq!(text(&untyped["digest"]), proof.digest.to_string());
    assert_eq!(text(&untyped["header"]), to_hex(&proof.header.encode()));
    assert_eq!(text(&untyped["genesis"]), to_hex(&genesis.encode()));
    assert_eq!(untyped["record"]["path"].as_array().map(Vec::len), Some(proof.record.path.len()));
    assert_eq!(untyped["anchored"].is_null(), proof.anchored.is_none());
}

/// Every line of a file of signatures, except blank lines and the header of CSV, is either read or
/// reported as malformed, and what is read equals its line.
pub fn signature_lines(data: &[u8]) {
    let mut parts = Vec::new();
    let read = signatures::read(data, |part| {
        parts.push(part);
        true
    });
    if read.is_err() {
        return;
    }
    let data = data.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(data);
    let lines: Vec<_> = data.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).collect();
    let mut written = (1..).zip(&lines).filter(|(_, line)| !line.is_empty()).peekable();
    let header = written.next_if(|(_, line)| !line.starts_with(b"{")).map(|(_, header)| *header);
    let mut named: Vec<u64> = Vec::new();
    for part in &parts {
        named.extend(part.places.iter().chain(part.malformed.iter().map(|(line, _)| line)));
    }
    named.sort_unstable();
    assert_eq!(named, written.map(|(number, _)| number).collect::<Vec<_>>());
    assert_eq!(parts.iter().map(|part| part.bytes_read).sum::<u64>(), data.len() as u64);
    for part in &parts {
        for (index, &number) in part.places.iter().enumerate() {
            let line = lines[number as usize - 1];
            let message = part.batch.messages().get(index);
            let key = to_hex(&part.batch.keys()[index]);
            let signature = to_hex(&part.batch.signatures()[index]);
            match header {
                Some(header) => assert_row(header, line, [&key, &signature]),
                None => assert_object(line, [&key, &signature], message),
            }
        }
    }
}

fn assert_object(line: &[u8], [key, signature]: [&str; 2], message: &[u8]) {
    let object: serde_json::Value = serde_json::from_slice(line).expect("it was read as JSON");
    let text = |name: &str| object[name].as_str().map(str::to_owned);
    assert_eq!(text("public_key").map(|text| text.to_ascii_lowercase()).as_deref(), Some(key));
    assert_eq!(text("signature").map(|text| text.to_ascii_lowercase()).as_deref(), Some(signature));
    match text("message") {
        Some(hex) => assert_eq!(hex.to_ascii_lowercase(), to_hex(message)),
        None => assert_eq!(text("message_base64"), Some(BASE64_STANDARD.encode(message))),
    }
}

/// Compares a row without quotes, whose fields are separated by commas.
fn assert_row(header: &[u8], line: &[u8], found: [&str; 2]) {
    if header.contains(&b'"') || line.contains(&b'"') {
        return;
    }
    let columns: Vec<_> = header.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).collect();
    let fields: Vec<_> = line.split(|&byte| byte == b',').collect();
    for (name, found) in ["public_key", "signature"].into_iter().zip(found) {
        let column = columns.iter().position(|&column| column == name.as_bytes());
        let field = std::str::from_utf8(fields[column.expect("the header has it")]).expect("it is text");
        assert_eq!(field.trim().to_ascii_lowercase(), found);
    }
}
