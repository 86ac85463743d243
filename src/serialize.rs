//! `serde`: what has a text form is serialized as that text.

use std::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::cpu::Isa;
use crate::ed25519::Rule;
use crate::merkle::TreeHash;
use crate::pow::Target;
use crate::{BackendKind, Digest, Hash, Placement};

macro_rules! as_text {
    ($($type:ty),*) => {
        $(
            impl Serialize for $type {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_str(self)
                }
            }

            impl<'de> Deserialize<'de> for $type {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    Cow::<str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
                }
            }
        )*
    };
}

as_text!(BackendKind, Digest, Isa, Placement, Rule, Target, TreeHash);

/// By its name. Keyed BLAKE3 is refused both ways: a key must not end up in a file by the way.
impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Hash::KeyedBlake3(_) = self {
            return Err(serde::ser::Error::custom("a key is not serialized"));
        }
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use serde::de::DeserializeOwned;
    use serde_json::{Value, from_value, json, to_value};

    use super::*;
    use crate::dedup::FirstOccurrences;
    use crate::entries::RecordVerdict;
    use crate::merkle::{Proof, Root, Subtree, Tree};
    use crate::pow::Nonce;
    use crate::signature::Verdicts;
    use crate::{BackendInfo, Key};

    fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T, form: Value) {
        assert_eq!(to_value(&value).unwrap(), form);
        assert_eq!(from_value::<T>(form).unwrap(), value);
    }

    #[test]
    fn forms_are_these() {
        let digest = Digest([0xab; 32]);
        let hex = "ab".repeat(32);
        check(digest, json!(hex));
        check(Target::from_be_bytes(digest.0), json!(hex));
        check(Hash::Sha256d, json!("sha256d"));
        check(Rule::Zip215, json!("zip215"));
        check(Isa::Avx2, json!("avx2"));
        check(Placement::On(BackendKind::Gpu), json!("gpu"));
        check(Tree::Bitcoin, json!({ "rule": "bitcoin" }));
        check(Tree::Rfc6962(TreeHash::Blake3), json!({ "rule": "rfc6962", "hash": "blake3" }));
        let root = Root { digest, mutated: true };
        check(root, json!({ "digest": hex, "mutated": true }));
        check(
            Subtree { root, leaves: 8 },
            json!({ "root": { "digest": hex, "mutated": true }, "leaves": 8 }),
        );
        check(
            Proof { tree: Tree::Plain(TreeHash::Sha256), index: 1, leaves: 2, path: vec![digest] },
            json!({ "tree": { "rule": "plain", "hash": "sha256" }, "index": 1, "leaves": 2, "path": [hex] }),
        );
        check(Nonce { nonce: 7, digest }, json!({ "nonce": 7, "digest": hex }));
        check(Verdicts::new(vec![true, false]), json!([true, false]));
        check(FirstOccurrences::new(vec![0, 0]), json!([0, 0]));
        check(RecordVerdict::HashMismatch, json!("hash_mismatch"));
        let info = BackendInfo { kind: BackendKind::Cpu, threads: 2, detail: "x".into(), software: false };
        check(info, json!({ "kind": "cpu", "threads": 2, "detail": "x", "software": false }));
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let refused = |form: Value| from_value::<Hash>(form).unwrap_err().to_string();
        assert_eq!(refused(json!("md5")), "no hash is called \"md5\": it is one of sha256, sha256d, blake3");
        assert!(from_value::<Digest>(json!("ab")).unwrap_err().to_string().contains("64 hexadecimal digits"));
        assert!(to_value(Hash::KeyedBlake3(Key([1; 32]))).is_err());
        assert!(refused(json!("keyed-blake3")).contains("no hash is called"));
    }
}
