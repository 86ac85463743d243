//! Numbers in three significant digits, whatever their size, and their prefixes.

use std::ops::{Range, RangeInclusive};

const PREFIXES: [(i32, &str); 21] = [
    (-30, "q"),
    (-27, "r"),
    (-24, "y"),
    (-21, "z"),
    (-18, "a"),
    (-15, "f"),
    (-12, "p"),
    (-9, "n"),
    (-6, "µ"),
    (-3, "m"),
    (0, ""),
    (3, "k"),
    (6, "M"),
    (9, "G"),
    (12, "T"),
    (15, "P"),
    (18, "E"),
    (21, "Z"),
    (24, "Y"),
    (27, "R"),
    (30, "Q"),
];

/// `value` in `unit` with the prefix that leaves 1 to 999 before it; a power of ten past
/// the prefixes.
pub fn prefixed(value: f64, unit: &str) -> String {
    let (scaled, prefix) = scale(value, -30..=30);
    if value != 0.0 && !FITTING.contains(&scaled.abs()) {
        return format!("{} {unit}", plain(value));
    }
    format!("{} {prefix}{unit}", digits(scaled))
}

/// What rounds to 1 to 999 in three digits.
const FITTING: Range<f64> = 0.9995..999.5;

/// `value` scaled by the prefix among `exponents` that fits it best, and that prefix.
pub fn scale(value: f64, exponents: RangeInclusive<i32>) -> (f64, &'static str) {
    if value == 0.0 {
        return (value, "");
    }
    let scaled = || {
        let prefixes = PREFIXES.iter().filter(|(exponent, _)| exponents.contains(exponent));
        prefixes.map(|&(exponent, prefix)| (value / 10f64.powi(exponent), prefix))
    };
    let largest = scaled().take_while(|(scaled, _)| scaled.abs() >= FITTING.start).last();
    largest.or_else(|| scaled().next()).unwrap_or((value, ""))
}

/// Digits in groups of three, or a power of ten for what is very large or small.
pub fn plain(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 || (1e-3..999_999.5).contains(&magnitude) {
        return digits(value);
    }
    let mut exponent = magnitude.log10().floor() as i32;
    let mut mantissa = value / 10f64.powi(exponent);
    if mantissa.abs() >= 9.995 {
        (mantissa, exponent) = (mantissa / 10.0, exponent + 1);
    }
    format!("{mantissa:.2} × 10{}", superscript(exponent))
}

/// Three significant digits, or all before the point in groups of three.
pub fn digits(value: f64) -> String {
    let magnitude = value.abs();
    let decimals = match magnitude {
        m if (m - m.round()).abs() <= 1e-9 * m => 0,
        m if m >= 99.95 => 0,
        m if m >= 9.995 => 1,
        m if m >= 0.9995 => 2,
        m => (2 - m.log10().floor() as i32).clamp(0, 12) as usize,
    };
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    if whole.len() <= 4 {
        return text;
    }
    format!("{}{fraction}", grouped(whole))
}

/// Digits in groups of three.
pub fn grouped(digits: &str) -> String {
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// An exponent in raised digits.
pub fn superscript(exponent: i32) -> String {
    let raised = |digit: char| match digit {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        _ => char::from_u32('⁰' as u32 + digit as u32 - '0' as u32).unwrap_or(digit),
    };
    exponent.to_string().chars().map(raised).collect()
}
