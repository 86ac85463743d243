//! Endorsements: at least `k` of `n` verifying peers must sign a message.
//!
//! The peers are those of "Research on the National Health Information Platform
//! Based on Blockchain Technology", which builds on Hyperledger Fabric: they sign
//! with Ed25519 or with Fabric's own ECDSA on P-256. The Ed25519 signatures of all
//! messages are one call to the engine; ECDSA runs at the same time on the CPU.
//!
//! ```
//! use ed25519_dalek::{Signer, SigningKey};
//! use verilane_ledger::endorsement::{Endorsed, Endorsement, PeerKey, Policy};
//! use verilane::{Engine, ed25519::Rule};
//!
//! let peers = [1, 2, 3].map(|seed| SigningKey::from_bytes(&[seed; 32]));
//! let policy = Policy::new(2, peers.each_ref().map(|peer| PeerKey::Ed25519(peer.verifying_key().to_bytes())))?;
//!
//! let message = b"a block's hash";
//! let sign = |peer: u16| Endorsement { peer, signature: peers[usize::from(peer)].sign(message).to_bytes() };
//! let endorsements = [sign(2), sign(0)];
//! let endorsed = [Endorsed { message, endorsements: &endorsements }];
//! let verdicts = policy.verify(&Engine::new()?, Rule::Strict, &endorsed)?;
//! assert!(verdicts[0].endorsed && verdicts[0].peers == [0, 2]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::HashMap;

use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use rayon::prelude::*;

use verilane::ed25519::Rule;
use verilane::signature::Batch;
use verilane::{Digest, Engine, Error, Outcome};

/// The public key of a verifying peer.
///
/// Exhaustive: version 1 of the genesis encodes these two schemes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PeerKey {
    /// An Ed25519 key.
    Ed25519([u8; 32]),
    /// A point of P-256 in SEC 1's compressed form: 0x02 or 0x03, and the x coordinate.
    P256([u8; 33]),
}

/// The message that a peer signs to endorse a block: the 16 bytes `verilane endorse`
/// and the header's hash.
pub fn block_message(hash: Digest) -> [u8; 48] {
    let mut message = *b"verilane endorse................................";
    message[16..].copy_from_slice(&hash.0);
    message
}

/// The peers that may endorse a message, and how many of them must.
#[derive(Clone, Debug)]
pub struct Policy {
    threshold: u16,
    peers: Vec<PeerKey>,
    /// The decoded P-256 key of each peer; none for an Ed25519 key.
    points: Vec<Option<VerifyingKey>>,
}

/// Why peers and a threshold do not make a policy.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The threshold is 0 or above the number of peers.
    #[error("a threshold of {threshold} of {peers} peers: it must be from 1 to the number of peers")]
    Threshold {
        /// The threshold given.
        threshold: u16,
        /// The number of peers given.
        peers: usize,
    },
    /// There are more peers than an endorsement can number.
    #[error("{0} peers are too many: {max} are possible", max = u16::MAX)]
    TooManyPeers(usize),
    /// Two peers have the same key, which would count twice.
    #[error("peers {first} and {second} have the same key")]
    SameKey {
        /// The position of the first peer, from 0.
        first: usize,
        /// The position of the second peer.
        second: usize,
    },
    /// The key does not decode, or is of small order, so that anyone can sign for it.
    #[error("the key of peer {peer} is not valid: {reason}")]
    Key {
        /// The position of the peer, from 0.
        peer: usize,
        /// What would be valid.
        reason: &'static str,
    },
}

/// A peer's signature over a message.
///
/// Exhaustive: the fields are those of version 1 of the block's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endorsement {
    /// The peer's position in the policy, from 0.
    pub peer: u16,
    /// `R ‖ S` of Ed25519, or `r ‖ s` of ECDSA, big-endian, over the message's SHA-256.
    pub signature: [u8; 64],
}

/// A message and its endorsements.
///
/// Exhaustive: it is an argument of [`Policy::verify`], which needs these two.
#[derive(Clone, Copy, Debug)]
pub struct Endorsed<'a> {
    /// The message.
    pub message: &'a [u8],
    /// The endorsements, valid or not.
    pub endorsements: &'a [Endorsement],
}

/// Whether a message is endorsed, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a message counts as endorsed only if its verdict says so"]
pub struct EndorsementVerdict {
    /// Whether as many different peers as the policy requires have endorsed it.
    pub endorsed: bool,
    /// The peers that have endorsed it, ascending, each once.
    pub peers: Vec<u16>,
    /// The position of each endorsement that does not count, and the reason.
    pub refused: Vec<(usize, Refusal)>,
}

/// Why an endorsement does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The policy has no such peer.
    #[error("there is no such peer")]
    NoSuchPeer,
    /// The signature is not valid for the peer's key and this message.
    #[error("the signature is not valid")]
    BadSignature,
    /// The `s` of an ECDSA signature is above half the group's order. Anyone can turn
    /// a signature into its other form; as in Fabric, only the one with the low `s` counts.
    #[error("the signature is malleable: its s is above half the group's order")]
    HighS,
}

impl Policy {
    /// The policy that `threshold` of `peers` must endorse a message.
    ///
    /// # Errors
    /// [`PolicyError`] unless 1 ≤ `threshold` ≤ the number of peers ≤ 65,535, all
    /// keys differ, and each decodes to a point that is not of small order.
    pub fn new(threshold: u16, peers: impl Into<Vec<PeerKey>>) -> Result<Self, PolicyError> {
        let peers = peers.into();
        if peers.len() > usize::from(u16::MAX) {
            return Err(PolicyError::TooManyPeers(peers.len()));
        }
        if threshold == 0 || usize::from(threshold) > peers.len() {
            return Err(PolicyError::Threshold { threshold, peers: peers.len() });
        }
        let mut seen = HashMap::with_capacity(peers.len());
        for (second, key) in peers.iter().enumerate() {
            if let Some(first) = seen.insert(key, second) {
                return Err(PolicyError::SameKey { first, second });
            }
        }
        let points = peers
            .iter()
            .enumerate()
            .map(|(peer, key)| key.decode().map_err(|reason| PolicyError::Key { peer, reason }));
        let points = points.collect::<Result<_, _>>()?;
        Ok(Policy { threshold, peers, points })
    }

    /// How many peers must endorse.
    pub fn threshold(&self) -> u16 {
        self.threshold
    }

    /// The peers' keys.
    pub fn peers(&self) -> &[PeerKey] {
        &self.peers
    }

    /// A verdict for each message, in order. Verifies all Ed25519 signatures in one
    /// call to `engine`, under `rule`, and at the same time the P-256 signatures on the
    /// engine's threads. The report is that of the engine's call.
    ///
    /// # Errors
    /// [`Error::Fault`] if every back end failed, [`Error::Unavailable`] if the system
    /// starts no threads.
    pub fn verify(
        &self,
        engine: &Engine,
        rule: Rule,
        messages: &[Endorsed<'_>],
    ) -> Result<Outcome<Vec<EndorsementVerdict>>, Error> {
        let (ed25519, p256) = engine.threads()?.run(|| {
            rayon::join(|| engine.verify(rule, &self.ed25519_batch(messages)), || self.verify_p256(messages))
        });
        Ok(ed25519?.map(|ed25519| {
            let mut ed25519 = ed25519.as_slice().iter();
            let mut p256 = p256.into_iter();
            let mut judge = |endorsement: &Endorsement| match self.peers.get(usize::from(endorsement.peer)) {
                None => Err(Refusal::NoSuchPeer),
                Some(PeerKey::P256(_)) => p256.next().expect("there is a result for each P-256 key"),
                Some(PeerKey::Ed25519(_)) => {
                    let valid = ed25519.next().expect("there is a verdict for each Ed25519 key");
                    valid.then_some(()).ok_or(Refusal::BadSignature)
                }
            };
            messages.iter().map(|message| self.conclude(message, &mut judge)).collect()
        }))
    }

    /// The endorsements by Ed25519 keys, in order.
    fn ed25519_batch(&self, messages: &[Endorsed<'_>]) -> Batch<'static> {
        let mut batch = Batch::with_capacity(0);
        for (message, endorsement) in with_messages(messages) {
            if let Some(PeerKey::Ed25519(key)) = self.peers.get(usize::from(endorsement.peer)) {
                batch.push(key, &endorsement.signature, message);
            }
        }
        batch
    }

    /// The result of each endorsement by a P-256 key, in order.
    fn verify_p256(&self, messages: &[Endorsed<'_>]) -> Vec<Result<(), Refusal>> {
        let point = |endorsement: &Endorsement| self.points.get(usize::from(endorsement.peer))?.as_ref();
        let signed = with_messages(messages).filter_map(|(message, endorsement)| {
            Some((point(endorsement)?, &endorsement.signature, message))
        });
        let signed: Vec<_> = signed.collect();
        signed.into_par_iter().map(|(key, signature, message)| check_ecdsa(key, signature, message)).collect()
    }

    fn conclude(
        &self,
        message: &Endorsed<'_>,
        mut judge: impl FnMut(&Endorsement) -> Result<(), Refusal>,
    ) -> EndorsementVerdict {
        let mut peers = Vec::new();
        let mut refused = Vec::new();
        for (position, endorsement) in message.endorsements.iter().enumerate() {
            match judge(endorsement) {
                Ok(()) => peers.push(endorsement.peer),
                Err(refusal) => refused.push((position, refusal)),
            }
        }
        peers.sort_unstable();
        peers.dedup();
        EndorsementVerdict { endorsed: peers.len() >= usize::from(self.threshold), peers, refused }
    }
}

impl PeerKey {
    /// The point of a P-256 key; none for an Ed25519 key, which the engine decodes.
    fn decode(&self) -> Result<Option<VerifyingKey>, &'static str> {
        match self {
            PeerKey::Ed25519(key) => match ed25519_dalek::VerifyingKey::from_bytes(key) {
                Ok(key) if key.is_weak() => Err("it is of small order, so anyone can sign for it"),
                Ok(_) => Ok(None),
                Err(_) => Err("it must be the encoding of a point of Ed25519's curve"),
            },
            PeerKey::P256(key) => match VerifyingKey::from_sec1_bytes(key) {
                Ok(key) => Ok(Some(key)),
                Err(_) => Err("it must be 0x02 or 0x03 and the x of a point of P-256"),
            },
        }
    }
}

/// Each endorsement with its message, in order.
fn with_messages<'a>(messages: &'a [Endorsed<'a>]) -> impl Iterator<Item = (&'a [u8], &'a Endorsement)> {
    let endorsements =
        |endorsed: &'a Endorsed<'a>| endorsed.endorsements.iter().map(|one| (endorsed.message, one));
    messages.iter().flat_map(endorsements)
}

fn check_ecdsa(key: &VerifyingKey, signature: &[u8; 64], message: &[u8]) -> Result<(), Refusal> {
    let signature = Signature::from_slice(signature).map_err(|_| Refusal::BadSignature)?;
    key.verify(message, &signature).map_err(|_| Refusal::BadSignature)?;
    if signature.normalize_s() != signature { Err(Refusal::HighS) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::Signer as _;
    use proptest::prelude::*;

    use super::*;
    use verilane::parse_hex;

    /// RFC 6979, appendix A.2.5: a key on P-256, and its signatures with SHA-256.
    const RFC6979_KEY: &str = "0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
    const SAMPLE: &str = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
                          f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
    const TEST: &str = "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367\
                        019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083";

    /// A peer's secret key.
    enum Signatory {
        Ed25519(ed25519_dalek::SigningKey),
        P256(p256::ecdsa::SigningKey),
    }

    impl Signatory {
        /// A peer with an Ed25519 key for an even seed, a P-256 key for an odd one.
        fn new(seed: u8) -> Self {
            if seed.is_multiple_of(2) {
                return Signatory::Ed25519(ed25519_dalek::SigningKey::from_bytes(&[seed + 1; 32]));
            }
            Signatory::P256(p256::ecdsa::SigningKey::from_slice(&[seed + 1; 32]).unwrap())
        }

        fn key(&self) -> PeerKey {
            match self {
                Signatory::Ed25519(key) => PeerKey::Ed25519(key.verifying_key().to_bytes()),
                Signatory::P256(key) => {
                    let point = key.verifying_key().to_sec1_point(true);
                    PeerKey::P256(point.as_bytes().try_into().unwrap())
                }
            }
        }

        fn sign(&self, message: &[u8]) -> [u8; 64] {
            match self {
                Signatory::Ed25519(key) => key.sign(message).to_bytes(),
                Signatory::P256(key) => {
                    let signature: Signature = key.sign(message);
                    signature.normalize_s().to_bytes().into()
                }
            }
        }
    }

    fn verify(policy: &Policy, messages: &[Endorsed<'_>]) -> Vec<EndorsementVerdict> {
        policy.verify(&Engine::new().unwrap(), Rule::Strict, messages).unwrap().into_inner()
    }

    #[test]
    fn published_signatures_on_p256() {
        let policy = Policy::new(1, [PeerKey::P256(parse_hex(RFC6979_KEY).unwrap())]).unwrap();
        let [sample, test] =
            [SAMPLE, TEST].map(|hex| Endorsement { peer: 0, signature: parse_hex(hex).unwrap() });
        let low = Signature::from_slice(&sample.signature).unwrap().normalize_s();
        let low = Endorsement { peer: 0, signature: low.to_bytes().into() };
        let verdict = |message: &[u8], endorsement| {
            verify(&policy, &[Endorsed { message, endorsements: &[endorsement] }]).remove(0)
        };
        let good = EndorsementVerdict { endorsed: true, peers: vec![0], refused: vec![] };
        let bad =
            |refusal| EndorsementVerdict { endorsed: false, peers: vec![], refused: vec![(0, refusal)] };
        assert_eq!(verdict(b"test", test), good);
        assert_eq!(verdict(b"sample", sample), bad(Refusal::HighS));
        assert_eq!(verdict(b"sample", low), good);
        assert_eq!(verdict(b"Sample", sample), bad(Refusal::BadSignature));
        assert_eq!(verdict(b"Sample", low), bad(Refusal::BadSignature));
        // No signature has r = 0, or s above the group's order.
        let mut none = test;
        none.signature[..32].fill(0);
        assert_eq!(verdict(b"test", none), bad(Refusal::BadSignature));
        none = test;
        none.signature[32..].fill(0xff);
        assert_eq!(verdict(b"test", none), bad(Refusal::BadSignature));
    }

    #[test]
    fn invalid_policies_are_refused() {
        let [a, b] = [0, 1].map(|seed| Signatory::new(seed).key());
        let refused = |threshold, peers: &[PeerKey]| Policy::new(threshold, peers).unwrap_err();
        assert_eq!(refused(0, &[a, b]), PolicyError::Threshold { threshold: 0, peers: 2 });
        assert_eq!(refused(3, &[a, b]), PolicyError::Threshold { threshold: 3, peers: 2 });
        assert_eq!(refused(1, &[]), PolicyError::Threshold { threshold: 1, peers: 0 });
        assert_eq!(refused(1, &vec![a; 65_536]), PolicyError::TooManyPeers(65_536));
        assert_eq!(refused(2, &[b, a, b]), PolicyError::SameKey { first: 0, second: 2 });
        let reason = |key| match refused(1, &[a, key]) {
            PolicyError::Key { peer: 1, reason } => reason,
            other => panic!("{other}"),
        };
        assert!(reason(PeerKey::Ed25519([0; 32])).contains("small order"));
        assert!(reason(PeerKey::Ed25519([2; 32])).contains("curve"), "2 + 2·256 + … is no point's y");
        // An x above the field's modulus, an uncompressed point's tag, the point at infinity.
        for (tag, x) in [(2, 0xff), (4, 1), (0, 0)] {
            let mut key = [x; 33];
            key[0] = tag;
            assert!(reason(PeerKey::P256(key)).contains("0x02 or 0x03"), "{tag}");
        }
        assert!(Policy::new(2, [a, b]).is_ok());
    }

    /// What the test does to a signature before it verifies it.
    #[derive(Clone, Copy, Debug)]
    enum Damage {
        None,
        OtherMessage,
        FlippedBit(usize),
    }

    fn damages() -> impl Strategy<Value = Damage> {
        prop_oneof![
            3 => Just(Damage::None),
            1 => Just(Damage::OtherMessage),
            1 => (0..512_usize).prop_map(Damage::FlippedBit),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// The oracle is the damage done to each signature.
        #[test]
        fn each_peer_counts_once_and_every_refusal_is_named(
            threshold in 1..=5_u16,
            plan in prop::collection::vec(prop::collection::vec((0..7_u16, damages()), 0..8), 0..6),
        ) {
            let peers: Vec<_> = (0..5).map(Signatory::new).collect();
            let policy = Policy::new(threshold, peers.iter().map(Signatory::key).collect::<Vec<_>>()).unwrap();
            let messages: Vec<_> = (0..plan.len()).map(|index| format!("message {index}")).collect();
            let endorse = |message: &str, &(peer, damage): &(u16, Damage)| {
                let Some(signatory) = peers.get(usize::from(peer)) else {
                    return Endorsement { peer, signature: [0; 64] };
                };
                let mut signature = match damage {
                    Damage::OtherMessage => signatory.sign(b"another"),
                    _ => signatory.sign(message.as_bytes()),
                };
                if let Damage::FlippedBit(bit) = damage {
                    signature[bit / 8] ^= 1 << (bit % 8);
                }
                Endorsement { peer, signature }
            };
            let endorsements: Vec<Vec<_>> = plan.iter().zip(&messages)
                .map(|(plan, message)| plan.iter().map(|one| endorse(message, one)).collect())
                .collect();
            let endorsed: Vec<_> = messages.iter().zip(&endorsements)
                .map(|(message, endorsements)| Endorsed { message: message.as_bytes(), endorsements })
                .collect();
            for (verdict, plan) in verify(&policy, &endorsed).iter().zip(&plan) {
                let good = |&&(peer, damage): &&(u16, Damage)| peer < 5 && matches!(damage, Damage::None);
                let peers: std::collections::BTreeSet<u16> = plan.iter().filter(good).map(|one| one.0).collect();
                let refused = plan.iter().enumerate().filter(|(_, one)| !good(one));
                let refused: Vec<_> = refused
                    .map(|(at, one)| (at, if one.0 < 5 { Refusal::BadSignature } else { Refusal::NoSuchPeer }))
                    .collect();
                prop_assert_eq!(verdict.endorsed, peers.len() >= usize::from(threshold));
                prop_assert_eq!(&verdict.peers, &peers.into_iter().collect::<Vec<_>>());
                prop_assert_eq!(&verdict.refused, &refused);
            }
        }
    }
}
