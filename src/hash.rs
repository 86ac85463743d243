//! Hash functions, digests, and hexadecimal.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::Error;

/// A hash function with a 32-byte digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hash {
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// SHA-256 of the SHA-256 digest, as Bitcoin hashes headers, transactions and tree nodes.
    Sha256d,
    /// BLAKE3 in its default mode (the BLAKE3 paper, version 20211102).
    Blake3,
    /// BLAKE3 in its keyed mode. Without the key, nobody can find a message by hashing all
    /// candidates, even if there are few.
    KeyedBlake3(Key),
}

impl Hash {
    /// The digest of one message.
    pub fn digest(self, message: &[u8]) -> Digest {
        match self {
            Hash::Sha256 => Digest(Sha256::digest(message).into()),
            Hash::Sha256d => Digest(Sha256::digest(Sha256::digest(message)).into()),
            Hash::Blake3 => Digest(blake3::hash(message).into()),
            Hash::KeyedBlake3(key) => Digest(blake3::keyed_hash(&key.0, message).into()),
        }
    }
}

/// The name in lower case. The key is not shown.
impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Hash::Sha256 => "sha256",
            Hash::Sha256d => "sha256d",
            Hash::Blake3 => "blake3",
            Hash::KeyedBlake3(_) => "keyed-blake3",
        })
    }
}

/// Parses the name of a hash without a key. `keyed-blake3` is rejected: the name does not
/// contain the key.
impl FromStr for Hash {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let unkeyed = [Hash::Sha256, Hash::Sha256d, Hash::Blake3];
        unkeyed.into_iter().find(|hash| hash.to_string() == name).ok_or_else(|| Error::Name {
            what: "hash",
            name: name.into(),
            choices: "sha256, sha256d, blake3",
        })
    }
}

/// The constants of SHA-256, for the back ends that implement it.
pub(crate) mod sha256 {
    /// The initial hash value, also the IV of BLAKE3: FIPS 180-4, section 5.3.3.
    pub const INITIAL: [u32; 8] =
        [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

    /// The round constants: FIPS 180-4, section 4.2.2.
    #[rustfmt::skip]
    pub const K: [u32; 64] = [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    ];
}

/// A key of keyed BLAKE3. Its `Debug` form does not show the bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key(pub [u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl FromStr for Key {
    type Err = Error;

    /// Parses 64 hexadecimal digits, first byte first.
    fn from_str(hex: &str) -> Result<Self, Error> {
        parse_hex(hex).map(Key)
    }
}

/// A 32-byte digest.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(transparent)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest with its bytes in reverse order, as Bitcoin's tools print block hashes,
    /// transaction ids and Merkle roots.
    pub fn reversed(mut self) -> Digest {
        self.0.reverse();
        self
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// 64 lower-case hexadecimal digits, first byte first.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = Error;

    /// Parses 64 hexadecimal digits, first byte first.
    fn from_str(hex: &str) -> Result<Self, Error> {
        parse_hex(hex).map(Digest)
    }
}

/// Parses `2 * N` hexadecimal digits of either case.
///
/// # Errors
/// [`Error::Hex`] if a character is not a hexadecimal digit, or the length is not `2 * N`.
pub fn parse_hex<const N: usize>(hex: &str) -> Result<[u8; N], Error> {
    let error = |position| Error::Hex { expected: 2 * N, found: hex.len(), position };
    if let Some(position) = hex.bytes().position(|c| !c.is_ascii_hexdigit()) {
        return Err(error(Some(position)));
    }
    if hex.len() != 2 * N {
        return Err(error(None));
    }
    let pairs = hex.as_bytes().as_chunks::<2>().0;
    Ok(std::array::from_fn(|i| hex_digit(pairs[i][0]) << 4 | hex_digit(pairs[i][1])))
}

/// Parses any even number of hexadecimal digits of either case.
///
/// # Errors
/// [`Error::Hex`] if a character is not a hexadecimal digit, or the length is odd.
pub fn parse_hex_bytes(hex: &str) -> Result<Vec<u8>, Error> {
    let expected = hex.len().next_multiple_of(2);
    if let Some(position) = hex.bytes().position(|c| !c.is_ascii_hexdigit()) {
        return Err(Error::Hex { expected, found: hex.len(), position: Some(position) });
    }
    if expected != hex.len() {
        return Err(Error::Hex { expected, found: hex.len(), position: None });
    }
    let pairs = hex.as_bytes().as_chunks().0;
    Ok(pairs.iter().map(|[high, low]| hex_digit(*high) << 4 | hex_digit(*low)).collect())
}

fn hex_digit(digit: u8) -> u8 {
    char::from(digit).to_digit(16).expect("the caller has checked that it is a digit") as u8
}

/// The bytes in lower-case hexadecimal, two digits each, first byte first.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_errors_give_the_position() {
        assert_eq!(parse_hex::<2>("00fF").unwrap(), [0, 255]);
        assert!(matches!(parse_hex::<2>("00f"), Err(Error::Hex { expected: 4, found: 3, position: None })));
        assert!(matches!(parse_hex::<2>("0g00"), Err(Error::Hex { position: Some(1), .. })));
        assert!(matches!(parse_hex::<2>("0é0"), Err(Error::Hex { position: Some(1), .. })));
    }

    #[test]
    fn hex_of_any_length() {
        assert!(parse_hex_bytes("").unwrap().is_empty());
        assert_eq!(parse_hex_bytes("00fFa0").unwrap(), [0, 255, 160]);
        assert_eq!(to_hex(&[0, 255, 160]), "00ffa0");
        let odd = parse_hex_bytes("000").unwrap_err();
        assert!(matches!(odd, Error::Hex { expected: 4, found: 3, position: None }), "{odd}");
        assert!(matches!(parse_hex_bytes("00 0"), Err(Error::Hex { position: Some(2), .. })));
    }

    #[test]
    fn hash_names_parse_back() {
        for hash in [Hash::Sha256, Hash::Sha256d, Hash::Blake3] {
            assert_eq!(hash.to_string().parse::<Hash>().unwrap(), hash);
        }
        for name in ["", "SHA256", "keyed-blake3", "md5"] {
            let error = name.parse::<Hash>().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("no hash is called \"{name}\": it is one of sha256, sha256d, blake3")
            );
        }
    }

    #[test]
    fn keys_are_not_shown() {
        let hash = Hash::KeyedBlake3(Key([0xAB; 32]));
        assert_eq!(format!("{hash} {hash:?}"), "keyed-blake3 KeyedBlake3(Key(..))");
    }
}
