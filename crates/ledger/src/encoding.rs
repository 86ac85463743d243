//! The canonical encoding: integers are little-endian, a length stands before each
//! byte string, and each value has one encoding.

use verilane::{Digest, ed25519::Rule};

/// Bytes that are not an encoding of the expected value, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {at}: {reason}")]
#[non_exhaustive]
pub struct DecodeError {
    /// The position of the first byte that is wrong, from the start of the encoding.
    pub at: usize,
    /// What is wrong, and what would be valid.
    pub reason: String,
}

/// Reads values one after the other. Checks each length against the remaining bytes
/// before it allocates.
#[derive(Clone, Debug)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Decoder<'a> {
    /// A decoder at the first of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Decoder { bytes, at: 0 }
    }

    /// The position of the next byte.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The number of bytes not read yet.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The error that says what is wrong at position `at`.
    ///
    /// # Errors
    /// Always.
    pub fn refuse<T>(&self, at: usize, reason: impl Into<String>) -> Result<T, DecodeError> {
        Err(DecodeError { at, reason: reason.into() })
    }

    /// The next `length` bytes; `what` names them in the error.
    ///
    /// # Errors
    /// [`DecodeError`] if fewer bytes are left.
    pub fn bytes(&mut self, length: usize, what: &str) -> Result<&'a [u8], DecodeError> {
        if length > self.remaining() {
            let remaining = self.remaining();
            return self.refuse(self.at, format!("{what} takes {length} bytes, {remaining} are left"));
        }
        let start = self.at;
        self.at += length;
        Ok(&self.bytes[start..self.at])
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], DecodeError> {
        Ok(self.bytes(N, what)?.try_into().expect("there are N bytes"))
    }

    /// The next byte.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn u8(&mut self, what: &str) -> Result<u8, DecodeError> {
        Ok(u8::from_le_bytes(self.array(what)?))
    }

    /// The next 16-bit number.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn u16(&mut self, what: &str) -> Result<u16, DecodeError> {
        Ok(u16::from_le_bytes(self.array(what)?))
    }

    /// The next 32-bit number.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn u32(&mut self, what: &str) -> Result<u32, DecodeError> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    /// The next 64-bit number.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn u64(&mut self, what: &str) -> Result<u64, DecodeError> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    /// The next digest.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn digest(&mut self, what: &str) -> Result<Digest, DecodeError> {
        Ok(Digest(self.array(what)?))
    }

    /// The next byte as a boolean, 0 or 1.
    ///
    /// # Errors
    /// [`DecodeError`] if it is another number, or if no byte is left.
    pub fn flag(&mut self, what: &str) -> Result<bool, DecodeError> {
        let at = self.at;
        match self.u8(what)? {
            0 => Ok(false),
            1 => Ok(true),
            other => self.refuse(at, format!("{what} is {other}: 0 or 1 would be valid")),
        }
    }

    /// The next 32-bit number, as the count of the items that follow, each of at
    /// least `width` bytes.
    ///
    /// # Errors
    /// [`DecodeError`] if the remaining bytes cannot hold so many.
    ///
    /// # Panics
    /// If `width` is 0.
    pub fn count(&mut self, width: usize, what: &str) -> Result<usize, DecodeError> {
        let at = self.at;
        let count = self.u32(what)? as usize;
        if count > self.remaining() / width {
            let most = self.remaining() / width;
            return self.refuse(at, format!("{what} is {count}, but the bytes left hold {most} at most"));
        }
        Ok(count)
    }

    /// Ends decoding.
    ///
    /// # Errors
    /// [`DecodeError`] if bytes are left.
    pub fn finish(self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            more => self.refuse(self.at, format!("the encoding ends here, {more} bytes follow")),
        }
    }
}

/// The number that encodes an acceptance rule.
pub fn rule_number(rule: Rule) -> u8 {
    match rule {
        Rule::Rfc8032 => 0,
        Rule::Strict => 1,
        Rule::Zip215 => 2,
    }
}

impl Decoder<'_> {
    /// The next byte as an acceptance rule.
    ///
    /// # Errors
    /// [`DecodeError`] if the number stands for none, or if no byte is left.
    pub fn rule(&mut self) -> Result<Rule, DecodeError> {
        let at = self.at;
        let number = self.u8("the acceptance rule")?;
        let rule = Rule::ALL.into_iter().find(|&rule| rule_number(rule) == number);
        rule.map_or_else(
            || self.refuse(at, format!("{number} is no acceptance rule: 0, 1 or 2 would be valid")),
            Ok,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_checked_before_use() {
        let mut decoder = Decoder::new(&[255, 255, 255, 255, 0, 0, 0, 0]);
        let refused = decoder.count(4, "the number of lists").unwrap_err();
        assert_eq!((refused.at, refused.reason.contains("hold 1 at most")), (0, true), "{refused}");
        let mut decoder = Decoder::new(&[2, 0]);
        assert_eq!(decoder.flag("the flag").unwrap_err().at, 0);
        assert_eq!(
            decoder.u64("the time").unwrap_err(),
            DecodeError { at: 1, reason: "the time takes 8 bytes, 1 are left".into() }
        );
        assert!(Decoder::new(&[0]).finish().unwrap_err().reason.contains("1 bytes follow"));
    }
}
