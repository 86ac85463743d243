//! Proofs as JSON, with the parameters of their chain; bytes are in hexadecimal:
//!
//! ```json
//! {"version":1,"digest":"…","institution":"…","signature":"…",
//!  "record":{"index":7,"leaves":1000,"path":["…"]},"header":"…",
//!  "anchored":{"anchor":"…","block":{"index":2,"leaves":10,"path":["…"]}},"genesis":"…"}
//! ```
//!
//! `anchored` is null until all of the anchor's blocks are sealed.

use serde::{Deserialize, Serialize};

use super::encoding::{DecodeError, Decoder};
use super::{Anchor, Genesis, Header, RecordProof, TREE};
use verilane::merkle::Proof;
use verilane::{Digest, Error, parse_hex, parse_hex_bytes, to_hex};

/// The version of the format.
const VERSION: u32 = 1;

/// Why bytes are not a proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProofFileError {
    /// The bytes are not the JSON of a proof.
    #[error("{0}")]
    Json(String),
    /// This program does not read this version of the format.
    #[error("version {0} of the format: this program reads 1")]
    Version(u32),
    /// A value is not hexadecimal of the right length.
    #[error("{field}: {source}")]
    Hex {
        /// The name of the field.
        field: &'static str,
        /// What is wrong with its value.
        source: Error,
    },
    /// A value is not an encoding of the field's type.
    #[error("{field}: {source}")]
    Malformed {
        /// The name of the field.
        field: &'static str,
        /// What is wrong with its value.
        source: DecodeError,
    },
}

/// Writes a proof, with the parameters of its chain.
pub fn write_proof(genesis: &Genesis, proof: &RecordProof) -> String {
    serde_json::to_string_pretty(&ProofFile::new(genesis, proof)).expect("its fields are text and numbers")
}

/// Reads what [`write_proof`] wrote: the chain's parameters, and the proof. It does not
/// check the proof; [`RecordProof::check`] does.
///
/// # Errors
/// [`ProofFileError`] if the bytes are not a proof.
pub fn parse_proof(json: &[u8]) -> Result<(Genesis, RecordProof), ProofFileError> {
    let file: ProofFile =
        serde_json::from_slice(json).map_err(|error| ProofFileError::Json(error.to_string()))?;
    file.decode()
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProofFile {
    version: u32,
    digest: String,
    institution: String,
    signature: String,
    record: Path,
    header: String,
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
    fn new(genesis: &Genesis, proof: &RecordProof) -> Self {
        ProofFile {
            version: VERSION,
            digest: proof.digest.to_string(),
            institution: to_hex(&proof.institution),
            signature: to_hex(&proof.signature),
            record: Path::new(&proof.record),
            header: to_hex(&proof.header.encode()),
            anchored: proof.anchored.as_ref().map(|(anchor, block)| Anchored {
                anchor: to_hex(&anchor.encode()),
                block: Path::new(block),
            }),
            genesis: to_hex(&genesis.encode()),
        }
    }

    fn decode(&self) -> Result<(Genesis, RecordProof), ProofFileError> {
        if self.version != VERSION {
            return Err(ProofFileError::Version(self.version));
        }
        let genesis = Genesis::decode(&bytes("genesis", &self.genesis)?).map_err(malformed("genesis"))?;
        let proof = RecordProof {
            digest: self.digest.parse().map_err(hex("digest"))?,
            institution: parse_hex(&self.institution).map_err(hex("institution"))?,
            signature: parse_hex(&self.signature).map_err(hex("signature"))?,
            record: self.record.decode()?,
            header: header(&bytes("header", &self.header)?).map_err(malformed("header"))?,
            anchored: self.anchored.as_ref().map(Anchored::decode).transpose()?,
        };
        Ok((genesis, proof))
    }
}

fn hex(field: &'static str) -> impl Fn(Error) -> ProofFileError {
    move |source| ProofFileError::Hex { field, source }
}

fn malformed(field: &'static str) -> impl Fn(DecodeError) -> ProofFileError {
    move |source| ProofFileError::Malformed { field, source }
}

fn bytes(field: &'static str, digits: &str) -> Result<Vec<u8>, ProofFileError> {
    parse_hex_bytes(digits).map_err(hex(field))
}

fn header(encoding: &[u8]) -> Result<Header, DecodeError> {
    let mut decoder = Decoder::new(encoding);
    let header = Header::decode(&mut decoder)?;
    decoder.finish()?;
    Ok(header)
}

impl Path {
    fn new(proof: &Proof) -> Self {
        let path = proof.path.iter().map(Digest::to_string).collect();
        Path { index: proof.index, leaves: proof.leaves, path }
    }

    fn decode(&self) -> Result<Proof, ProofFileError> {
        let path =
            self.path.iter().map(|node| node.parse().map_err(hex("path"))).collect::<Result<_, _>>()?;
        Ok(Proof { tree: TREE, index: self.index, leaves: self.leaves, path })
    }
}

impl Anchored {
    fn decode(&self) -> Result<(Anchor, Proof), ProofFileError> {
        let anchor = Anchor::decode(&bytes("anchor", &self.anchor)?).map_err(malformed("anchor"))?;
        Ok((anchor, self.block.decode()?))
    }
}
