//! The obfuscation of Bitcoin Core's block files.

use std::io::{self, Read};
use std::str::FromStr;

use verilane::{Error, parse_hex};

/// The key with which Bitcoin Core 28 and later obfuscates its block files: eight bytes,
/// repeated over the file and combined with it by XOR. Core keeps it in the file `xor.dat`
/// beside the block files. The default, all zeros, leaves a file unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ObfuscationKey(pub [u8; 8]);

impl FromStr for ObfuscationKey {
    type Err = Error;

    /// Reads 16 hexadecimal digits.
    fn from_str(hex: &str) -> Result<Self, Error> {
        parse_hex(hex).map(ObfuscationKey)
    }
}

/// A reader that removes the obfuscation of a block file.
#[derive(Debug)]
pub struct Deobfuscated<R> {
    file: R,
    /// The key, rotated so that its first byte is for the next byte of the file.
    key: [u8; 8],
}

impl<R: Read> Deobfuscated<R> {
    /// Removes the obfuscation with `key` from `file`, which must be at its beginning.
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
