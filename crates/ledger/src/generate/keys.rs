//! Secret keys that keep no secret: whoever knows the seed can derive them.

use ed25519_dalek::SigningKey;
use p256::ecdsa;

use crate::{Keyring, SecretKey};
use verilane::Hash;

/// The keys of a generated ledger.
#[derive(Clone, Debug)]
pub struct SyntheticKeys {
    /// One for each institution; the first is the founder's.
    pub institutions: Vec<SigningKey>,
    /// One for each endorsing peer.
    pub peers: Vec<SecretKey>,
}

impl SyntheticKeys {
    /// The keys of `seed`. Peers of both kinds take turns.
    pub fn new(seed: u64, institutions: u32, peers: u16) -> Self {
        let institution = |number| SigningKey::from_bytes(&secret("institution", seed, number));
        SyntheticKeys {
            institutions: (0..institutions.into()).map(institution).collect(),
            peers: (0..peers.into()).map(|number| peer(seed, number)).collect(),
        }
    }

    /// All of them, to seal and to endorse with.
    pub fn keyring(&self) -> Keyring {
        let mut keyring = Keyring::default();
        self.institutions.iter().for_each(|key| keyring.add_ed25519(key.clone()));
        self.peers.iter().for_each(|key| keyring.add(key.clone()));
        keyring
    }
}

fn peer(seed: u64, number: u64) -> SecretKey {
    let mut secret = secret("peer", seed, number);
    if number.is_multiple_of(2) {
        return SecretKey::Ed25519(SigningKey::from_bytes(&secret));
    }
    // Below the order of the group, whose highest bit is set.
    secret[0] &= 0x7f;
    SecretKey::P256(ecdsa::SigningKey::from_slice(&secret).expect("a hash is not zero"))
}

fn secret(role: &str, seed: u64, number: u64) -> [u8; 32] {
    Hash::Sha256.digest(format!("verilane synthetic {role} {seed} {number}").as_bytes()).0
}
