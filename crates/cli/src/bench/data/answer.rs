//! What back ends answer, and how two answers differ.

use verilane::Digest;
use verilane::dedup::Seen;
use verilane::entries::BlockCheck;
use verilane::merkle::Root;
use verilane::pow::Nonce;

/// A back end's answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Digests(Vec<Digest>),
    Root(Root),
    Verdicts(Vec<bool>),
    FirstOccurrences(Vec<u32>),
    /// What an index reports for a block when it is scanned, and when it is added.
    Seen([Vec<Seen>; 2]),
    Nonce(Option<Nonce>),
    Check(BlockCheck),
}

impl Answer {
    /// Where this answer first differs from the right one, if it does.
    pub fn difference(&self, right: &Answer) -> Option<String> {
        match (self, right) {
            (Answer::Digests(a), Answer::Digests(b)) => position("digest", a, b),
            (Answer::Verdicts(a), Answer::Verdicts(b)) => position("verdict", a, b),
            (Answer::FirstOccurrences(a), Answer::FirstOccurrences(b)) => position("first occurrence", a, b),
            (Answer::Seen([scanned, added]), Answer::Seen([right, also])) => {
                position("scanned record", scanned, right).or_else(|| position("added record", added, also))
            }
            (Answer::Check(a), Answer::Check(b)) => position("verdict", &a.verdicts, &b.verdicts)
                .or_else(|| position("digest", &a.digests, &b.digests))
                .or_else(|| {
                    position(
                        "first occurrence",
                        a.first_occurrences.as_slice(),
                        b.first_occurrences.as_slice(),
                    )
                })
                .or_else(|| {
                    (a.root != b.root).then(|| format!("it is {:?} instead of {:?}", a.root, b.root))
                }),
            _ => (self != right).then(|| format!("it is {self:?} instead of {right:?}")),
        }
    }
}

fn position<T: PartialEq + std::fmt::Debug>(what: &str, answer: &[T], right: &[T]) -> Option<String> {
    let index = answer.iter().zip(right).position(|(a, b)| a != b)?;
    Some(format!("{what} {index} is {:?} instead of {:?}", answer[index], right[index]))
}
