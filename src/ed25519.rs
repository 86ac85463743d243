//! Ed25519 batches, verdicts, and the acceptance rules.
//!
//! RFC 8032 leaves open whether some signatures that no honest signer makes are
//! valid, and libraries differ. Nodes that must agree need the same rule: it is part of
//! their consensus. So the engine has no default rule; each call names one.
//!
//! Verification handles public data only and runs in variable time.
//!
//! # Independence
//! Under [`Rule::Rfc8032`] and [`Rule::Strict`] every back end verifies each signature by
//! itself. A verdict never depends on the other signatures of the batch.
//!
//! Under [`Rule::Zip215`] the CPU back end, at any instruction set above
//! [`Isa::Scalar`](crate::cpu::Isa::Scalar), may verify a call of 256 signatures or more
//! by random linear combinations: with a coefficient z for each of n signatures, it checks
//! \[8\] Σ \[z\](R + \[k\]A − \[S\]B) = 0. Valid signatures always satisfy it. If one is
//! invalid, at most 2 of the 2¹²⁶ equally likely draws of its coefficient, a sign and 125
//! bits, satisfy it: an equation accepts an invalid signature with probability at most
//! 2⁻¹²⁵. If an equation fails, the batch is split to find the invalid signatures. The
//! coefficients are a hash of all keys, signatures and values of k, so an attacker has to
//! try about 2¹²⁵ batches, as much work as breaking a key.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

#[cfg(feature = "queue")]
use crate::records::clear;
use crate::{Error, Records};

/// Which signatures are accepted.
///
/// `A` is the public key, `R ‖ S` the signature, `B` the base point, `L` its
/// order, and `k` = SHA-512(R ‖ A ‖ M) mod `L`, over the encodings as given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The cofactorless equation of RFC 8032, section 5.1.7, as `verify` of
    /// ed25519-dalek, OpenSSL and Go check it.
    ///
    /// - `S` MUST be lower than `L`.
    /// - `A` MUST decode to a point of the curve; its `y` need not be reduced.
    /// - The encoding of \[S\]B − \[k\]A MUST equal the bytes of `R`.
    Rfc8032,
    /// [`Rfc8032`](Rule::Rfc8032) with two more checks, as in `verify_strict` of
    /// ed25519-dalek, which Solana uses.
    ///
    /// - `R` MUST decode to a point of the curve.
    /// - Neither `A` nor `R` may be of small order.
    Strict,
    /// ZIP 215, the rule of Zcash and CometBFT: the cofactored equation, the only one for
    /// which verification in batches agrees with verification one by one.
    ///
    /// - `S` MUST be lower than `L`.
    /// - `A` and `R` MUST decode to points of the curve; their `y` need not be reduced.
    /// - \[8\]\[S\]B = \[8\]R + \[8\]\[k\]A MUST hold.
    ///
    /// Anyone can sign for a key of small order, such as the all-zero key. Where keys are
    /// identities, reject such keys before verifying under this rule.
    Zip215,
}

impl Rule {
    /// All rules.
    pub const ALL: [Rule; 3] = [Rule::Rfc8032, Rule::Strict, Rule::Zip215];

    /// Whether one signature is valid under this rule, by the crate that is its oracle:
    /// ed25519-zebra for [`Zip215`](Rule::Zip215), ed25519-dalek for the others.
    #[must_use]
    pub fn accepts(self, public_key: &[u8; 32], signature: &[u8; 64], message: &[u8]) -> bool {
        if self == Rule::Zip215 {
            return ed25519_zebra::VerificationKey::try_from(*public_key)
                .is_ok_and(|key| key.verify(&(*signature).into(), message).is_ok());
        }
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        ed25519_dalek::VerifyingKey::from_bytes(public_key).is_ok_and(|key| match self {
            Rule::Strict => key.verify_strict(message, &signature).is_ok(),
            _ => ed25519_dalek::Verifier::verify(&key, message, &signature).is_ok(),
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Rule::Rfc8032 => "rfc8032",
            Rule::Strict => "strict",
            Rule::Zip215 => "zip215",
        })
    }
}

impl FromStr for Rule {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Rule::ALL.into_iter().find(|rule| rule.to_string() == name).ok_or_else(|| Error::Name {
            what: "acceptance rule",
            name: name.into(),
            choices: "rfc8032, strict, zip215",
        })
    }
}

/// Signatures to verify: columns of public keys (32 bytes each), signatures (64 bytes each)
/// and messages (of any length).
#[derive(Clone, Debug, Default)]
pub struct Batch<'a> {
    keys: Cow<'a, [[u8; 32]]>,
    signatures: Cow<'a, [[u8; 64]]>,
    messages: Records<'a>,
}

impl<'a> Batch<'a> {
    /// An empty batch with capacity for `n` signatures.
    ///
    /// # Panics
    /// If the capacity is more than memory can have, as [`Vec::with_capacity`] does.
    pub fn with_capacity(n: usize) -> Batch<'static> {
        Batch {
            keys: Cow::Owned(Vec::with_capacity(n)),
            signatures: Cow::Owned(Vec::with_capacity(n)),
            messages: Records::with_capacity(n, 0),
        }
    }

    /// A batch that borrows columns of equal length.
    ///
    /// # Errors
    /// [`Error::Columns`] if the lengths differ.
    pub fn from_columns(
        keys: &'a [[u8; 32]],
        signatures: &'a [[u8; 64]],
        messages: Records<'a>,
    ) -> Result<Self, Error> {
        if keys.len() != signatures.len() || keys.len() != messages.len() {
            return Err(Error::Columns {
                keys: keys.len(),
                signatures: signatures.len(),
                messages: messages.len(),
            });
        }
        Ok(Batch { keys: Cow::Borrowed(keys), signatures: Cow::Borrowed(signatures), messages })
    }

    /// Appends a signature by `public_key` over `message`. Borrowed columns are copied first.
    pub fn push(&mut self, public_key: &[u8; 32], signature: &[u8; 64], message: &[u8]) {
        self.keys.to_mut().push(*public_key);
        self.signatures.to_mut().push(*signature);
        self.messages.push(message);
    }

    /// Removes all signatures and keeps the capacity of owned columns.
    #[cfg(feature = "queue")]
    pub(crate) fn clear(&mut self) {
        clear(&mut self.keys);
        clear(&mut self.signatures);
        self.messages.clear();
    }

    /// The number of signatures.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no signature.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The public keys `A`, encoded as in RFC 8032, section 5.1.2.
    pub fn keys(&self) -> &[[u8; 32]] {
        &self.keys
    }

    /// The signatures `R ‖ S`.
    pub fn signatures(&self) -> &[[u8; 64]] {
        &self.signatures
    }

    /// The messages `M`.
    pub fn messages(&self) -> &Records<'a> {
        &self.messages
    }

    /// The signatures at the positions `range`, borrowed.
    ///
    /// # Panics
    /// If `range` starts after its end or ends past the last signature, as slicing does.
    pub fn slice(&self, range: Range<usize>) -> Batch<'_> {
        Batch {
            keys: Cow::Borrowed(&self.keys[range.clone()]),
            signatures: Cow::Borrowed(&self.signatures[range.clone()]),
            messages: self.messages.slice(range),
        }
    }
}

/// A verdict for each signature of a batch, in the order of the batch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[must_use = "a signature counts as valid only if its verdict says so"]
pub struct Verdicts(Vec<bool>);

impl Verdicts {
    pub(crate) fn new(verdicts: Vec<bool>) -> Self {
        Verdicts(verdicts)
    }

    /// Whether every signature is valid; true for an empty batch.
    #[must_use]
    pub fn all_valid(&self) -> bool {
        self.0.iter().all(|&valid| valid)
    }

    /// Whether signature `index` is valid; false if there is no such signature.
    #[must_use]
    pub fn is_valid(&self, index: usize) -> bool {
        self.0.get(index).copied().unwrap_or(false)
    }

    /// The positions of the signatures that are not valid, ascending.
    pub fn invalid(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().filter_map(|(index, &valid)| (!valid).then_some(index))
    }

    /// The number of valid signatures.
    #[must_use]
    pub fn valid_count(&self) -> usize {
        self.0.iter().filter(|&&valid| valid).count()
    }

    /// Whether each signature is valid.
    #[must_use]
    pub fn as_slice(&self) -> &[bool] {
        &self.0
    }
}

impl IntoIterator for Verdicts {
    type Item = bool;
    type IntoIter = std::vec::IntoIter<bool>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Verdicts {
    type Item = bool;
    type IntoIter = std::iter::Copied<std::slice::Iter<'a, bool>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().copied()
    }
}

#[cfg(test)]
pub(crate) mod half_size;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_different_lengths_are_rejected() {
        let messages = Records::from_slices(["a", "b"]);
        let result = Batch::from_columns(&[[0; 32]; 2], &[[0; 64]; 3], messages);
        assert!(matches!(result, Err(Error::Columns { keys: 2, signatures: 3, messages: 2 })));
    }

    #[test]
    fn verdicts_count_and_list_invalid_signatures() {
        let verdicts = Verdicts::new(vec![true, false, true, false]);
        assert_eq!(verdicts.invalid().collect::<Vec<_>>(), [1, 3]);
        assert_eq!((verdicts.valid_count(), verdicts.all_valid()), (2, false));
        assert!(verdicts.is_valid(2) && !verdicts.is_valid(4));
        assert!(Verdicts::new(vec![]).all_valid());
        assert!((&verdicts).into_iter().eq([true, false, true, false]));
        assert!(verdicts.into_iter().eq([true, false, true, false]));
    }

    #[test]
    fn rule_names_parse_back() {
        for rule in Rule::ALL {
            assert_eq!(rule.to_string().parse::<Rule>().unwrap(), rule);
        }
        assert!(matches!("zip".parse::<Rule>(), Err(Error::Name { .. })));
    }
}
