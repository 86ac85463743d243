//! IPFS content identifiers of files, equal to those of `ipfs add`.
//!
//! A file is cut into chunks of one size, the leaves. Nodes of a fixed width link to
//! them, level by level, up to a single root, whose hash is the identifier. The
//! [`Profile`] (IPIP-499) gives the chunk size, the width and the encodings, so an
//! identifier can be compared only with others of its profile. The engine hashes leaves
//! and nodes in batches; no more than one batch of a file is in memory.
//!
//! ```
//! use verilane::Engine;
//! use verilane_ledger::cid::{Importer, Profile};
//!
//! let engine = Engine::new()?;
//! let mut importer = Importer::new(&engine, Profile::UNIXFS_V0_2015);
//! importer.add(&b"hello world"[..])?;
//! let import = importer.finish()?;
//! assert_eq!(import.cids[0].to_string(), "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use super::reports::Reports;
use verilane::{Digest, Engine, Error, Hash, Records, Report};

/// The bytes of leaves in a call to the engine.
const BATCH_BYTES: u64 = 32 << 20;

/// The parameters that turn a file into a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    name: &'static str,
    /// The bytes of each leaf except the last.
    chunk: usize,
    /// The links of each node except the last of a level.
    width: usize,
    leaf: Form,
    node: Form,
}

impl Profile {
    /// The default of kubo since 2015: chunks of 256 KiB, 174 links, leaves in dag-pb
    /// nodes, identifiers of version 0.
    pub const UNIXFS_V0_2015: Profile =
        Profile { name: "unixfs-v0-2015", chunk: 256 << 10, width: 174, leaf: Form::V0, node: Form::V0 };

    /// The recommendation of IPIP-499: chunks of 1 MiB, 1024 links, raw leaves,
    /// identifiers of version 1.
    pub const UNIXFS_V1_2025: Profile = Profile {
        name: "unixfs-v1-2025",
        chunk: 1 << 20,
        width: 1024,
        leaf: Form::V1Raw,
        node: Form::V1DagPb,
    };
}

/// The profile's name in IPIP-499.
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

impl FromStr for Profile {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let all = [Profile::UNIXFS_V0_2015, Profile::UNIXFS_V1_2025];
        all.into_iter().find(|profile| profile.name == name).ok_or_else(|| Error::Name {
            what: "CID profile",
            name: name.into(),
            choices: "unixfs-v0-2015, unixfs-v1-2025",
        })
    }
}

/// The version of an identifier, and the codec of the block that it identifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Form {
    /// Version 0, of a dag-pb node.
    V0,
    /// Version 1, of raw bytes.
    V1Raw,
    /// Version 1, of a dag-pb node.
    V1DagPb,
}

impl Form {
    /// The bytes before the digest: the version and the codec (from version 1), and the
    /// multihash's code of SHA-256 and its length.
    fn prefix(self) -> &'static [u8] {
        match self {
            Form::V0 => &[0x12, 32],
            Form::V1Raw => &[1, 0x55, 0x12, 32],
            Form::V1DagPb => &[1, 0x70, 0x12, 32],
        }
    }
}

/// An IPFS content identifier: the SHA-256 digest of a block, its version and codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cid {
    form: Form,
    digest: Digest,
}

impl Cid {
    /// The digest of the block.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The binary form: a multihash of 34 bytes, after two more bytes in version 1.
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.form.prefix(), &self.digest.0].concat()
    }
}

/// Base 58 in version 0; `b` and base 32 in lower case in version 1.
impl fmt::Display for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.to_bytes();
        match self.form {
            Form::V0 => f.pad(&base58(&bytes)),
            Form::V1Raw | Form::V1DagPb => f.pad(&format!("b{}", base32(&bytes))),
        }
    }
}

/// Bitcoin's base 58. The first byte must not be zero.
fn base58(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut digits = Vec::new();
    for &byte in bytes {
        let mut carry = u32::from(byte);
        for digit in &mut digits {
            carry += *digit << 8;
            *digit = carry % 58;
            carry /= 58;
        }
        while carry > 0 {
            digits.push(carry % 58);
            carry /= 58;
        }
    }
    digits.iter().rev().map(|&digit| char::from(ALPHABET[digit as usize])).collect()
}

/// RFC 4648's base 32 in lower case, without padding.
fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz234567";
    let group = |group: &[u8]| {
        let mut word = [0; 8];
        word[3..3 + group.len()].copy_from_slice(group);
        let word = u64::from_be_bytes(word);
        let digits = (group.len() * 8).div_ceil(5);
        (0..digits).map(move |i| char::from(ALPHABET[(word >> (35 - 5 * i) & 31) as usize]))
    };
    bytes.chunks(5).flat_map(group).collect()
}

/// Why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The engine could not serve a call.
    #[error(transparent)]
    Engine(#[from] Error),
}

/// The identifiers of the imported files.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use]
pub struct Import {
    /// The identifier of each file, in the order in which the files were added.
    pub cids: Vec<Cid>,
    /// The distinct reports of the calls to the engine.
    pub reports: Vec<Report>,
}

/// Computes the identifiers of files. Small files share calls to the engine.
pub struct Importer<'e> {
    engine: &'e Engine,
    profile: Profile,
    /// The encoded leaves of the batch.
    leaves: Records<'static>,
    /// The index of each leaf's tree, and the number of its content bytes.
    owners: Vec<(usize, u64)>,
    /// The trees with leaves in the batch; only the last may get more leaves.
    trees: Vec<Tree>,
    cids: Vec<Cid>,
    reports: Reports,
}

impl fmt::Debug for Importer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Importer")
            .field("profile", &self.profile)
            .field("cids", &self.cids.len())
            .finish_non_exhaustive()
    }
}

impl<'e> Importer<'e> {
    /// An importer that hashes on `engine`.
    pub fn new(engine: &'e Engine, profile: Profile) -> Self {
        Importer {
            engine,
            profile,
            leaves: Records::with_capacity(0, 0),
            owners: Vec::new(),
            trees: Vec::new(),
            cids: Vec::new(),
            reports: Reports::default(),
        }
    }

    /// Reads a file to its end.
    ///
    /// # Errors
    /// [`ImportError::Io`] if the file cannot be read: it is left out, and other files
    /// can be added. [`ImportError::Engine`] if every back end failed.
    pub fn add(&mut self, mut file: impl Read) -> Result<(), ImportError> {
        self.trees.push(Tree::default());
        let mut chunk = Vec::with_capacity(self.profile.chunk);
        let mut leaves = 0_u64;
        loop {
            chunk.clear();
            if let Err(error) = file.by_ref().take(self.profile.chunk as u64).read_to_end(&mut chunk) {
                self.end_tree(State::LeftOut);
                return Err(error.into());
            }
            // An empty file has one empty leaf.
            if chunk.is_empty() && leaves > 0 {
                break;
            }
            leaves += 1;
            self.push_leaf(&chunk);
            if self.leaves.total_bytes() >= BATCH_BYTES {
                self.flush()?;
            }
            if chunk.len() < self.profile.chunk {
                break;
            }
        }
        self.end_tree(State::Complete);
        Ok(())
    }

    fn end_tree(&mut self, state: State) {
        if let Some(tree) = self.trees.last_mut() {
            tree.state = state;
        }
    }

    fn push_leaf(&mut self, chunk: &[u8]) {
        let content = chunk.len() as u64;
        self.owners.push((self.trees.len() - 1, content));
        if self.profile.leaf == Form::V1Raw {
            return self.leaves.push(chunk);
        }
        let mut head = FILE.to_vec();
        if !chunk.is_empty() {
            head.push(tag(2, BYTES));
            push_varint(&mut head, content);
        }
        let tail = varint_field(3, content);
        let mut node = vec![tag(1, BYTES)];
        push_varint(&mut node, (head.len() + chunk.len() + tail.len()) as u64);
        self.leaves.push_parts([&node, &head, chunk, &tail]);
    }

    /// Hashes the leaves of the batch, then the nodes that they complete.
    fn flush(&mut self) -> Result<(), Error> {
        let digests = self.reports.note(self.engine.hash(Hash::Sha256, &self.leaves)?);
        for (leaf, (&(tree, content), digest)) in self.owners.iter().zip(digests).enumerate() {
            let cid = Cid { form: self.profile.leaf, digest };
            let link = Link { cid, total: self.leaves.length(leaf) as u64, content };
            self.trees[tree].push(0, link);
        }
        self.leaves = Records::with_capacity(0, 0);
        self.owners.clear();
        self.flush_nodes()?;
        // Only the last tree may get more leaves.
        let growing = self.trees.pop_if(|tree| tree.state == State::Growing);
        self.cids.extend(self.trees.drain(..).filter_map(|tree| tree.root()));
        self.trees.extend(growing);
        Ok(())
    }

    fn flush_nodes(&mut self) -> Result<(), Error> {
        for level in 0.. {
            let mut nodes = Records::with_capacity(0, 0);
            let mut parents = Vec::new();
            for (index, tree) in self.trees.iter_mut().enumerate() {
                for links in tree.take_groups(level, self.profile.width) {
                    let node = encode_node(&links);
                    let total = node.len() as u64 + links.iter().map(|link| link.total).sum::<u64>();
                    let content = links.iter().map(|link| link.content).sum();
                    nodes.push(&node);
                    parents.push((index, total, content));
                }
            }
            if self.trees.iter().all(|tree| tree.levels.len() <= level) {
                break;
            }
            if nodes.is_empty() {
                continue;
            }
            let digests = self.reports.note(self.engine.hash(Hash::Sha256, &nodes)?);
            for ((index, total, content), digest) in parents.into_iter().zip(digests) {
                let cid = Cid { form: self.profile.node, digest };
                self.trees[index].push(level + 1, Link { cid, total, content });
            }
        }
        Ok(())
    }

    /// The identifiers of all files that were added.
    ///
    /// # Errors
    /// [`Error::Fault`] if every back end failed.
    pub fn finish(mut self) -> Result<Import, Error> {
        self.flush()?;
        Ok(Import { cids: self.cids, reports: self.reports.0 })
    }
}

/// A node's link to a block below it.
#[derive(Clone, Copy)]
struct Link {
    cid: Cid,
    /// The bytes of the block and of all blocks below it.
    total: u64,
    /// The bytes of the file in these blocks.
    content: u64,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    /// The file has more leaves.
    Growing,
    /// All leaves are in the tree.
    Complete,
    /// The file could not be read.
    LeftOut,
}

/// A file's tree: the blocks of each level that have no parent yet.
#[derive(Default)]
struct Tree {
    levels: Vec<Vec<Link>>,
    state: State,
}

impl Tree {
    fn push(&mut self, level: usize, link: Link) {
        if self.levels.len() == level {
            self.levels.push(Vec::new());
        }
        self.levels[level].push(link);
    }

    /// Takes the links of the nodes that a level completes: full nodes, and in a
    /// complete tree one more over the rest, unless the rest is the root.
    fn take_groups(&mut self, level: usize, width: usize) -> Vec<Vec<Link>> {
        let is_top = level + 1 == self.levels.len();
        let Some(links) = self.levels.get_mut(level) else {
            return Vec::new();
        };
        if self.state == State::Complete && is_top && links.len() == 1 {
            return Vec::new();
        }
        let full = links.len() / width * width;
        let taken = if self.state == State::Complete { links.len() } else { full };
        let taken: Vec<Link> = links.drain(..taken).collect();
        taken.chunks(width).map(<[Link]>::to_vec).collect()
    }

    /// The root's identifier; none if the file was left out.
    fn root(&self) -> Option<Cid> {
        let top = self.levels.last().filter(|_| self.state == State::Complete)?;
        top.first().map(|link| link.cid)
    }
}

/// The wire types of Protocol Buffers.
const VARINT: u8 = 0;
const BYTES: u8 = 2;

/// The type field of UnixFS: 2, a file.
const FILE: [u8; 2] = [tag(1, VARINT), 2];

/// The tag of a field: its number and its wire type.
const fn tag(number: u8, wire_type: u8) -> u8 {
    number << 3 | wire_type
}

/// A dag-pb node of a UnixFS file: the links, then the bytes of the file below each.
fn encode_node(links: &[Link]) -> Vec<u8> {
    let mut node = Vec::new();
    for link in links {
        let mut body = Vec::new();
        push_bytes(&mut body, 1, &link.cid.to_bytes());
        // The name, which is empty but present.
        push_bytes(&mut body, 2, &[]);
        body.extend(varint_field(3, link.total));
        push_bytes(&mut node, 2, &body);
    }
    let mut data = FILE.to_vec();
    data.extend(varint_field(3, links.iter().map(|link| link.content).sum()));
    links.iter().for_each(|link| data.extend(varint_field(4, link.content)));
    push_bytes(&mut node, 1, &data);
    node
}

fn push_bytes(message: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    message.push(tag(number, BYTES));
    push_varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

fn varint_field(number: u8, value: u64) -> Vec<u8> {
    let mut message = vec![tag(number, VARINT)];
    push_varint(&mut message, value);
    message
}

/// Appends a varint: seven bits in each byte, lowest first; the high bit is set while
/// more bytes follow.
fn push_varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng, rngs::ChaCha20Rng};

    /// The bytes that kubo's tests derive from a seed: the ChaCha20 keystream under its
    /// SHA-256 digest.
    struct Seeded {
        stream: ChaCha20Rng,
        left: usize,
    }

    fn seeded(seed: &str, length: usize) -> Seeded {
        let key = Hash::Sha256.digest(seed.as_bytes()).0;
        Seeded { stream: ChaCha20Rng::from_seed(key), left: length }
    }

    impl Read for Seeded {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            // The generator discards the rest of its last word.
            let length = self.left.min(buffer.len());
            assert!(length == self.left || length.is_multiple_of(4));
            self.stream.fill_bytes(&mut buffer[..length]);
            self.left -= length;
            Ok(length)
        }
    }

    fn cid(profile: Profile, file: impl Read) -> String {
        let engine = Engine::new().unwrap();
        let mut importer = Importer::new(&engine, profile);
        importer.add(file).unwrap();
        importer.finish().unwrap().cids[0].to_string()
    }

    /// The vectors of kubo's test/cli/cid_profiles_test.go, which IPIP-499 names.
    #[test]
    fn identifiers_equal_kubos() {
        let v0 = Profile::UNIXFS_V0_2015;
        let vectors = [
            ("chunk-v0-seed", 262_144, "QmWmRj3dFDZdb6ABvbmKhEL6TmPbAfBZ1t5BxsEyJrcZhE"),
            ("chunk-v0-seed", 262_145, "QmYyLxtzZyW22zpoVAtKANLRHpDjZtNeDjQdJrcQNWoRkJ"),
            ("v0-seed", 174 * 262_144, "QmUbBALi174SnogsUzLpYbD4xPiBSFANF4iztWCsHbMKh2"),
            ("v0-seed", 174 * 262_144 + 1, "QmV81WL765sC8DXsRhE5fJv2rwhS4icHRaf3J9Zk5FdRnW"),
            ("v0-seed", 175 * 262_144, "QmepeWtdmS1hHXx1oZXsPUv6bMrfRRKfZcoPPU4eEfjnbf"),
        ];
        for (seed, length, expected) in vectors {
            assert_eq!(cid(v0, seeded(seed, length)), expected, "{seed}, {length} bytes");
        }
        let v1 = Profile::UNIXFS_V1_2025;
        let vectors = [
            ("chunk-v1-seed", 1 << 20, "bafkreiacndfy443ter6qr2tmbbdhadvxxheowwf75s6zehscklu6ezxmta"),
            ("chunk-v1-seed", (1 << 20) + 1, "bafybeigmix7t42i6jacydtquhet7srwvgpizfg7gjbq7627d35mjomtu64"),
            ("v1-2025-seed", 1 << 30, "bafybeihmf37wcuvtx4hpu7he5zl5qaf2ineo2lqlfrapokkm5zzw7zyhvm"),
            ("v1-2025-seed", (1 << 30) + 1, "bafybeibdsi225ugbkmpbdohnxioyab6jsqrmkts3twhpvfnzp77xtzpyhe"),
        ];
        for (seed, length, expected) in vectors {
            assert_eq!(cid(v1, seeded(seed, length)), expected, "{seed}, {length} bytes");
        }
        assert_eq!(cid(v0, &b"hello world"[..]), "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD");
        assert_eq!(
            cid(v1, &b"hello world"[..]),
            "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"
        );
        // The empty file, as `ipfs add` prints it.
        assert_eq!(cid(v0, &[][..]), "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH");
        assert_eq!(cid(v1, &[][..]), "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku");
    }

    /// The root's link of the tree over `data`, built from the root down: a node has as
    /// many full subtrees as fit, and one more for the rest.
    fn top_down(profile: &Profile, data: &[u8], height: u32) -> Link {
        let below = profile.chunk * profile.width.pow(height.saturating_sub(1));
        let (form, block, under) = if height > 0 {
            let links: Vec<Link> =
                data.chunks(below).map(|part| top_down(profile, part, height - 1)).collect();
            (profile.node, encode_node(&links), links.iter().map(|link| link.total).sum())
        } else if profile.leaf == Form::V1Raw {
            (profile.leaf, data.to_vec(), 0)
        } else {
            let mut unixfs = vec![8, 2];
            if !data.is_empty() {
                unixfs.extend([18, data.len() as u8]);
                unixfs.extend(data);
            }
            unixfs.extend([24, data.len() as u8]);
            (profile.leaf, [&[10, unixfs.len() as u8], &unixfs[..]].concat(), 0)
        };
        let cid = Cid { form, digest: Hash::Sha256.digest(&block) };
        Link { cid, total: block.len() as u64 + under, content: data.len() as u64 }
    }

    #[test]
    fn trees_of_every_shape_equal_those_built_from_the_root_down() {
        let engine = Engine::new().unwrap();
        let data: Vec<u8> = (0..=250).cycle().take(1000).collect();
        for base in [Profile::UNIXFS_V0_2015, Profile::UNIXFS_V1_2025] {
            let profile = Profile { chunk: 5, width: 3, ..base };
            let mut importer = Importer::new(&engine, profile);
            let lengths = || (0..150).chain([5 * 81 - 1, 5 * 81, 5 * 81 + 1, 5 * 81 + 30, 1000]);
            for length in lengths() {
                importer.add(&data[..length]).unwrap();
            }
            let cids = importer.finish().unwrap().cids;
            for (length, cid) in lengths().zip(cids) {
                let height = (0..).find(|&height| 5 * 3_usize.pow(height) >= length).unwrap();
                assert_eq!(cid, top_down(&profile, &data[..length], height).cid, "{length} bytes");
            }
        }
    }

    #[test]
    fn a_file_that_fails_is_left_out() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("gone"))
            }
        }
        let engine = Engine::new().unwrap();
        let mut importer = Importer::new(&engine, Profile::UNIXFS_V1_2025);
        importer.add(&b"a"[..]).unwrap();
        let error = importer.add(vec![7; 3 << 20].chain(Failing)).unwrap_err();
        assert_eq!(error.to_string(), "gone");
        importer.add(&b"hello world"[..]).unwrap();
        let cids = importer.finish().unwrap().cids;
        assert_eq!(cids.len(), 2);
        assert_eq!(cids[1].to_string(), cid(Profile::UNIXFS_V1_2025, &b"hello world"[..]));
        assert!(Importer::new(&engine, Profile::UNIXFS_V0_2015).finish().unwrap().cids.is_empty());
    }

    #[test]
    fn profiles_parse_from_their_names() {
        for profile in [Profile::UNIXFS_V0_2015, Profile::UNIXFS_V1_2025] {
            assert_eq!(profile.to_string().parse::<Profile>().unwrap(), profile);
        }
        assert!("kubo".parse::<Profile>().unwrap_err().to_string().contains("unixfs-v1-2025"));
    }

    #[test]
    fn base32_and_base58_of_published_vectors() {
        // RFC 4648, section 10, and the base 58 draft's own vectors.
        assert_eq!(
            ["f", "fo", "foo", "foob", "fooba", "foobar"].map(|text| base32(text.as_bytes())),
            ["my", "mzxq", "mzxw6", "mzxw6yq", "mzxw6ytb", "mzxw6ytboi"]
        );
        assert_eq!(base58(b"Hello World!"), "2NEpo7TZRRrLZSi2U");
    }
}
