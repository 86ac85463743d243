//! Published test vectors, on every back end.

mod common;

use common::backends;
use verilane::merkle::Root;
use verilane::pow::{Nonce, Puzzle, Target};
use verilane::{Digest, Engine, Hash, Key, Options, Placement, Records, Tree, TreeHash, parse_hex};

fn digest(hex: &str) -> Digest {
    hex.parse().expect("vectors are hexadecimal")
}

fn check_hash(hash: Hash, cases: &[(Vec<u8>, &str)]) {
    let records = Records::from_slices(cases.iter().map(|case| &case.0));
    let expected: Vec<_> = cases.iter().map(|case| digest(case.1)).collect();
    for backend in backends() {
        let mut digests = vec![Digest::default(); cases.len()];
        backend.hash(hash, &records, &mut digests).unwrap();
        assert_eq!(digests, expected, "{} {hash}", backend.info().detail);
    }
}

#[test]
fn sha256_of_fips_180_4() {
    // NIST's example values for SHA-256, and the long message of FIPS 180-2, appendix B.3.
    let two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    let three = "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";
    check_hash(
        Hash::Sha256,
        &[
            (vec![], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc".into(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (two_blocks.into(), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
            (three.into(), "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"),
            (vec![b'a'; 1_000_000], "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
        ],
    );
}

#[test]
fn double_sha256() {
    // Bitcoin wiki, "Protocol documentation", section "Hashes".
    check_hash(
        Hash::Sha256d,
        &[("hello".into(), "9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50")],
    );
}

/// Input length, digest, and digest under the key, from test_vectors.json of BLAKE3 1.8. The
/// input repeats the bytes 0, 1, …, 250.
const BLAKE3: &[(usize, &str, &str)] = &[
    (
        0,
        "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
        "92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26",
    ),
    (
        1,
        "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
        "6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b",
    ),
    (
        1023,
        "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11",
        "c951ecdf03288d0fcc96ee3413563d8a6d3589547f2c2fb36d9786470f1b9d6e",
    ),
    (
        1024,
        "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
        "75c46f6f3d9eb4f55ecaaee480db732e6c2105546f1e675003687c31719c7ba4",
    ),
    (
        1025,
        "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
        "357dc55de0c7e382c900fd6e320acc04146be01db6a8ce7210b7189bd664ea69",
    ),
    (
        2048,
        "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a",
        "879cf1fa2ea0e79126cb1063617a05b6ad9d0b696d0d757cf053439f60a99dd1",
    ),
    (
        2049,
        "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030",
        "9f29700902f7c86e514ddc4df1e3049f258b2472b6dd5267f61bf13983b78dd5",
    ),
    (
        3072,
        "b98cb0ff3623be03326b373de6b9095218513e64f1ee2edd2525c7ad1e5cffd2",
        "044a0e7b172a312dc02a4c9a818c036ffa2776368d7f528268d2e6b5df191770",
    ),
    (
        3073,
        "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3",
        "68dede9bef00ba89e43f31a6825f4cf433389fedae75c04ee9f0cf16a427c95a",
    ),
    (
        4096,
        "015094013f57a5277b59d8475c0501042c0b642e531b0a1c8f58d2163229e969",
        "befc660aea2f1718884cd8deb9902811d332f4fc4a38cf7c7300d597a081bfc0",
    ),
    (
        4097,
        "9b4052b38f1c5fc8b1f9ff7ac7b27cd242487b3d890d15c96a1c25b8aa0fb995",
        "00df940cd36bb9fa7cbbc3556744e0dbc8191401afe70520ba292ee3ca80abbc",
    ),
    (
        5120,
        "9cadc15fed8b5d854562b26a9536d9707cadeda9b143978f319ab34230535833",
        "2c493e48e9b9bf31e0553a22b23503c0a3388f035cece68eb438d22fa1943e20",
    ),
    (
        8192,
        "aae792484c8efe4f19e2ca7d371d8c467ffb10748d8a5a1ae579948f718a2a63",
        "dc9637c8845a770b4cbf76b8daec0eebf7dc2eac11498517f08d44c8fc00d58a",
    ),
    (
        8193,
        "bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b",
        "954a2a75420c8d6547e3ba5b98d963e6fa6491addc8c023189cc519821b4a1f5",
    ),
    (
        16384,
        "f875d6646de28985646f34ee13be9a576fd515f76b5b0a26bb324735041ddde4",
        "9e9fc4eb7cf081ea7c47d1807790ed211bfec56aa25bb7037784c13c4b707b0d",
    ),
    (
        31744,
        "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47",
        "efa53b389ab67c593dba624d898d0f7353ab99e4ac9d42302ee64cbf9939a419",
    ),
    (
        102400,
        "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085",
        "1c35d1a5811083fd7119f5d5d1ba027b4d01c0c6c49fb6ff2cf75393ea5db4a7",
    ),
];

#[test]
fn blake3_of_test_vectors_json() {
    let input = |length| (0..=250).cycle().take(length).collect::<Vec<u8>>();
    let plain: Vec<_> = BLAKE3.iter().map(|row| (input(row.0), row.1)).collect();
    let keyed: Vec<_> = BLAKE3.iter().map(|row| (input(row.0), row.2)).collect();
    check_hash(Hash::Blake3, &plain);
    check_hash(Hash::KeyedBlake3(Key(*b"whats the Elvish word for friend")), &keyed);
}

#[test]
fn rfc6962_of_certificate_transparency() {
    // The eight leaves and their roots in the tests of the certificate-transparency project.
    let data: [&[u8]; 8] = [
        &[],
        &[0x00],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let path = [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ];
    let tree = Tree::Rfc6962(TreeHash::Sha256);
    for backend in backends() {
        let engine = Engine::with_backends(vec![backend.clone()]).unwrap();
        let leaves = engine.merkle_leaves(tree, &Records::from_slices(data)).unwrap();
        for (n, root) in roots.iter().enumerate() {
            assert_eq!(
                engine.merkle_root(tree, &leaves[..=n]).unwrap().digest,
                digest(root),
                "{} leaves",
                n + 1
            );
        }
        let proof = engine.merkle_proof(tree, &leaves, 0).unwrap();
        assert_eq!(proof.path, path.map(digest));
        assert!(proof.verify(&leaves[0], &digest(roots[7])));
    }
}

#[test]
fn the_empty_tree() {
    let engine = Engine::new().unwrap();
    let empty = engine.merkle_root(Tree::Rfc6962(TreeHash::Sha256), &[]).unwrap();
    assert_eq!(empty.digest, digest("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    for tree in [Tree::Bitcoin, Tree::Plain(TreeHash::Blake3)] {
        assert!(
            matches!(engine.merkle_root(tree, &[]), Err(verilane::Error::EmptyTree(found)) if found == tree)
        );
    }
}

/// A Bitcoin block. Hash, Merkle root and transaction ids are in display order.
struct Block {
    header: &'static str,
    hash: &'static str,
    nonce: u32,
    root: &'static str,
    txids: &'static [&'static str],
}

const BLOCKS: [Block; 3] = [
    // Block 0.
    Block {
        header: "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c",
        hash: "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
        nonce: 2_083_236_893,
        root: "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b",
        txids: &["4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"],
    },
    // Block 170, with the first payment between two users.
    Block {
        header: "0100000055bd840a78798ad0da853f68974f3d183e2bd1db6a842c1feecf222a00000000ff104ccb05421ab93e63f8c3ce5c2c2e9dbb37de2764b3a3175c8166562cac7d51b96a49ffff001d283e9e70",
        hash: "00000000d1145790a8694403d4063f323d499e655c83426834d4ce2f8dd4a2ee",
        nonce: 1_889_418_792,
        root: "7dac2c5666815c17a3b36427de37bb9d2e2c5ccec3f8633eb91a4205cb4c10ff",
        txids: &[
            "b1fea52486ce0c62bb442b530a3f0132b826c74e473d1f2c220bfa78111c5082",
            "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16",
        ],
    },
    // Block 100,000.
    Block {
        header: "0100000050120119172a610421a6c3011dd330d9df07b63616c2cc1f1cd00200000000006657a9252aacd5c0b2940996ecff952228c3067cc38d4885efb5a4ac4247e9f337221b4d4c86041b0f2b5710",
        hash: "000000000003ba27aa200b1cecaad478d2b00432346c3f1f3986da1afd33e506",
        nonce: 274_148_111,
        root: "f3e94742aca4b5ef85488dc37c06c3282295ffec960994b2c0d5ac2a25a95766",
        txids: &[
            "8c14f0db3df150123e6f3dbbf30f8b955a8249b62ac1d1ff16284aefa3d06d87",
            "fff2525b8931402dd09222c50775608f75787bd2b87e56995a7bdd30f79702c4",
            "6359f0868171b1d194cbee1af2f16ea598ae8fad666d9b012c8ed2b79a236ec4",
            "e9a66845e05d5abc0ad04ec80f774a7e585c6e8db975962d069a522137b80c1d",
        ],
    },
];

#[test]
fn bitcoin_blocks_0_170_and_100_000() {
    for block in &BLOCKS {
        let header: [u8; 80] = parse_hex(block.header).unwrap();
        let hash = digest(block.hash).reversed();
        let root = Root { digest: digest(block.root).reversed(), mutated: false };
        let txids: Vec<_> = block.txids.iter().map(|id| digest(id).reversed()).collect();
        let bits = u32::from_le_bytes(header[72..76].try_into().unwrap());
        let puzzle = Puzzle::bitcoin(&header, Target::from_bits(bits).unwrap());
        let found = Some(Nonce { nonce: block.nonce, digest: hash });
        assert_eq!(header[36..68], root.digest.0);
        for backend in backends() {
            let mut digests = [Digest::default()];
            backend.hash(Hash::Sha256d, &Records::from_slices([header]), &mut digests).unwrap();
            assert_eq!(digests, [hash]);
            assert_eq!(backend.merkle_root(Tree::Bitcoin, &txids).unwrap(), root);
            let window = block.nonce - 5_000..=block.nonce + 5_000;
            assert_eq!(backend.search(&puzzle, window).unwrap(), found, "{}", backend.info().detail);
        }
    }
}

#[test]
fn a_placement_parsed_from_its_name_selects_the_back_end() {
    for name in ["reference", "cpu", "auto"] {
        let placement: Placement = name.parse().unwrap();
        let engine = Engine::with_options(&Options { placement, ..Options::default() }).unwrap();
        let outcome = engine.hash(Hash::Sha256, &Records::from_slices(["abc"])).unwrap();
        let expected = if name == "auto" { "cpu" } else { name };
        assert_eq!(outcome.report().backend.kind.to_string(), expected);
        assert!(outcome.report().passed_over.is_empty());
    }
}
