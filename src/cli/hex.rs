//! Hexadecimal of any length.

use anyhow::{Context as _, bail};

/// The bytes that the digits stand for.
pub fn bytes_of_hex(hex: &str) -> anyhow::Result<Vec<u8>> {
    let value = |position: usize, digit: u8| {
        let value = char::from(digit).to_digit(16);
        value.with_context(|| format!("character {position} is not hexadecimal")).map(|value| value as u8)
    };
    let pairs = hex.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        bail!("{} hexadecimal digits are not whole bytes", hex.len());
    }
    let byte = |(i, pair): (usize, &[u8])| Ok(value(2 * i, pair[0])? << 4 | value(2 * i + 1, pair[1])?);
    pairs.enumerate().map(byte).collect()
}

/// Lower-case digits of bytes.
pub fn hex_of_bytes(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_of_any_length() {
        assert!(bytes_of_hex("").unwrap().is_empty());
        assert_eq!(bytes_of_hex("00fFa0").unwrap(), [0, 255, 160]);
        assert_eq!(hex_of_bytes(&[0, 255, 160]), "00ffa0");
        assert!(bytes_of_hex("000").unwrap_err().to_string().contains("3 hexadecimal digits"));
        assert!(bytes_of_hex("00 0").unwrap_err().to_string().contains("character 2 "));
    }
}
