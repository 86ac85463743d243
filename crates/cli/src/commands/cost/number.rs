//! Numbers as people read them, whatever their size.

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

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;
const DAY: f64 = 86_400.0;
const YEAR: f64 = 365.25 * DAY;

/// `value` with `unit`, in three significant digits.
pub fn with_unit(value: f64, unit: &str) -> String {
    match unit {
        "share" => format!("{} %", digits(value * 100.0)),
        "s" => duration(value),
        "days" if value < 0.1 => duration(value * DAY),
        "days" if value == 1.0 => "1 day".into(),
        "" | "PUE" => plain(value),
        _ if takes_prefix(unit) => prefixed(value, unit),
        _ => format!("{} {unit}", plain(value)),
    }
}

/// Whether `unit` begins with a symbol that a prefix can stand before.
fn takes_prefix(unit: &str) -> bool {
    ["J", "W", "H/s"].contains(&unit) || unit.starts_with("J/")
}

fn prefixed(value: f64, unit: &str) -> String {
    let Some((scaled, prefix)) = scale(value) else {
        return format!("{} {unit}", plain(value));
    };
    format!("{} {prefix}{unit}", digits(scaled))
}

/// `value` and a prefix such that 1 ≤ the scaled value < 1000; none past the prefixes.
fn scale(value: f64) -> Option<(f64, &'static str)> {
    if value == 0.0 {
        return Some((0.0, ""));
    }
    PREFIXES.iter().find_map(|&(exponent, prefix)| {
        let scaled = value / 10f64.powi(exponent);
        (0.9995..999.5).contains(&scaled.abs()).then_some((scaled, prefix))
    })
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => prefixed(s, "s"),
        s if s < 2.0 * HOUR => format!("{} min", digits(s / MINUTE)),
        s if s < 2.0 * DAY => format!("{} h", digits(s / HOUR)),
        s if s < 2.0 * YEAR => format!("{} days", digits(s / DAY)),
        s => format!("{} years", plain(s / YEAR)),
    }
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
fn digits(value: f64) -> String {
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
    let groups: Vec<_> = whole.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    format!("{}{fraction}", groups.join(","))
}

fn superscript(exponent: i32) -> String {
    let raised = |digit: char| match digit {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        _ => char::from_u32('⁰' as u32 + digit as u32 - '0' as u32).unwrap_or(digit),
    };
    exponent.to_string().chars().map(raised).collect()
}

/// The label of a power of ten on an axis of `unit`.
pub fn decade(exponent: i32, unit: &str) -> String {
    let value = 10f64.powi(exponent);
    if takes_prefix(unit) || unit == "s" && exponent < 0 {
        return prefixed(value, unit);
    }
    if unit == "s" {
        return format!("{} s", decade(exponent, ""));
    }
    if (-2..0).contains(&exponent) {
        return value.to_string();
    }
    if (0..=4).contains(&exponent) { digits(value) } else { format!("10{}", superscript(exponent)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_prefixes() {
        for (value, unit, expected) in [
            (0.0, "J", "0 J"),
            (1.234e-9, "J/H", "1.23 nJ/H"),
            (4.29e9, "J", "4.29 GJ"),
            (999.96, "W", "1.00 kW"),
            (12_345_678.0, "H/s", "12.3 MH/s"),
            (1e40, "J", "1.00 × 10⁴⁰ J"),
            (31_415.9, "verifications/s", "31,416 verifications/s"),
            (2_500_000.0, "nodes/s", "2.50 × 10⁶ nodes/s"),
            (0.0123, "share", "1.23 %"),
            (0.0, "share", "0 %"),
            (0.0045, "s", "4.50 ms"),
            (600.0, "s", "10 min"),
            (200_000.0, "s", "2.31 days"),
            (3.156e16, "s", "1.00 × 10⁹ years"),
            (1.2, "PUE", "1.20"),
            (0.1 + 0.2, "share", "30 %"),
            (1.0, "days", "1 day"),
            (13.0 / 3.0, "days", "4.33 days"),
            (1e-7, "days", "8.64 ms"),
            (1234.0, "", "1234"),
            (99_990.0, "", "99,990"),
            (9.999e9, "", "1.00 × 10¹⁰"),
            (2.33e-10, "", "2.33 × 10⁻¹⁰"),
        ] {
            assert_eq!(with_unit(value, unit), expected, "{value} {unit}");
        }
    }

    #[test]
    fn axes() {
        assert_eq!([-9, 0, 6].map(|e| decade(e, "J")), ["1 nJ", "1 J", "1 MJ"]);
        assert_eq!([-3, -2, 2, 6].map(|e| decade(e, "")), ["10⁻³", "0.01", "100", "10⁶"]);
        assert_eq!([-3, 2, 6].map(|e| decade(e, "s")), ["1 ms", "100 s", "10⁶ s"]);
    }
}
