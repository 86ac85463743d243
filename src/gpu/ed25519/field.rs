//! WGSL for the field of integers modulo p = 2^255 − 19, written out limb by limb.
//!
//! Straight-line code over named limbs is what drivers keep in registers, and
//! there is too much of it to write by hand. Two forms stand behind one set of
//! functions; `edwards25519.wgsl` is written over those and knows neither:
//!
//! | form | limbs | products | multiplies for a product, a square |
//! |---|---|---|---|
//! | [`Form::Wide`] | 10 of 26 and 25 bits in turn | 64 bits | 100, 55 |
//! | [`Form::Narrow`] | 20 of 13 bits | 32 bits | 400, 210 |
//!
//! A limb's bound is stated as a multiple of its width: a limb of 26 bits is
//! within *n* if it is at most n·2^26 + 2^18. Every function returns limbs
//! within 1, the *tight* ones, unless it says otherwise:
//!
//! | function | wants | Wide returns | Narrow returns |
//! |---|---|---|---|
//! | `fe_add` | together at most n | n | tight |
//! | `fe_sub(a, b)` | a within n, b tight or from `fe_neg` | n + 2 | tight |
//! | `fe_sub_loose(a, b)` | a within n, b within 3 | n + 4 | tight |
//! | `fe_carry` | within 8 | tight | tight |
//! | `fe_mul(a, b)` | a within 6, b within 3 | tight | tight |
//! | `fe_square` | within 3 | tight | tight |
//!
//! Why a product fits: a column of `Wide` sums to at most 124.5·2^52 for tight
//! limbs (one product and 19 times the nine that wrap around, half of them
//! doubled where two limbs of 25 bits meet), so 18 times that is below 2^64;
//! and 19·3·2^26 is below 2^32. A column of `Narrow` is at most 20 products of
//! two limbs of at most 2^13 + 2, one of them 2^13 + 1824: below 2^31.

use std::fmt::Write;

/// How a field element is cut into limbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Ten limbs, summed in 64 bits: where the adapter has `SHADER_INT64`.
    Wide,
    /// Twenty limbs, summed in 32 bits: everywhere.
    Narrow,
}

/// Constants of the curve (RFC 8032, section 5.1), least significant byte first.
const CONSTANTS: [(&str, [u8; 32]); 5] = [
    ("FE_ZERO", [0; 32]),
    ("FE_ONE", small(1)),
    // d = −121665/121666
    (
        "FE_D",
        [
            0xa3, 0x78, 0x59, 0x13, 0xca, 0x4d, 0xeb, 0x75, 0xab, 0xd8, 0x41, 0x41, 0x4d, 0x0a, 0x70, 0x00,
            0x98, 0xe8, 0x79, 0x77, 0x79, 0x40, 0xc7, 0x8c, 0x73, 0xfe, 0x6f, 0x2b, 0xee, 0x6c, 0x03, 0x52,
        ],
    ),
    // 2d
    (
        "FE_2D",
        [
            0x59, 0xf1, 0xb2, 0x26, 0x94, 0x9b, 0xd6, 0xeb, 0x56, 0xb1, 0x83, 0x82, 0x9a, 0x14, 0xe0, 0x00,
            0x30, 0xd1, 0xf3, 0xee, 0xf2, 0x80, 0x8e, 0x19, 0xe7, 0xfc, 0xdf, 0x56, 0xdc, 0xd9, 0x06, 0x24,
        ],
    ),
    // The square root of −1 that is even.
    (
        "FE_SQRT_M1",
        [
            0xb0, 0xa0, 0x0e, 0x4a, 0x27, 0x1b, 0xee, 0xc4, 0x78, 0xe4, 0x2f, 0xad, 0x06, 0x18, 0x43, 0x2f,
            0xa7, 0xd7, 0xfb, 0x3d, 0x99, 0x00, 0x4d, 0x2b, 0x0b, 0xdf, 0xc1, 0x4f, 0x80, 0x24, 0x83, 0x2b,
        ],
    ),
];

const fn small(n: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = n;
    bytes
}

/// What is kept in buffers: a struct of elements, and its row of `vec4`s.
const ROWS: [(&str, &[&str]); 4] = [
    ("Element", &["value"]),
    ("Projective", &["x", "y", "z"]),
    ("Niels", &["plus", "minus", "t2d"]),
    ("Cached", &["plus", "minus", "t2d", "z2"]),
];

/// Words of a packed element, in either form.
const WORDS: usize = 10;

impl Form {
    /// The functions on field elements, and the packing of what is made of them.
    pub fn wgsl(self) -> String {
        let mut text = format!("struct Fe {{ {} }}\n", self.list(|i| format!("l{i}: u32")));
        for (name, bytes) in CONSTANTS {
            let limbs = self.list(|i| format!("{}u", bits(&bytes, self.start(i), self.width(i))));
            let _ = writeln!(text, "const {name} = Fe({limbs});");
        }
        text += &self.sums();
        match self {
            Form::Wide => text += &self.wide_products(),
            Form::Narrow => text += &self.narrow_products(),
        }
        text += &self.bytes();
        for (name, fields) in ROWS {
            text += &self.row(name, fields);
        }
        text
    }

    fn limbs(self) -> usize {
        match self {
            Form::Wide => 10,
            Form::Narrow => 20,
        }
    }

    /// The lowest bit of limb `i`.
    fn start(self, i: usize) -> usize {
        match self {
            Form::Wide => (51 * i).div_ceil(2),
            Form::Narrow => 13 * i,
        }
    }

    fn width(self, i: usize) -> usize {
        self.start(i + 1) - self.start(i)
    }

    /// What a carry out of the last limb counts in limb 0.
    fn fold(self) -> u32 {
        19 << (self.start(self.limbs()) - 255)
    }

    fn list(self, item: impl FnMut(usize) -> String) -> String {
        (0..self.limbs()).map(item).collect::<Vec<_>>().join(", ")
    }

    fn mask(self, i: usize) -> String {
        format!("{:#x}u", (1u32 << self.width(i)) - 1)
    }

    /// Limb `i` of a multiple of p whose limbs are at least `times` tight ones:
    /// `times` of 2^255 − 19 or of 2^260 − 608, all of whose limbs but the
    /// lowest are filled with ones.
    fn multiple_of_p(self, i: usize, times: u32) -> u32 {
        let filled = (1u32 << self.width(i)) - 1;
        times * if i == 0 { filled + 1 - self.fold() } else { filled }
    }

    fn sums(self) -> String {
        let result = |limb: &dyn Fn(usize) -> String| match self {
            Form::Wide => format!("Fe({})", self.list(limb)),
            Form::Narrow => format!("fe_carry(Fe({}))", self.list(limb)),
        };
        let difference =
            |times: u32| result(&|i| format!("a.l{i} + {}u - b.l{i}", self.multiple_of_p(i, times)));
        let loose = match self {
            Form::Wide => 4,
            Form::Narrow => 2,
        };
        let last = self.limbs() - 1;
        let carried = self.list(|i| {
            let carry = match i {
                0 => format!("{}u * (a.l{last} >> {}u)", self.fold(), self.width(last)),
                _ => format!("(a.l{} >> {}u)", i - 1, self.width(i - 1)),
            };
            format!("(a.l{i} & {}) + {carry}", self.mask(i))
        });
        format!(
            "fn fe_carry(a: Fe) -> Fe {{ return Fe({carried}); }}\n\
             fn fe_add(a: Fe, b: Fe) -> Fe {{ return {}; }}\n\
             fn fe_sub(a: Fe, b: Fe) -> Fe {{ return {}; }}\n\
             fn fe_sub_loose(a: Fe, b: Fe) -> Fe {{ return {}; }}\n\
             fn fe_neg(b: Fe) -> Fe {{ return fe_sub(FE_ZERO, b); }}\n\
             fn fe_select(a: Fe, b: Fe, second: bool) -> Fe {{ return Fe({}); }}\n",
            result(&|i| format!("a.l{i} + b.l{i}")),
            difference(2),
            difference(loose),
            self.list(|i| format!("select(a.l{i}, b.l{i}, second)")),
        )
    }

    /// Products in 64 bits: 19 is multiplied in before, where columns wrap around,
    /// and 2 where two limbs meet that begin half a bit late.
    fn wide_products(self) -> String {
        let odd = |i: usize, j: usize| i % 2 == 1 && j % 2 == 1;
        let mul = self.wide_function("fe_mul(a: Fe, b: Fe)", |i, j| {
            let left = if odd(i, j) { format!("a.l{i} * 2u") } else { format!("a.l{i}") };
            let right = if i + j >= 10 { format!("b.l{j} * 19u") } else { format!("b.l{j}") };
            Some((left, right))
        });
        let square = self.wide_function("fe_square(a: Fe)", |i, j| {
            let left = if i == j { format!("a.l{i}") } else { format!("a.l{i} * 2u") };
            let right = match (odd(i, j), i + j >= 10) {
                (false, false) => format!("a.l{j}"),
                (true, false) => format!("a.l{j} * 2u"),
                (false, true) => format!("a.l{j} * 19u"),
                (true, true) => format!("a.l{j} * 38u"),
            };
            (i <= j).then_some((left, right))
        });
        mul + &square
    }

    fn wide_function(
        self,
        signature: &str,
        factors: impl Fn(usize, usize) -> Option<(String, String)>,
    ) -> String {
        let mut text = format!("fn {signature} -> Fe {{\n");
        for column in 0..10 {
            let pairs = (0..10).filter_map(|i| factors(i, (column + 10 - i) % 10));
            let sum: Vec<_> = pairs.map(|(left, right)| format!("u64({left}) * u64({right})")).collect();
            let _ = writeln!(text, "    var h{column} = {};", sum.join(" + "));
        }
        for i in 0..9 {
            let _ = writeln!(text, "    h{} += h{i} >> {}u;", i + 1, self.width(i));
        }
        let (mask, first) = (self.mask(0), self.width(0));
        let _ = writeln!(text, "    let low = u64(u32(h0) & {mask}) + (h9 >> {}u) * 19lu;", self.width(9));
        let limbs = self.list(|i| match i {
            0 => format!("u32(low) & {mask}"),
            1 => format!("(u32(h1) & {}) + u32(low >> {first}u)", self.mask(1)),
            _ => format!("u32(h{i}) & {}", self.mask(i)),
        });
        text + &format!("    return Fe({limbs});\n}}\n")
    }

    /// Products in 32 bits: the upper columns are carried before they are folded.
    fn narrow_products(self) -> String {
        let mul = self.narrow_function("fe_mul(a: Fe, b: Fe)", |column| {
            column.map(|(i, j)| format!("a.l{i} * b.l{j}")).collect::<Vec<_>>().join(" + ")
        });
        let square = self.narrow_function("fe_square(a: Fe)", |column| {
            let (mut crossed, mut own) = (Vec::new(), None);
            for (i, j) in column {
                match i.cmp(&j) {
                    std::cmp::Ordering::Less => crossed.push(format!("a.l{i} * a.l{j}")),
                    std::cmp::Ordering::Equal => own = Some(format!("a.l{i} * a.l{i}")),
                    std::cmp::Ordering::Greater => {}
                }
            }
            let doubled = (!crossed.is_empty()).then(|| format!("2u * ({})", crossed.join(" + ")));
            doubled.into_iter().chain(own).collect::<Vec<_>>().join(" + ")
        });
        mul + &square
    }

    fn narrow_function(
        self,
        signature: &str,
        sum: impl Fn(&mut dyn Iterator<Item = (usize, usize)>) -> String,
    ) -> String {
        let (n, mask, fold) = (self.limbs(), self.mask(0), self.fold());
        let mut text = format!("fn {signature} -> Fe {{\n");
        for column in 0..2 * n - 1 {
            let mut pairs = (0..n).filter(|&i| column.wrapping_sub(i) < n).map(|i| (i, column - i));
            let _ = writeln!(text, "    var h{column} = {};", sum(&mut pairs));
        }
        for i in n..2 * n - 2 {
            let _ = writeln!(text, "    h{} += h{i} >> 13u;", i + 1);
        }
        for i in 0..n {
            let upper = match i {
                19 => format!("(h{} >> 13u)", 2 * n - 2),
                _ => format!("(h{} & {mask})", i + n),
            };
            let carry = if i == 0 { String::new() } else { format!(" + (h{} >> 13u)", i - 1) };
            let _ = writeln!(text, "    h{i} += {fold}u * {upper}{carry};");
        }
        let _ = writeln!(text, "    h0 = (h0 & {mask}) + {fold}u * (h{} >> 13u);", n - 1);
        let _ = writeln!(text, "    h1 = (h1 & {mask}) + (h0 >> 13u);");
        let limbs = self.list(|i| match i {
            2 => format!("(h2 & {mask}) + (h1 >> 13u)"),
            _ => format!("h{i} & {mask}"),
        });
        text + &format!("    return Fe({limbs});\n}}\n")
    }

    /// Between elements and their 32 bytes, as eight words in two `vec4`s.
    fn bytes(self) -> String {
        let n = self.limbs();
        let word = |i: usize| format!("w[{}].{}", i / 4, ["x", "y", "z", "w"][i % 4]);
        let from = self.list(|i| {
            let (start, end) = (self.start(i), self.start(i + 1).min(255));
            let (first, shift) = (start / 32, start % 32);
            let mut value = format!("({} >> {shift}u)", word(first));
            if end > 32 * (first + 1) {
                value += &format!(" | ({} << {}u)", word(first + 1), 32 - shift);
            }
            format!("({value}) & {:#x}u", (1u64 << (end - start)) - 1)
        });
        let mut text = format!("fn fe_from_words(w: array<vec4<u32>, 2>) -> Fe {{ return Fe({from}); }}\n");

        // The last limb's bits below 2^255: what is above counts 19 in limb 0.
        let last = 255 - self.start(n - 1);
        text += "/// The least non-negative representative, least significant word first.\n";
        text += "fn fe_to_words(a: Fe) -> array<vec4<u32>, 2> {\n";
        for i in 0..n {
            let _ = writeln!(text, "    var l{i} = a.l{i};");
        }
        let last_mask = (1u32 << last) - 1;
        for _ in 0..2 {
            let _ = writeln!(text, "    l0 += 19u * (l{} >> {last}u);\n    l{0} &= {last_mask:#x}u;", n - 1);
            text += &self.carry_chain();
        }
        // Now below 2^255 + 2^10: one subtraction of p at most, seen by adding 19.
        let mut carry = "19u".to_string();
        for i in 0..n {
            let width = if i == n - 1 { last } else { self.width(i) };
            carry = format!("((l{i} + {carry}) >> {width}u)");
        }
        let _ = writeln!(text, "    l0 += 19u * {carry};");
        text += &self.carry_chain();
        let _ = writeln!(text, "    l{} &= {last_mask:#x}u;", n - 1);
        let words: Vec<_> = (0..8).map(|w| self.word(w)).collect();
        text += &format!(
            "    return array<vec4<u32>, 2>(vec4({}), vec4({}));\n}}\n",
            words[..4].join(", "),
            words[4..].join(", ")
        );
        text
    }

    /// Carries from limb 0 up to the last, which keeps what it cannot hold.
    fn carry_chain(self) -> String {
        let step = |i: usize| {
            format!("    l{} += l{i} >> {}u;\n    l{i} &= {};\n", i + 1, self.width(i), self.mask(i))
        };
        (0..self.limbs() - 1).map(step).collect()
    }

    /// Word `w` of the number whose limbs are `l0`, `l1`, …, none too wide.
    fn word(self, w: usize) -> String {
        let (low, high) = (32 * w, 32 * (w + 1));
        let overlapping = (0..self.limbs()).filter(|&i| self.start(i) < high && self.start(i + 1) > low);
        let parts = overlapping.map(|i| match self.start(i) {
            start if start >= low => format!("(l{i} << {}u)", start - low),
            start => format!("(l{i} >> {}u)", low - start),
        });
        parts.collect::<Vec<_>>().join(" | ")
    }

    fn row(self, name: &str, fields: &[&str]) -> String {
        let members: Vec<_> = fields.iter().map(|field| format!("{field}: Fe")).collect();
        let mut words: Vec<_> =
            fields.iter().flat_map(|field| self.pack(&format!("value.{field}"))).collect();
        words.resize(words.len().next_multiple_of(4), "0u".into());
        let vectors: Vec<_> = words.chunks(4).map(|four| format!("vec4({})", four.join(", "))).collect();
        let length = vectors.len();
        let unpacked: Vec<_> = (0..fields.len()).map(|field| self.unpack(field * WORDS)).collect();
        let lower = name.to_lowercase();
        format!(
            "struct {name} {{ {} }}\n\
             struct {name}Row {{ v: array<vec4<u32>, {length}> }}\n\
             fn {lower}_pack(value: {name}) -> {name}Row {{\n    return {name}Row(array<vec4<u32>, {length}>({}));\n}}\n\
             fn {lower}_unpack(row: {name}Row) -> {name} {{\n    return {name}({});\n}}\n",
            members.join(", "),
            vectors.join(", "),
            unpacked.join(", "),
        )
    }

    fn pack(self, element: &str) -> Vec<String> {
        let word = |i: usize| match self {
            Form::Wide => format!("{element}.l{i}"),
            Form::Narrow => format!("{element}.l{} | ({element}.l{} << 16u)", 2 * i, 2 * i + 1),
        };
        (0..WORDS).map(word).collect()
    }

    fn unpack(self, first: usize) -> String {
        let word = |i: usize| format!("row.v[{}].{}", i / 4, ["x", "y", "z", "w"][i % 4]);
        let limbs = self.list(|i| match self {
            Form::Wide => word(first + i),
            Form::Narrow if i % 2 == 0 => format!("{} & 0xffffu", word(first + i / 2)),
            Form::Narrow => format!("{} >> 16u", word(first + i / 2)),
        });
        format!("Fe({limbs})")
    }
}

/// `width` bits of `bytes` from bit `start`; bits past the end are 0.
fn bits(bytes: &[u8; 32], start: usize, width: usize) -> u32 {
    let bit = |i: usize| bytes.get(i / 8).map_or(0, |byte| u32::from(byte >> (i % 8) & 1));
    (0..width).map(|i| bit(start + i) << i).sum()
}
