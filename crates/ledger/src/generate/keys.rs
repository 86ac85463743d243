//! Secret keys derived from a seed: anyone who knows the seed has them.

use crate::{Ed25519SecretKey, Keyring, P256SecretKey, SecretKey};
use verilane::Hash;

/// The keys of a generated ledger. They protect nothing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SyntheticKeys {
    /// One for each institution; the first is the founder's.
    pub institutions: Vec<Ed25519SecretKey>,
    /// One for each endorsing peer.
    pub peers: Vec<SecretKey>,
}

impl SyntheticKeys {
    /// The keys of `seed`. Peers have Ed25519 and P-256 keys in turn.
    pub fn new(seed: u64, institutions: u32, peers: u16) -> Self {
        let institution = |number| Ed25519SecretKey::from_bytes(&secret("institution", seed, number));
        SyntheticKeys {
            institutions: (0..institutions.into()).map(institution).collect(),
            peers: (0..peers.into()).map(|number| peer(seed, number)).collect(),
        }
    }

    /// A keyring of all the keys.
    pub fn keyring(&self) -> Keyring {
        let mut keyring = Keyring::default();
        self.institutions.iter().for_each(|key| keyring.add(key.clone()));
        self.peers.iter().for_each(|key| keyring.add(key.clone()));
        keyring
    }
}

fn peer(seed: u64, number: u64) -> SecretKey {
    let mut secret = secret("peer", seed, number);
    if number.is_multiple_of(2) {
        return Ed25519SecretKey::from_bytes(&secret).into();
    }
    // The group's order has its highest bit set, so the scalar is below it.
    secret[0] &= 0x7f;
    P256SecretKey::from_bytes(&secret).expect("a hash is not zero").into()
}

fn secret(role: &str, seed: u64, number: u64) -> [u8; 32] {
    Hash::Sha256.digest(format!("verilane synthetic {role} {seed} {number}").as_bytes()).0
}
