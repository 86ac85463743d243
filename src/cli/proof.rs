//! Proof files: what `verilane prove` writes and `verilane check` reads.

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use verilane::ledger::encoding::Decoder;
use verilane::ledger::{Anchor, Genesis, Header, RecordProof, TREE};
use verilane::merkle::Proof;
use verilane::{Digest, parse_hex};

use super::hex::{bytes_of_hex, hex_of_bytes};

/// The version of the format.
const VERSION: u32 = 1;

/// A proof with the parameters of its chain; encodings are in hexadecimal.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofFile {
    version: u32,
    digest: String,
    institution: String,
    signature: String,
    record: Path,
    header: String,
    /// None while the anchor's blocks are not complete.
    anchored: Option<Anchored>,
    genesis: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Path {
    index: usize,
    leaves: usize,
    path: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Anchored {
    anchor: String,
    block: Path,
}

impl ProofFile {
    pub fn new(genesis: &Genesis, proof: &RecordProof) -> Self {
        ProofFile {
            version: VERSION,
            digest: proof.digest.to_string(),
            institution: hex_of_bytes(&proof.institution),
            signature: hex_of_bytes(&proof.signature),
            record: Path::new(&proof.record),
            header: hex_of_bytes(&proof.header.encode()),
            anchored: proof.anchored.as_ref().map(|(anchor, block)| Anchored {
                anchor: hex_of_bytes(&anchor.encode()),
                block: Path::new(block),
            }),
            genesis: hex_of_bytes(&genesis.encode()),
        }
    }

    /// The chain's parameters and the proof.
    pub fn decode(&self) -> anyhow::Result<(Genesis, RecordProof)> {
        if self.version != VERSION {
            bail!("version {} of the format: this program reads {VERSION}", self.version);
        }
        let genesis = Genesis::decode(&bytes_of_hex(&self.genesis)?).context("genesis")?;
        let header = bytes_of_hex(&self.header).context("header")?;
        let mut decoder = Decoder::new(&header);
        let header = Header::decode(&mut decoder).context("header")?;
        decoder.finish().context("header")?;
        let proof = RecordProof {
            digest: self.digest.parse().context("digest")?,
            institution: parse_hex(&self.institution).context("institution")?,
            signature: parse_hex(&self.signature).context("signature")?,
            record: self.record.decode().context("record")?,
            header,
            anchored: self.anchored.as_ref().map(Anchored::decode).transpose().context("anchored")?,
        };
        Ok((genesis, proof))
    }
}

impl Path {
    fn new(proof: &Proof) -> Self {
        let path = proof.path.iter().map(Digest::to_string).collect();
        Path { index: proof.index, leaves: proof.leaves, path }
    }

    fn decode(&self) -> anyhow::Result<Proof> {
        let node = |(i, hex): (usize, &String)| hex.parse().with_context(|| format!("entry {i} of the path"));
        let path = self.path.iter().enumerate().map(node).collect::<anyhow::Result<_>>()?;
        Ok(Proof { tree: TREE, index: self.index, leaves: self.leaves, path })
    }
}

impl Anchored {
    fn decode(&self) -> anyhow::Result<(Anchor, Proof)> {
        Ok((Anchor::decode(&bytes_of_hex(&self.anchor)?)?, self.block.decode()?))
    }
}
