//! The key with which Bitcoin Core obfuscates its block files.

use std::io::{self, Read};
use std::str::FromStr;

use verilane::{Error, parse_hex};

/// Eight bytes that are repeated over the file and added bit by bit; Bitcoin
/// Core 28 and later keeps them in the file `xor.dat` beside its block files.
/// The default, all zero, changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ObfuscationKey(pub [u8; 8]);

impl FromStr for ObfuscationKey {
    type Err = Error;

    /// Reads 16 hexadecimal digits.
    fn from_str(hex: &str) -> Result<Self, Error> {
        parse_hex(hex).map(ObfuscationKey)
    }
}

/// A block file read through its key.
#[derive(Debug)]
pub struct Deobfuscated<R> {
    file: R,
    /// The key, turned so that its first byte belongs to the next byte read.
    key: [u8; 8],
}

impl<R: Read> Deobfuscated<R> {
    /// Reads `file`, from its beginning, through `key`.
    pub fn new(file: R, key: ObfuscationKey) -> Self {
        Deobfuscated { file, key: key.0 }
    }
}

impl<R: Read> Read for Deobfuscated<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        if self.key == [0; 8] {
            return Ok(length);
        }
        for chunk in buffer[..length].chunks_mut(8) {
            chunk.iter_mut().zip(self.key).for_each(|(byte, key)| *byte ^= key);
        }
        self.key.rotate_left(length % 8);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_follows_the_position_over_reads_of_any_length() {
        let key: ObfuscationKey = "0102030405060708".parse().unwrap();
        let plain: Vec<u8> = (0..100).collect();
        let file: Vec<u8> = plain.iter().enumerate().map(|(at, byte)| byte ^ key.0[at % 8]).collect();
        for step in [1, 3, 8, 11, 100] {
            let mut reader = Deobfuscated::new(&file[..], key);
            let mut read = Vec::new();
            while reader.by_ref().take(step).read_to_end(&mut read).unwrap() > 0 {}
            assert_eq!(read, plain, "steps of {step}");
        }
        assert!("01020304".parse::<ObfuscationKey>().is_err());
    }
}
