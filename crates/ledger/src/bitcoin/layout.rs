//! The bounds of a block's transactions, found without allocating.
//!
//! Decoding into the types of the `bitcoin` crate takes more time than all hashing. The
//! tests compare this parser with that crate.

use std::fmt;

/// The length of a block header in bytes.
pub const HEADER: usize = 80;

/// The parts of a transaction with witness data (BIP 144), as positions in the buffer.
/// Without marker, flag and witnesses, the transaction is the message of its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segwit {
    /// The start of the version, before marker and flag.
    start: usize,
    /// The start of the inputs, with their count.
    inputs: usize,
    /// The end of the outputs and start of the witnesses.
    outputs_end: usize,
    /// The end of the lock time.
    end: usize,
}

impl Segwit {
    /// The transaction without its witnesses, in parts, in order.
    pub fn stripped<'a>(&self, bytes: &'a [u8]) -> [&'a [u8]; 3] {
        [
            &bytes[self.start..self.start + 4],
            &bytes[self.inputs..self.outputs_end],
            &bytes[self.end - 4..self.end],
        ]
    }
}

/// Why bytes are not a block, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayoutError {
    /// The position of the first byte that is wrong.
    pub at: usize,
    /// What is wrong.
    pub kind: LayoutErrorKind,
}

/// What is wrong with a block's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayoutErrorKind {
    /// The bytes end inside this part.
    Ends(&'static str),
    /// A count or length is not in its shortest encoding.
    NotMinimal(&'static str),
    /// The block has no transactions.
    NoTransactions,
    /// The flag after the segwit marker is not 1, or a transaction has no inputs.
    Flag(u8),
    /// The segwit flag is set, but every witness is empty.
    NoWitness,
}

impl fmt::Display for LayoutErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LayoutErrorKind::Ends(part) => write!(f, "the data ends inside {part}"),
            LayoutErrorKind::NotMinimal(part) => write!(f, "{part} is not encoded in the shortest form"),
            LayoutErrorKind::NoTransactions => {
                f.write_str("a block has at least one transaction, this has none")
            }
            LayoutErrorKind::Flag(flag) => {
                write!(f, "a transaction has no input, or the segwit flag {flag} instead of 1")
            }
            LayoutErrorKind::NoWitness => {
                f.write_str("witness data is announced, but every witness is empty")
            }
        }
    }
}

/// Reads the parts of a block one after the other.
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at `at`, which must be within `bytes`.
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Cursor { bytes, at }
    }

    /// The position of the next byte.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Skips the header.
    pub fn header(&mut self) -> Result<(), LayoutError> {
        self.skip(HEADER as u64, "the block header")
    }

    /// Reads the number of transactions.
    pub fn transaction_count(&mut self) -> Result<u64, LayoutError> {
        let at = self.at;
        match self.compact_size("the number of transactions")? {
            0 => Err(LayoutError { at, kind: LayoutErrorKind::NoTransactions }),
            count => Ok(count),
        }
    }

    /// Skips a transaction. Gives its parts if it has witness data.
    pub fn transaction(&mut self) -> Result<Option<Segwit>, LayoutError> {
        let start = self.at;
        self.skip(4, "a transaction's version")?;
        if self.bytes.get(self.at) != Some(&0) {
            self.inputs()?;
            self.outputs()?;
            self.skip(4, LOCK_TIME)?;
            return Ok(None);
        }
        self.at += 1;
        let flag = *self.bytes.get(self.at).ok_or(self.ends("a segwit flag"))?;
        if flag != 1 {
            return Err(LayoutError { at: self.at, kind: LayoutErrorKind::Flag(flag) });
        }
        self.at += 1;
        let inputs = self.at;
        let count = self.inputs()?;
        self.outputs()?;
        let outputs_end = self.at;
        self.witnesses(count)?;
        self.skip(4, LOCK_TIME)?;
        Ok(Some(Segwit { start, inputs, outputs_end, end: self.at }))
    }

    fn inputs(&mut self) -> Result<u64, LayoutError> {
        let count = self.compact_size("the number of inputs")?;
        for _ in 0..count {
            self.skip(36, "an outpoint")?;
            self.skip_bytes("an input's script")?;
            self.skip(4, "a sequence number")?;
        }
        Ok(count)
    }

    fn outputs(&mut self) -> Result<(), LayoutError> {
        for _ in 0..self.compact_size("the number of outputs")? {
            self.skip(8, "an output's amount")?;
            self.skip_bytes("an output's script")?;
        }
        Ok(())
    }

    fn witnesses(&mut self, inputs: u64) -> Result<(), LayoutError> {
        let at = self.at;
        let mut any = false;
        for _ in 0..inputs {
            let items = self.compact_size("the number of witness items")?;
            any |= items > 0;
            for _ in 0..items {
                self.skip_bytes("a witness item")?;
            }
        }
        if !any {
            return Err(LayoutError { at, kind: LayoutErrorKind::NoWitness });
        }
        Ok(())
    }

    /// Skips a length and a byte string of that length.
    #[inline]
    fn skip_bytes(&mut self, part: &'static str) -> Result<(), LayoutError> {
        let length = self.compact_size(part)?;
        self.skip(length, part)
    }

    #[inline]
    fn skip(&mut self, length: u64, part: &'static str) -> Result<(), LayoutError> {
        if length > (self.bytes.len() - self.at) as u64 {
            return Err(self.ends(part));
        }
        self.at += length as usize;
        Ok(())
    }

    /// Reads Bitcoin's compact size: one byte below 253, or 253, 254 or 255 and the value
    /// in 2, 4 or 8 bytes.
    #[inline]
    fn compact_size(&mut self, part: &'static str) -> Result<u64, LayoutError> {
        let first = *self.bytes.get(self.at).ok_or(self.ends(part))?;
        let (width, least) = match first {
            253 => (2, 253),
            254 => (4, 1 << 16),
            255 => (8, 1 << 32),
            small => {
                self.at += 1;
                return Ok(small.into());
            }
        };
        let digits = self.bytes.get(self.at + 1..self.at + 1 + width).ok_or(self.ends(part))?;
        let value = digits.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte));
        if value < least {
            return Err(LayoutError { at: self.at, kind: LayoutErrorKind::NotMinimal(part) });
        }
        self.at += 1 + width;
        Ok(value)
    }

    fn ends(&self, part: &'static str) -> LayoutError {
        LayoutError { at: self.bytes.len(), kind: LayoutErrorKind::Ends(part) }
    }
}

const LOCK_TIME: &str = "a transaction's lock time";

#[cfg(test)]
mod tests {
    use ::bitcoin::consensus::{Decodable, serialize};
    use ::bitcoin::{Transaction, TxIn, TxOut, Witness, absolute, transaction};
    use proptest::prelude::*;

    use super::*;

    fn parse(bytes: &[u8]) -> Result<(usize, Vec<u8>), LayoutError> {
        let mut cursor = Cursor::new(bytes, 0);
        let segwit = cursor.transaction()?;
        let id = segwit.map_or(bytes[..cursor.at()].to_vec(), |parts| parts.stripped(bytes).concat());
        Ok((cursor.at(), id))
    }

    /// The transaction that the `bitcoin` crate decodes from the same bytes, and its length.
    fn decode(bytes: &[u8]) -> Option<(usize, Transaction)> {
        let mut rest = bytes;
        let transaction = Transaction::consensus_decode_from_finite_reader(&mut rest).ok()?;
        Some((bytes.len() - rest.len(), transaction))
    }

    fn stripped(mut transaction: Transaction) -> Vec<u8> {
        transaction.input.iter_mut().for_each(|input| input.witness.clear());
        serialize(&transaction)
    }

    fn transactions() -> impl Strategy<Value = Transaction> {
        let blob = || prop_oneof![4 => 0..80_usize, 1 => 250..260_usize];
        let input = (blob(), prop::collection::vec(blob(), 0..3));
        (prop::collection::vec(input, 1..5), prop::collection::vec(blob(), 0..5)).prop_map(
            |(inputs, outputs)| {
                let input = inputs.into_iter().map(|(script, witness)| TxIn {
                    script_sig: vec![0x51; script].into(),
                    witness: Witness::from_slice(
                        &witness.iter().map(|&length| vec![7; length]).collect::<Vec<_>>(),
                    ),
                    ..TxIn::default()
                });
                let output = outputs.into_iter().map(|length| TxOut {
                    value: ::bitcoin::Amount::from_sat(1),
                    script_pubkey: vec![0x6a; length].into(),
                });
                Transaction {
                    version: transaction::Version::TWO,
                    lock_time: absolute::LockTime::ZERO,
                    input: input.collect(),
                    output: output.collect(),
                }
            },
        )
    }

    proptest! {
        #[test]
        fn valid_transactions_are_parsed_and_stripped(transaction in transactions()) {
            let bytes = serialize(&transaction);
            prop_assert_eq!(parse(&bytes).unwrap(), (bytes.len(), stripped(transaction)));
        }

        /// The parser accepts exactly what the `bitcoin` crate accepts.
        #[test]
        fn damaged_transactions_are_refused_as_the_crate_refuses_them(
            transaction in transactions(), at: prop::sample::Index, value: u8, cut: prop::sample::Index,
        ) {
            let mut bytes = serialize(&transaction);
            let at = at.index(bytes.len());
            bytes[at] = value;
            bytes.truncate(bytes.len() - cut.index(bytes.len()) % 3);
            match decode(&bytes) {
                Some((length, transaction)) if transaction.input.is_empty() => {
                    // Bitcoin Core calls this a superfluous witness record.
                    prop_assert_eq!(parse(&bytes).unwrap_err().kind, LayoutErrorKind::NoWitness);
                    prop_assert!(length <= bytes.len());
                }
                Some((length, transaction)) => {
                    prop_assert_eq!(parse(&bytes).unwrap(), (length, stripped(transaction)));
                }
                None => prop_assert!(parse(&bytes).unwrap_err().at <= bytes.len()),
            }
        }
    }

    #[test]
    fn errors_say_where_and_what() {
        let ends = |part| LayoutErrorKind::Ends(part);
        for (bytes, at, kind) in [
            (&[1, 0, 0][..], 3, ends("a transaction's version")),
            (&[1, 0, 0, 0], 4, ends("the number of inputs")),
            (&[1, 0, 0, 0, 0], 5, ends("a segwit flag")),
            (&[1, 0, 0, 0, 0, 2], 5, LayoutErrorKind::Flag(2)),
            (&[1, 0, 0, 0, 0, 1, 0, 0], 8, LayoutErrorKind::NoWitness),
            (&[1, 0, 0, 0, 253, 1, 0], 4, LayoutErrorKind::NotMinimal("the number of inputs")),
            (&[1, 0, 0, 0, 255, 0, 0, 0, 0, 1, 0, 0, 0], 13, ends("an outpoint")),
        ] {
            assert_eq!(parse(bytes), Err(LayoutError { at, kind }), "{bytes:?}");
        }
        let mut block = vec![0; 81];
        let mut cursor = Cursor::new(&block, 0);
        cursor.header().unwrap();
        assert_eq!(
            cursor.transaction_count(),
            Err(LayoutError { at: 80, kind: LayoutErrorKind::NoTransactions })
        );
        block.truncate(79);
        assert_eq!(Cursor::new(&block, 0).header().unwrap_err().at, 79);
    }
}
