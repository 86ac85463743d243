//! Quantities as text.

use std::fmt::{self, Display};

use super::numbers::{digits, grouped, plain, prefixed, scale, superscript};

/// Bytes with a binary prefix: 1.5 GiB.
#[derive(Clone, Copy)]
pub struct Bytes(pub f64);

impl Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut value = self.0;
        let mut units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB"].into_iter();
        let mut unit = units.next().unwrap_or_default();
        for larger in units {
            if value < 1024.0 {
                break;
            }
            (value, unit) = (value / 1024.0, larger);
        }
        f.pad(&format!("{} {unit}", digits(value)))
    }
}

/// A time in seconds with a prefix: 1.23 ms.
#[derive(Clone, Copy)]
pub struct Seconds(pub f64);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, prefix) = scale(self.0, -9..=0);
        f.pad(&format!("{} {prefix}s", digits(value)))
    }
}

/// A rate with a decimal prefix: 12.3 M.
#[derive(Clone, Copy)]
pub struct Rate(pub f64);

impl Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, prefix) = scale(self.0, 0..=12);
        f.pad(format!("{} {prefix}", digits(value)).trim_end())
    }
}

/// A whole number, its digits in groups of three: 1,048,576.
#[derive(Clone, Copy)]
pub struct Count(pub u64);

impl Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&grouped(&self.0.to_string()))
    }
}

/// A count of things whose plural ends in s: 1 block, 2 blocks.
#[derive(Clone, Copy)]
pub struct Counted(pub u64, pub &'static str);

impl Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == 1 { "" } else { "s" };
        write!(f, "{} {}{plural}", Count(self.0), self.1)
    }
}

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

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => prefixed(s, "s"),
        s if s < 2.0 * HOUR => format!("{} min", digits(s / MINUTE)),
        s if s < 2.0 * DAY => format!("{} h", digits(s / HOUR)),
        s if s < 2.0 * YEAR => format!("{} days", digits(s / DAY)),
        s => format!("{} years", plain(s / YEAR)),
    }
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
    fn quantities() {
        let bytes = [0.0, 32.0, 4096.0, 1.5e9].map(|n| Bytes(n).to_string());
        assert_eq!(bytes, ["0 B", "32 B", "4 KiB", "1.40 GiB"]);
        let seconds = [2.5, 0.0123, 4.56e-6, 78e-9].map(|n| Seconds(n).to_string());
        assert_eq!(seconds, ["2.50 s", "12.3 ms", "4.56 µs", "78 ns"]);
        let rates = [950.0, 38_700.0, 1.234e8, 9.87e9, 3.3e13].map(|n| Rate(n).to_string());
        assert_eq!(rates, ["950", "38.7 k", "123 M", "9.87 G", "33 T"]);
        assert_eq!(
            [0, 999, 1000, 1_048_576].map(|n| Count(n).to_string()),
            ["0", "999", "1,000", "1,048,576"]
        );
    }

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
