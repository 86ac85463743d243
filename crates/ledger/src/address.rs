//! Addresses: digests that stand for public keys.

use std::fmt;
use std::str::FromStr;

use ripemd::Ripemd160;
use sha2::{Digest as _, Sha256};

use verilane::{Error, parse_hex};

/// RIPEMD-160 of the SHA-256 of a public key: Bitcoin's hash160, and the address
/// of Wang, Wang and Zhang, "Study on the Application of Block Chain Technology
/// in Smart Medical Information Storage" (2018).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub [u8; 20]);

impl Address {
    /// The address of a public key, in the encoding that its owner uses.
    pub fn of(public_key: &[u8]) -> Self {
        Address(Ripemd160::digest(Sha256::digest(public_key)).into())
    }
}

/// Lower-case hexadecimal, first byte first.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Address {
    type Err = Error;

    /// Reads 40 hexadecimal digits, first byte first.
    fn from_str(hex: &str) -> Result<Self, Error> {
        parse_hex(hex).map(Address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_addresses() {
        // The Bitcoin wiki's "Technical background of version 1 Bitcoin addresses".
        let key: [u8; 33] =
            parse_hex("0250863ad64a87ae8a2fe83c1af1a8403cb53f53e486d8511dad8a04887e5b2352").unwrap();
        assert_eq!(Address::of(&key).to_string(), "f54a5851e9372b87810a8e60cdd2e7cfd80b6e31");
        // The key that Bitcoin's genesis block pays: 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa.
        let key: [u8; 65] = parse_hex(
            "04678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb6\
             49f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5f",
        )
        .unwrap();
        assert_eq!(Address::of(&key).to_string(), "62e907b15cbf27d5425399ebf6f0fb50ebb88f18");
    }

    #[test]
    fn addresses_parse_from_their_display() {
        let address = Address(std::array::from_fn(|i| 13 * i as u8));
        assert_eq!(address.to_string().parse::<Address>().unwrap(), address);
        assert!(matches!("00".parse::<Address>(), Err(Error::Hex { expected: 40, found: 2, .. })));
    }
}
