//! Quantities as people read them.

use std::fmt::{self, Display};

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
        f.pad(&format!("{} {unit}", Digits(value)))
    }
}

/// A time in seconds with a prefix: 1.23 ms.
#[derive(Clone, Copy)]
pub struct Seconds(pub f64);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, unit) = match self.0 {
            s if s >= 1.0 => (s, "s"),
            s if s >= 1e-3 => (s * 1e3, "ms"),
            s if s >= 1e-6 => (s * 1e6, "µs"),
            s => (s * 1e9, "ns"),
        };
        f.pad(&format!("{} {unit}", Digits(value)))
    }
}

/// Something in a second, with a decimal prefix: 12.3 M.
#[derive(Clone, Copy)]
pub struct Rate(pub f64);

impl Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, prefix) = match self.0 {
            n if n >= 1e12 => (n / 1e12, " T"),
            n if n >= 1e9 => (n / 1e9, " G"),
            n if n >= 1e6 => (n / 1e6, " M"),
            n if n >= 1e3 => (n / 1e3, " k"),
            n => (n, ""),
        };
        f.pad(&format!("{}{prefix}", Digits(value)))
    }
}

/// A whole number, its digits in groups of three: 1,048,576.
#[derive(Clone, Copy)]
pub struct Count(pub u64);

impl Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
        f.pad(&groups.join(","))
    }
}

/// So many things, whose plural ends in s: 1 block, 2 blocks.
#[derive(Clone, Copy)]
pub struct Counted(pub u64, pub &'static str);

impl Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == 1 { "" } else { "s" };
        write!(f, "{} {}{plural}", Count(self.0), self.1)
    }
}

/// Three significant digits, or all before the point.
struct Digits(f64);

impl Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = match self.0 {
            value if value.fract() == 0.0 || value >= 99.95 => 0,
            value if value >= 9.995 => 1,
            _ => 2,
        };
        write!(f, "{:.decimals$}", self.0)
    }
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
}
