//! Ed25519: the acceptance rules.
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

use std::fmt;
use std::str::FromStr;

pub(crate) use super::Batch;
use crate::Error;

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

#[cfg(test)]
pub(crate) mod half_size;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_names_parse_back() {
        for rule in Rule::ALL {
            assert_eq!(rule.to_string().parse::<Rule>().unwrap(), rule);
        }
        assert!(matches!("zip".parse::<Rule>(), Err(Error::Name { .. })));
    }
}
