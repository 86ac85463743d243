//! Proof of work: header templates, targets, and the nonces that meet them.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::{Digest, Error, Hash, hash::parse_hex};

/// A range of nonces that includes both ends, so that one window can hold all 2³² nonces.
pub type NonceWindow = RangeInclusive<u32>;

/// Splits a window into parts of `size` nonces; the last may be shorter.
pub(crate) fn strides(window: &NonceWindow, size: u64) -> impl Iterator<Item = NonceWindow> + Send + use<> {
    let (start, last) = (u64::from(*window.start()), u64::from(*window.end()));
    let count = (last + 1).saturating_sub(start).div_ceil(size);
    (0..count).map(move |i| {
        let start = start + i * size;
        start as u32..=last.min(start + size - 1) as u32
    })
}

/// A nonce that meets the target, and the digest of the header with it. Exhaustive:
/// implementations of [`Backend`](crate::Backend) in other crates construct it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Nonce {
    /// The nonce.
    pub nonce: u32,
    /// SHA-256d of the header with the nonce in place.
    pub digest: Digest,
}

/// A header template and the target that its SHA-256d digest must meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Puzzle {
    header: Vec<u8>,
    nonce_offset: usize,
    target: Target,
}

impl Puzzle {
    /// The length of a Bitcoin block header in bytes.
    pub const BITCOIN_HEADER: usize = 80;

    /// A Bitcoin block header: 80 bytes, the last four of which are the nonce.
    pub fn bitcoin(header: &[u8; Self::BITCOIN_HEADER], target: Target) -> Self {
        Puzzle { header: header.to_vec(), nonce_offset: 76, target }
    }

    /// Any header with a 32-bit little-endian nonce at byte `nonce_offset`.
    ///
    /// The nonce must be an aligned word of the last 64-byte block of the padded SHA-256
    /// message (FIPS 180-4, section 5.1.1), so that the blocks before are hashed only once.
    ///
    /// # Errors
    /// [`Error::Template`] if it is not.
    pub fn new(header: &[u8], nonce_offset: usize, target: Target) -> Result<Self, Error> {
        let error = |reason| Err(Error::Template { length: header.len(), offset: nonce_offset, reason });
        if nonce_offset.checked_add(4).is_none_or(|end| end > header.len()) {
            return error("the nonce takes four bytes inside the header");
        }
        if !nonce_offset.is_multiple_of(4) {
            return error("the nonce's offset must be a multiple of 4");
        }
        // The padding takes at least 1 + 8 of the last block's 64 bytes.
        if header.len() - nonce_offset / 64 * 64 > 55 {
            return error("at most 55 bytes may follow from the start of the nonce's 64-byte block");
        }
        Ok(Puzzle { header: header.to_vec(), nonce_offset, target })
    }

    /// The header as given. A search ignores the four bytes at the nonce's offset.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// The offset of the nonce in bytes.
    pub fn nonce_offset(&self) -> usize {
        self.nonce_offset
    }

    /// The target.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The header with `nonce` in place.
    pub fn header_with(&self, nonce: u32) -> Vec<u8> {
        let mut header = self.header.clone();
        header[self.nonce_offset..][..4].copy_from_slice(&nonce.to_le_bytes());
        header
    }

    /// SHA-256d of the header with `nonce` in place.
    pub fn digest(&self, nonce: u32) -> Digest {
        Hash::Sha256d.digest(&self.header_with(nonce))
    }

    /// The nonce and its digest, if the digest meets the target.
    pub fn check(&self, nonce: u32) -> Option<Nonce> {
        let digest = self.digest(nonce);
        self.target.is_met_by(&digest).then_some(Nonce { nonce, digest })
    }
}

/// A 256-bit target. A digest meets it if the digest, read as a little-endian number, is not
/// higher.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target([u8; 32]);

impl Target {
    /// A target from its 32 bytes, most significant first.
    pub const fn from_be_bytes(bytes: [u8; 32]) -> Self {
        Target(bytes)
    }

    /// The 32 bytes of the target, most significant first.
    pub const fn to_be_bytes(self) -> [u8; 32] {
        self.0
    }

    /// The target that Bitcoin's compact form encodes: mantissa × 256^(exponent − 3), where
    /// the exponent is the highest byte, and the mantissa the other three.
    ///
    /// # Errors
    /// [`Error::Bits`] if it is negative, zero or above 2²⁵⁶ − 1, as Bitcoin Core's
    /// `CheckProofOfWork` rejects it.
    pub fn from_bits(bits: u32) -> Result<Self, Error> {
        let error = |reason| Err(Error::Bits { bits, reason });
        let [exponent, mantissa @ ..] = bits.to_be_bytes();
        let exponent = usize::from(exponent);
        if mantissa[0] & 0x80 != 0 && bits & 0x007f_ffff != 0 {
            return error("it is negative");
        }
        let mut target = [0; 32];
        // Mantissa byte i has weight 256^(exponent − 1 − i).
        for (i, &byte) in mantissa.iter().enumerate() {
            let byte = if i == 0 { byte & 0x7f } else { byte };
            match exponent.checked_sub(1 + i) {
                Some(weight) if weight < 32 => target[31 - weight] = byte,
                Some(_) if byte != 0 => return error("it is above 2^256 - 1"),
                _ => {}
            }
        }
        if target == [0; 32] {
            return error("it is zero");
        }
        Ok(Target(target))
    }

    /// Whether `digest`, read as a little-endian number, is not higher than the target.
    pub fn is_met_by(&self, digest: &Digest) -> bool {
        digest.reversed().0 <= self.0
    }

    /// The expected number of digests until one meets the target: 2²⁵⁶ / (target + 1).
    pub fn expected_hashes(&self) -> f64 {
        let target = self.0.iter().fold(0.0, |value, &byte| value * 256.0 + f64::from(byte));
        2f64.powi(256) / (target + 1.0)
    }
}

impl FromStr for Target {
    type Err = Error;

    /// Parses 64 hexadecimal digits, most significant first.
    fn from_str(hex: &str) -> Result<Self, Error> {
        parse_hex(hex).map(Target)
    }
}

/// 64 hexadecimal digits, most significant first.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Digest(self.0), f)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

/// The number of nonces in a window; 0 if its end is lower than its start.
pub fn window_size(window: &NonceWindow) -> u64 {
    (u64::from(*window.end()) + 1).saturating_sub(u64::from(*window.start()))
}

/// Checks that a window holds a nonce.
///
/// # Errors
/// [`Error::EmptyWindow`] if the window's end is lower than its start.
pub(crate) fn check_window(window: &NonceWindow) -> Result<(), Error> {
    if window_size(window) == 0 {
        return Err(Error::EmptyWindow { from: *window.start(), to: *window.end() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(bits: u32) -> String {
        Target::from_bits(bits).map_or_else(|error| error.to_string(), |target| target.to_string())
    }

    #[test]
    fn compact_bits() {
        // The cases of Bitcoin Core's arith_uint256 tests, bignum_SetCompact.
        let short = |tail: &str| format!("{tail:0>64}");
        assert_eq!(bits(0x1d00_ffff), format!("00000000ffff{}", "0".repeat(52)));
        assert_eq!(bits(0x0112_3456), short("12"));
        assert_eq!(bits(0x0200_8000), short("80"));
        assert_eq!(bits(0x0500_9234), short("92340000"));
        assert_eq!(bits(0x2012_3456), format!("123456{}", "0".repeat(58)));
        assert_eq!(bits(0x2200_0012), format!("12{}", "0".repeat(62)));
        for (case, reason) in [
            (0, "zero"),
            (0x0012_3456, "zero"),
            (0x0100_3456, "zero"),
            (0x0480_0000, "zero"),
            (0x01fe_dcba, "negative"),
            (0x0492_3456, "negative"),
            (0xff12_3456, "above"),
            (0x2201_0012, "above"),
            (0x2300_0100, "above"),
        ] {
            assert!(bits(case).contains(reason), "{case:#x}: {}", bits(case));
        }
    }

    #[test]
    fn expected_hashes_of_difficulty_one() {
        // 2^48 / 0xffff, the unit of Bitcoin's difficulty.
        let target = Target::from_bits(0x1d00_ffff).unwrap();
        assert!((target.expected_hashes() / 4_295_032_833.000_015 - 1.0).abs() < 1e-9);
        assert_eq!(Target::from_be_bytes([0xff; 32]).expected_hashes(), 1.0);
    }

    #[test]
    fn targets_compare_as_little_endian_numbers() {
        let mut digest = Digest([0; 32]);
        digest.0[31] = 1;
        let target = |hex: &str| format!("{hex:0<64}").parse::<Target>().unwrap();
        assert!(target("01").is_met_by(&digest));
        assert!(!target("00ff").is_met_by(&digest));
    }

    #[test]
    fn templates_are_checked() {
        let target = Target::from_be_bytes([0xff; 32]);
        let new = |length: usize, offset| Puzzle::new(&vec![0; length], offset, target);
        for (length, offset) in [(80, 76), (4, 0), (55, 48), (119, 64)] {
            assert!(new(length, offset).is_ok(), "{length} {offset}");
        }
        for (length, offset) in
            [(80, 77), (80, 78), (80, 80), (3, 0), (56, 0), (120, 64), (80, 60), (80, usize::MAX)]
        {
            assert!(matches!(new(length, offset), Err(Error::Template { .. })), "{length} {offset}");
        }
    }

    #[test]
    fn window_sizes_include_both_ends() {
        assert_eq!(window_size(&(0..=u32::MAX)), 1 << 32);
        assert_eq!(window_size(&(7..=7)), 1);
        assert_eq!(window_size(&NonceWindow::new(8, 7)), 0);
        assert!(check_window(&NonceWindow::new(8, 7)).is_err());
    }
}
