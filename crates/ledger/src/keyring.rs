//! The secret keys that this node holds, to seal and to endorse.

use std::collections::HashMap;
use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};
use p256::ecdsa;

use super::endorsement::{Endorsement, PeerKey, Policy};

/// A secret key.
#[derive(Clone)]
pub enum SecretKey {
    /// It signs with Ed25519: to produce blocks, or to endorse them.
    Ed25519(SigningKey),
    /// It signs with ECDSA on P-256, to endorse blocks.
    P256(ecdsa::SigningKey),
}

impl SecretKey {
    /// The public key.
    pub fn public(&self) -> PeerKey {
        match self {
            SecretKey::Ed25519(key) => PeerKey::Ed25519(key.verifying_key().to_bytes()),
            SecretKey::P256(key) => PeerKey::P256(compressed(key)),
        }
    }
}

/// Secret keys do not show.
impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {:?})", self.public())
    }
}

fn compressed(key: &ecdsa::SigningKey) -> [u8; 33] {
    let point = key.verifying_key().to_sec1_point(true);
    point.as_bytes().try_into().expect("a compressed point has 33 bytes")
}

/// Secret keys by their public ones.
#[derive(Clone, Default)]
pub struct Keyring {
    ed25519: HashMap<[u8; 32], SigningKey>,
    p256: HashMap<[u8; 33], ecdsa::SigningKey>,
}

impl Keyring {
    /// Adds a key of either kind.
    pub fn add(&mut self, key: SecretKey) {
        match key {
            SecretKey::Ed25519(key) => self.add_ed25519(key),
            SecretKey::P256(key) => self.add_p256(key),
        }
    }

    /// Adds an Ed25519 key, to produce blocks with and to endorse them.
    pub fn add_ed25519(&mut self, key: SigningKey) {
        self.ed25519.insert(key.verifying_key().to_bytes(), key);
    }

    /// Adds a P-256 key, to endorse blocks with.
    pub fn add_p256(&mut self, key: ecdsa::SigningKey) {
        self.p256.insert(compressed(&key), key);
    }

    /// The secret key of a producer.
    pub fn producer(&self, public_key: &[u8; 32]) -> Option<&SigningKey> {
        self.ed25519.get(public_key)
    }

    /// An endorsement of `message` by each peer of `policy` whose key is here.
    pub fn endorse(&self, policy: &Policy, message: &[u8]) -> Vec<Endorsement> {
        let peers = (0..).zip(policy.peers());
        peers
            .filter_map(|(peer, key)| Some(Endorsement { peer, signature: self.sign(key, message)? }))
            .collect()
    }

    fn sign(&self, key: &PeerKey, message: &[u8]) -> Option<[u8; 64]> {
        match key {
            PeerKey::Ed25519(key) => Some(self.ed25519.get(key)?.sign(message).to_bytes()),
            PeerKey::P256(key) => {
                let signature: ecdsa::Signature = self.p256.get(key)?.sign(message);
                Some(signature.normalize_s().to_bytes().into())
            }
        }
    }
}

/// Secret keys do not show.
impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} of Ed25519, {} of P-256)", self.ed25519.len(), self.p256.len())
    }
}
