//! The canonical form of JSON, RFC 8785.

use std::fmt;
use std::io;
use std::path::Path;

use rayon::prelude::*;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use verilane::{Digest, Engine, Hash, Records, Threads};

use super::backends_used::BackendsUsed;
use super::digester::Digester;
use super::lines::each_line;

/// The longest text, in bytes.
pub const MAX_BYTES: u64 = 256 << 20;

/// Bytes of lines that are processed together.
const BATCH_BYTES: u64 = 8 << 20;

/// The canonical form of a JSON text: no white space, sorted names, numbers as doubles.
/// 1, 1.0 and 1e0 are equal, and so are whole numbers beyond 2^53 that round to the same
/// double.
///
/// # Errors
/// If it is not JSON, if an object has a name twice, or if a number is out of the range of
/// doubles; with the position.
pub fn json(text: &[u8]) -> io::Result<Vec<u8>> {
    let Unambiguous(value) =
        serde_json::from_slice(text).map_err(|error| io::Error::other(format!("not JSON: {error}")))?;
    Ok(serde_json_canonicalizer::to_vec(&value)?)
}

/// Lines of JSON.
pub struct Lines {
    /// The fingerprints of the canonical forms.
    pub fingerprints: Vec<Digest>,
    /// The lines' numbers, from 1.
    pub numbers: Vec<u64>,
    /// The lines' lengths in the file.
    pub lengths: Vec<u64>,
    /// The lines that are not JSON, and why.
    pub invalid: Vec<String>,
    pub backends: BackendsUsed,
}

/// Hashes the canonical form of every line of a file, on all threads.
pub fn lines(
    engine: &Engine,
    threads: &Threads,
    hash: Hash,
    path: &Path,
    mut progress: impl FnMut(u64),
) -> anyhow::Result<Lines> {
    let mut digester = Digester::new(engine, hash, &[]);
    let (mut numbers, mut lengths, mut invalid) = (Vec::new(), Vec::new(), Vec::new());
    let mut number = 0;
    let mut flush = |batch: &Records<'_>| -> anyhow::Result<()> {
        let forms: Vec<_> =
            threads.run(|| (0..batch.len()).into_par_iter().map(|index| json(batch.get(index))).collect());
        for (index, form) in forms.into_iter().enumerate() {
            number += 1;
            match form {
                Ok(form) => {
                    digester.push(&form)?;
                    numbers.push(number);
                    lengths.push(batch.length(index) as u64);
                }
                Err(error) => {
                    // The parser sees a single line and always calls it line 1.
                    let reason = error.to_string().replace(" at line 1 ", " at ");
                    invalid.push(format!("{}, line {number}: {reason}", path.display()));
                }
            }
        }
        Ok(())
    };
    let mut batch = Records::with_capacity(0, 0);
    each_line(path, |line| {
        progress(line.len() as u64 + 1);
        batch.push(line);
        if batch.total_bytes() < BATCH_BYTES && batch.len() < 1 << 20 {
            return Ok(());
        }
        flush(&std::mem::replace(&mut batch, Records::with_capacity(0, 0)))
    })?;
    flush(&batch)?;
    let (fingerprints, backends) = digester.finish()?;
    Ok(Lines { fingerprints, numbers, lengths, invalid, backends })
}

/// A value in which no object has a name twice. Readers disagree on which of the two
/// counts, so a text with both equals no other.
struct Unambiguous(Value);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UnambiguousVisitor).map(Unambiguous)
    }
}

struct UnambiguousVisitor;

impl<'de> Visitor<'de> for UnambiguousVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Unambiguous(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(de::Error::custom(format_args!("the name {name:?} comes twice in an object")));
            }
            let Unambiguous(value) = members.next_value()?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> String {
        String::from_utf8(json(text.as_bytes()).unwrap()).unwrap()
    }

    fn reason(text: &str) -> String {
        json(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn forms_are_rfc_8785s() {
        // The RFC's own examples: section 3.2.2, section 3.2.3, and numbers of appendix B.
        let literals = r#"{
            "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
            "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
            "literals": [null, true, false]
        }"#;
        let expected = concat!(
            r#"{"literals":[null,true,false],"#,
            r#""numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#,
            r#""string":"€$\u000f\nA'B\"\\\\\"/"}"#
        );
        assert_eq!(form(literals), expected);
        let names = r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#;
        assert_eq!(form(names), "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}");
        for (text, expected) in [
            ("-0.0", "0"),
            ("5e-324", "5e-324"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("9007199254740992", "9007199254740992"),
            ("295147905179352830000", "295147905179352830000"),
            ("999999999999999900000", "999999999999999900000"),
            ("1e21", "1e+21"),
            ("9.999999999999997e22", "9.999999999999997e+22"),
            ("333333333.33333325", "333333333.33333325"),
            ("0.0000033333333333333333", "0.0000033333333333333333"),
            ("1424953923781206.25", "1424953923781206.2"),
        ] {
            assert_eq!(form(text), expected, "{text}");
        }
    }

    #[test]
    fn numbers_that_are_one_double_are_equal() {
        assert_eq!(["1", "1.0", "1.00", "10e-1"].map(form), ["1"; 4]);
        assert_eq!(form("9007199254740993"), form("9007199254740992"));
    }

    #[test]
    fn errors_name_the_position() {
        assert_eq!(reason("[1,\n2"), "not JSON: EOF while parsing a list at line 2 column 1");
        assert!(reason("").contains("EOF while parsing a value"));
        assert!(reason("1e999").contains("number out of range at line 1 column 5"));
        assert!(reason(r#""\ud800""#).contains("end of hex escape at line 1 column 8"));
        assert!(reason("{} {}").contains("trailing characters at line 1 column 4"));
        let twice = reason(r#"[{"a":1,"b":{"a":2},"\u0061":1}]"#);
        assert!(twice.contains("the name \"a\" comes twice in an object at line 1 column 28"), "{twice}");
        assert!(reason(&"[".repeat(100_000)).contains("recursion limit exceeded"));
        assert!(json(b"\"\xff\"").unwrap_err().to_string().contains("invalid unicode"));
    }
}
