//! The secret keys that a node holds, to seal and to endorse blocks.

use std::collections::HashMap;
use std::fmt;

use ed25519_dalek::Signer as _;
use p256::ecdsa;

use super::endorsement::{Endorsement, PeerKey, Policy};

/// An Ed25519 secret key: it signs records and lists, produces blocks, and endorses them.
#[derive(Clone)]
pub struct Ed25519SecretKey(ed25519_dalek::SigningKey);

impl Ed25519SecretKey {
    /// The key with these 32 bytes, the secret key of RFC 8032.
    pub fn from_bytes(secret: &[u8; 32]) -> Self {
        Ed25519SecretKey(ed25519_dalek::SigningKey::from_bytes(secret))
    }

    /// The secret key of RFC 8032.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The public key.
    pub fn public_key(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// The signature over `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// Shows the public key alone.
impl fmt::Debug for Ed25519SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ed25519SecretKey(of {})", verilane::to_hex(&self.public_key()))
    }
}

/// An ECDSA secret key on P-256: it endorses blocks.
#[derive(Clone)]
pub struct P256SecretKey(ecdsa::SigningKey);

/// The bytes are not a P-256 secret key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a P-256 secret key must lie between 1 and the group's order less 1")]
#[non_exhaustive]
pub struct P256SecretKeyError;

impl P256SecretKey {
    /// The key with this scalar, big-endian.
    ///
    /// # Errors
    /// [`P256SecretKeyError`] unless the scalar lies between 1 and the group's order less 1.
    pub fn from_bytes(secret: &[u8; 32]) -> Result<Self, P256SecretKeyError> {
        ecdsa::SigningKey::from_slice(secret).map(P256SecretKey).map_err(|_| P256SecretKeyError)
    }

    /// The scalar, big-endian.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes().into()
    }

    /// The public key in its compressed form.
    pub fn public_key(&self) -> [u8; 33] {
        let point = self.0.verifying_key().to_sec1_point(true);
        point.as_bytes().try_into().expect("a compressed point has 33 bytes")
    }

    /// The signature over the SHA-256 of `message`, `r ‖ s` with the lower `s`.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let signature: ecdsa::Signature = self.0.sign(message);
        signature.normalize_s().to_bytes().into()
    }
}

/// Shows the public key alone.
impl fmt::Debug for P256SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "P256SecretKey(of {})", verilane::to_hex(&self.public_key()))
    }
}

/// A secret key of a scheme that the ledger uses.
///
/// Exhaustive, as [`PeerKey`] is: the two have the same schemes.
#[derive(Clone, Debug)]
pub enum SecretKey {
    /// A key that produces blocks or endorses them.
    Ed25519(Ed25519SecretKey),
    /// A key that endorses blocks.
    P256(P256SecretKey),
}

impl SecretKey {
    /// The public key.
    pub fn public_key(&self) -> PeerKey {
        match self {
            SecretKey::Ed25519(key) => PeerKey::Ed25519(key.public_key()),
            SecretKey::P256(key) => PeerKey::P256(key.public_key()),
        }
    }
}

impl From<Ed25519SecretKey> for SecretKey {
    fn from(key: Ed25519SecretKey) -> Self {
        SecretKey::Ed25519(key)
    }
}

impl From<P256SecretKey> for SecretKey {
    fn from(key: P256SecretKey) -> Self {
        SecretKey::P256(key)
    }
}

/// Secret keys by their public keys.
#[derive(Clone, Default)]
pub struct Keyring {
    ed25519: HashMap<[u8; 32], Ed25519SecretKey>,
    p256: HashMap<[u8; 33], P256SecretKey>,
}

impl Keyring {
    /// Adds a key.
    pub fn add(&mut self, key: impl Into<SecretKey>) {
        match key.into() {
            SecretKey::Ed25519(key) => drop(self.ed25519.insert(key.public_key(), key)),
            SecretKey::P256(key) => drop(self.p256.insert(key.public_key(), key)),
        }
    }

    /// The secret key of the producer with this public key.
    pub fn producer(&self, public_key: &[u8; 32]) -> Option<&Ed25519SecretKey> {
        self.ed25519.get(public_key)
    }

    /// An endorsement of `message` by each peer of `policy` whose secret key is in the keyring.
    pub fn endorse(&self, policy: &Policy, message: &[u8]) -> Vec<Endorsement> {
        let peers = (0..).zip(policy.peers());
        peers
            .filter_map(|(peer, key)| Some(Endorsement { peer, signature: self.sign(key, message)? }))
            .collect()
    }

    fn sign(&self, key: &PeerKey, message: &[u8]) -> Option<[u8; 64]> {
        match key {
            PeerKey::Ed25519(key) => Some(self.ed25519.get(key)?.sign(message)),
            PeerKey::P256(key) => Some(self.p256.get(key)?.sign(message)),
        }
    }
}

/// Shows how many keys of each scheme there are, and no key.
impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} of Ed25519, {} of P-256)", self.ed25519.len(), self.p256.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written_and_do_not_show() {
        let secret = [7; 32];
        let shown = format!("{:?}", Ed25519SecretKey::from_bytes(&secret));
        assert_eq!(Ed25519SecretKey::from_bytes(&secret).to_bytes(), secret);
        assert!(!shown.contains("0707"), "{shown}");
        let key = P256SecretKey::from_bytes(&secret).unwrap();
        let shown = format!("{key:?}");
        assert_eq!(key.to_bytes(), secret);
        assert!(!shown.contains("0707"), "{shown}");
        for secret in [[0; 32], [0xff; 32]] {
            assert_eq!(P256SecretKey::from_bytes(&secret).unwrap_err(), P256SecretKeyError);
        }
    }
}
