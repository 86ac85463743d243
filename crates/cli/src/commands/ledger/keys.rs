//! Keys as JSON lines, the founder's first.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use verilane::{parse_hex, to_hex};
use verilane_ledger::endorsement::PeerKey;
use verilane_ledger::{Ed25519SecretKey, Keyring, P256SecretKey, SecretKey, generate};

use crate::shared::lines::each_line;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyLine {
    role: Role,
    scheme: Scheme,
    public_key: String,
    /// None for keys that others hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    /// Signs records and lists, and produces blocks.
    Institution,
    /// Endorses blocks.
    Peer,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Scheme {
    Ed25519,
    P256,
}

/// The keys of a file.
#[derive(Default)]
pub struct Keys {
    /// The secret ones.
    pub keyring: Keyring,
    /// The public key of the first institution.
    pub founder: Option<[u8; 32]>,
    /// The public keys of the peers.
    pub peers: Vec<PeerKey>,
}

impl Keys {
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let mut keys = Keys::default();
        each_line(path, |line| {
            if line.trim_ascii().is_empty() {
                return Ok(());
            }
            keys.add(&serde_json::from_slice(line)?)
        })?;
        Ok(keys)
    }

    fn add(&mut self, line: &KeyLine) -> anyhow::Result<()> {
        let secret = line.secret_key.as_deref().map(parse_hex).transpose().context("secret_key")?;
        let public = match line.scheme {
            Scheme::Ed25519 => PeerKey::Ed25519(parse_hex(&line.public_key).context("public_key")?),
            Scheme::P256 => PeerKey::P256(parse_hex(&line.public_key).context("public_key")?),
        };
        if let Some(secret) = secret
            && self.add_secret(line.scheme, &secret)? != public
        {
            bail!("secret_key is not that of public_key");
        }
        match (line.role, public) {
            (Role::Peer, key) => self.peers.push(key),
            (Role::Institution, PeerKey::Ed25519(key)) => drop(self.founder.get_or_insert(key)),
            (Role::Institution, PeerKey::P256(_)) => bail!("institutions sign with ed25519"),
        }
        Ok(())
    }

    /// Adds a secret key, and returns its public key.
    fn add_secret(&mut self, scheme: Scheme, secret: &[u8; 32]) -> anyhow::Result<PeerKey> {
        let key = match scheme {
            Scheme::Ed25519 => SecretKey::from(Ed25519SecretKey::from_bytes(secret)),
            Scheme::P256 => P256SecretKey::from_bytes(secret).context("secret_key is none of p256")?.into(),
        };
        let public = key.public_key();
        self.keyring.add(key);
        Ok(public)
    }
}

/// Writes the keys of a generated ledger; only their owner may read the file.
pub fn write(path: &Path, keys: &generate::SyntheticKeys) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = BufWriter::new(options.open(path)?);
    let institutions = keys.institutions.iter().map(|key| (Role::Institution, SecretKey::from(key.clone())));
    let peers = keys.peers.iter().map(|peer| (Role::Peer, peer.clone()));
    for (role, key) in institutions.chain(peers) {
        let (scheme, secret) = match &key {
            SecretKey::Ed25519(key) => (Scheme::Ed25519, key.to_bytes()),
            SecretKey::P256(key) => (Scheme::P256, key.to_bytes()),
        };
        let public_key = match &key.public_key() {
            PeerKey::Ed25519(key) => to_hex(key),
            PeerKey::P256(key) => to_hex(key),
        };
        let secret_key = Some(to_hex(&secret));
        let note = Some("SYNTHETIC: anyone can derive it from the seed; it protects nothing".into());
        serde_json::to_writer(&mut file, &KeyLine { role, scheme, public_key, secret_key, note })?;
        file.write_all(b"\n")?;
    }
    Ok(file.flush()?)
}
