//! WGSL for the field of integers modulo p = 2^255 − 19, written out limb by limb.
//!
//! Straight-line code over named limbs is what drivers keep in registers, and
//! there is too much of it to write by hand. Two forms stand behind one set of
//! functions; `edwards25519.wgsl` is written over those and knows neither:
//!
//! | form | limbs | products | multiplies for a product, a square |
//! |---|---|---|---|
//! | [`Form::Wide`] | 9 of 29 bits | 64 bits | 75, 55 |
//! | [`Form::Narrow`] | 20 of 13 bits | 32 bits | 321, 186 |
//!
//! A limb's bound is stated as a multiple of its width: a limb of 29 bits is
//! within *n* if it is at most n·(2^29 + 2^18). Every function returns limbs
//! within 1, the *tight* ones, unless it says otherwise:
//!
//! | function | wants | Wide returns | Narrow returns |
//! |---|---|---|---|
//! | `fe_add` | together at most n | n | tight |
//! | `fe_sub(a, b)` | a within n, b tight or from `fe_neg` | n + 2 | tight |
//! | `fe_sub_loose(a, b)` | a within n, b within 3 | n + 4 | tight |
//! | `fe_tight` | within 7 | tight | tight |
//! | `fe_mul(a, b)` | one within 3, the other within 2 | tight | tight |
//! | `fe_square` | within 2 | tight | tight |
//!
//! Why a product fits: a column of `Wide` is at most nine products of limbs that
//! are within 3 and 2, below 55·2^58, and the sum of two limbs within 3 is below
//! 2^32. A column of `Narrow` is at most 20 products of two limbs of at most
//! 2^13 + 2, one of them 2^13 + 1824: below 2^31.

use std::fmt::Write;

/// How a field element is cut into limbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Nine limbs, summed in 64 bits: where the adapter has `SHADER_INT64`.
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

/// The point forms that buffers hold: the struct, the prefix of its functions, and its elements.
const ROWS: [(&str, &str, &[&str]); 2] = [
    ("AffineNiels", "affine_niels", &["y_plus_x", "y_minus_x", "xy2d"]),
    ("ProjectiveNiels", "projective_niels", &["y_plus_x", "y_minus_x", "t2d", "z2"]),
];

/// Words of a packed element, in either form: a row is whole sectors of 32 bytes.
const WORDS: usize = 10;

impl Form {
    /// The functions on field elements, and the packing of what is made of them.
    pub fn wgsl(self) -> String {
        let mut text = format!("struct Fe {{ {} }}\n", self.list(|i| format!("l{i}: u32")));
        for (name, bytes) in CONSTANTS {
            let limbs = self.list(|i| format!("{}u", bits(&bytes, self.start(i), self.width())));
            let _ = writeln!(text, "const {name} = Fe({limbs});");
        }
        text += &self.sums();
        text += &self.product("fe_mul(a: Fe, b: Fe)", "a", "b");
        text += &self.product("fe_square(a: Fe)", "a", "a");
        text += &self.bytes();
        for (name, prefix, fields) in ROWS {
            text += &self.row(name, prefix, fields);
        }
        text
    }

    fn limbs(self) -> usize {
        match self {
            Form::Wide => 9,
            Form::Narrow => 20,
        }
    }

    /// Bits of a limb.
    fn width(self) -> usize {
        match self {
            Form::Wide => 29,
            Form::Narrow => 13,
        }
    }

    /// The lowest bit of limb `i`.
    fn start(self, i: usize) -> usize {
        self.width() * i
    }

    /// What a carry out of the last limb counts in limb 0.
    fn fold(self) -> u32 {
        19 << (self.start(self.limbs()) - 255)
    }

    fn list(self, item: impl FnMut(usize) -> String) -> String {
        (0..self.limbs()).map(item).collect::<Vec<_>>().join(", ")
    }

    fn mask(self) -> String {
        format!("{:#x}u", (1u32 << self.width()) - 1)
    }

    /// Limb `i` of a multiple of p whose limbs are about `times` tight ones: `times` of
    /// 2^261 − 1216 or of 2^260 − 608, all of whose limbs but the lowest are filled
    /// with ones.
    fn multiple_of_p(self, i: usize, times: u32) -> u32 {
        let filled = (1u32 << self.width()) - 1;
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
        let (mask, width) = (self.mask(), self.width());
        let carried = self.list(|i| {
            let carry = match i {
                0 => format!("{}u * (a.l{} >> {width}u)", self.fold(), self.limbs() - 1),
                _ => format!("(a.l{} >> {width}u)", i - 1),
            };
            format!("(a.l{i} & {mask}) + {carry}")
        });
        let tight = match self {
            Form::Wide => "fe_carry(a)",
            Form::Narrow => "a",
        };
        format!(
            "fn fe_carry(a: Fe) -> Fe {{ return Fe({carried}); }}\n\
             fn fe_tight(a: Fe) -> Fe {{ return {tight}; }}\n\
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

    /// A product, or a square: its columns, of which the upper ones are carried, then
    /// folded.
    fn product(self, signature: &str, a: &str, b: &str) -> String {
        let mut text = format!("fn {signature} -> Fe {{\n");
        let (x, y) = (self.limbs_of(a), self.limbs_of(b));
        let columns = match (self, a == b) {
            // Half as many multiplies are saved, and sums of 64 bits are two of 32.
            (Form::Wide, true) => self.columns(&x, &y),
            _ => self.columns_by_halves(&mut text, (a, &x), (b, &y)),
        };
        for (i, column) in columns.iter().enumerate() {
            let _ = writeln!(text, "    var h{i} = {column};");
        }
        text + &self.folding()
    }

    fn limbs_of(self, element: &str) -> Vec<String> {
        (0..self.limbs()).map(|i| format!("{element}.l{i}")).collect()
    }

    /// The columns of x·y by Karatsuba's method: from the products of the low limbs, of the
    /// high limbs and of their sums. Intermediate results may wrap around; the columns
    /// themselves fit.
    fn columns_by_halves(
        self,
        text: &mut String,
        (a, x): (&str, &[String]),
        (b, y): (&str, &[String]),
    ) -> Vec<String> {
        let half = x.len().div_ceil(2);
        let x_sums = sums_of_halves(text, a, x, half);
        let y_sums = if a == b { x_sums.clone() } else { sums_of_halves(text, b, y, half) };
        let low = name_all(text, "low", &self.columns(&x[..half], &y[..half]));
        let high = name_all(text, "high", &self.columns(&x[half..], &y[half..]));
        let middle = self.columns(&x_sums, &y_sums);
        let mut columns = vec![String::new(); 2 * x.len() - 1];
        // A limb without a partner is its own sum, and its product cancels out.
        let distinct = middle.len() - (2 * half - x.len());
        for (start, sign, terms) in [
            (half, "+", &middle[..distinct]),
            (half, "-", &low[..distinct]),
            (half, "-", &high),
            (0, "+", &low),
            (2 * half, "+", &high),
        ] {
            for (column, term) in columns[start..].iter_mut().zip(terms) {
                let sign = if column.is_empty() { String::new() } else { format!(" {sign} ") };
                *column += &format!("{sign}{term}");
            }
        }
        columns
    }

    /// The columns of x·y.
    fn columns(self, x: &[String], y: &[String]) -> Vec<String> {
        let column = |column: usize| {
            let pairs = (0..x.len()).filter(|&i| column.wrapping_sub(i) < y.len()).map(|i| (i, column - i));
            if x == y { self.square_column(x, pairs) } else { self.column(x, y, pairs) }
        };
        (0..x.len() + y.len() - 1).map(column).collect()
    }

    fn column(self, x: &[String], y: &[String], pairs: impl Iterator<Item = (usize, usize)>) -> String {
        let products = pairs.map(|(i, j)| match self {
            Form::Wide => format!("u64({}) * u64({})", x[i], y[j]),
            Form::Narrow => format!("{} * {}", x[i], y[j]),
        });
        products.collect::<Vec<_>>().join(" + ")
    }

    /// What stands twice is computed once: `Wide` doubles the factors, of which there
    /// are fewer, `Narrow` the sums.
    fn square_column(self, x: &[String], pairs: impl Iterator<Item = (usize, usize)>) -> String {
        let (own, pairs): (Vec<_>, Vec<_>) = pairs.filter(|(i, j)| i <= j).partition(|(i, j)| i == j);
        let own = self.column(x, x, own.into_iter());
        let crossed = match self {
            Form::Wide => {
                let doubled: Vec<_> = x.iter().map(|limb| format!("{limb} * 2u")).collect();
                self.column(&doubled, x, pairs.into_iter())
            }
            Form::Narrow if pairs.is_empty() => String::new(),
            Form::Narrow => format!("2u * ({})", self.column(x, x, pairs.into_iter())),
        };
        [crossed, own].into_iter().filter(|sum| !sum.is_empty()).collect::<Vec<_>>().join(" + ")
    }

    /// From columns to limbs: 2^(start of the limb after the last) counts [`Self::fold`].
    fn folding(self) -> String {
        let (n, mask, width) = (self.limbs(), self.mask(), self.width());
        let fold = match self {
            Form::Wide => format!("{}lu", self.fold()),
            Form::Narrow => format!("{}u", self.fold()),
        };
        let limb = |i: usize| match self {
            Form::Wide => format!("(u32(h{i}) & {mask})"),
            Form::Narrow => format!("(h{i} & {mask})"),
        };
        let column = |limb: String| match self {
            Form::Wide => format!("u64{limb}"),
            Form::Narrow => limb,
        };
        let mut text = String::new();
        for i in n..2 * n - 2 {
            let _ = writeln!(text, "    h{} += h{i} >> {width}u;", i + 1);
        }
        for i in 0..n {
            let upper = match i + n {
                last if last == 2 * n - 1 => format!("(h{} >> {width}u)", last - 1),
                i => column(limb(i)),
            };
            let carry = if i == 0 { String::new() } else { format!(" + (h{} >> {width}u)", i - 1) };
            let _ = writeln!(text, "    h{i} += {fold} * {upper}{carry};");
        }
        let _ = writeln!(text, "    h0 = {} + {fold} * (h{} >> {width}u);", column(limb(0)), n - 1);
        let limbs = match self {
            Form::Wide => self.list(|i| match i {
                1 => format!("{} + u32(h0 >> {width}u)", limb(1)),
                _ => limb(i),
            }),
            Form::Narrow => {
                let _ = writeln!(text, "    h1 = {} + (h0 >> {width}u);", limb(1));
                self.list(|i| match i {
                    2 => format!("{} + (h1 >> {width}u)", limb(2)),
                    _ => limb(i),
                })
            }
        };
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
            let width = if i == n - 1 { last } else { self.width() };
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
        let (mask, width) = (self.mask(), self.width());
        let step = |i: usize| format!("    l{} += l{i} >> {width}u;\n    l{i} &= {mask};\n", i + 1);
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

    fn row(self, name: &str, prefix: &str, fields: &[&str]) -> String {
        let members: Vec<_> = fields.iter().map(|field| format!("{field}: Fe")).collect();
        let mut words: Vec<_> =
            fields.iter().flat_map(|field| self.pack(&format!("value.{field}"))).collect();
        words.resize(words.len().next_multiple_of(4), "0u".into());
        let vectors: Vec<_> = words.chunks(4).map(|four| format!("vec4({})", four.join(", "))).collect();
        let length = vectors.len();
        let unpacked: Vec<_> = (0..fields.len()).map(|field| self.unpack(field * WORDS)).collect();
        format!(
            "struct {name} {{ {} }}\n\
             struct {name}Row {{ v: array<vec4<u32>, {length}> }}\n\
             fn {prefix}_pack(value: {name}) -> {name}Row {{\n    return {name}Row(array<vec4<u32>, {length}>({}));\n}}\n\
             fn {prefix}_unpack(row: {name}Row) -> {name} {{\n    return {name}({});\n}}\n",
            members.join(", "),
            vectors.join(", "),
            unpacked.join(", "),
        )
    }

    fn pack(self, element: &str) -> Vec<String> {
        let word = |i: usize| match self {
            Form::Wide if i == self.limbs() => "0u".into(),
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

/// Names the sums of the low limbs and the high limbs.
fn sums_of_halves(text: &mut String, name: &str, limbs: &[String], half: usize) -> Vec<String> {
    let (low, high) = limbs.split_at(half);
    let sums: Vec<_> = low.iter().zip(high).map(|(low, high)| format!("{low} + {high}")).collect();
    let unpaired = low[high.len()..].iter().cloned();
    name_all(text, name, &sums).into_iter().chain(unpaired).collect()
}

fn name_all(text: &mut String, name: &str, values: &[String]) -> Vec<String> {
    let names = (0..values.len()).map(|i| format!("{name}{i}"));
    names
        .zip(values)
        .map(|(name, value)| {
            let _ = writeln!(text, "    let {name} = {value};");
            name
        })
        .collect()
}

/// `width` bits of `bytes` from bit `start`; bits past the end are 0.
fn bits(bytes: &[u8; 32], start: usize, width: usize) -> u32 {
    let bit = |i: usize| bytes.get(i / 8).map_or(0, |byte| u32::from(byte >> (i % 8) & 1));
    (0..width).map(|i| bit(start + i) << i).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest tight limb, and the largest limbs that a product takes.
    fn largest(form: Form) -> [u128; 3] {
        match form {
            Form::Wide => [1, 3, 2].map(|n| n * ((1 << 29) + (1 << 18))),
            Form::Narrow => [(1 << 13) + 3 * 608; 3],
        }
    }

    /// As [`Form::folding`] has it, on the largest columns: what each limb is at most.
    fn folded(form: Form, mut columns: Vec<u128>) -> u128 {
        let (n, width, fold) = (form.limbs(), form.width(), u128::from(form.fold()));
        let filled = (1 << width) - 1;
        let fits = |column: u128| match form {
            Form::Wide => assert!(column < 1 << 64, "{form:?}: {column:#x}"),
            Form::Narrow => assert!(column < 1 << 32, "{form:?}: {column:#x}"),
        };
        for i in n..2 * n - 2 {
            columns[i + 1] += columns[i] >> width;
        }
        columns.iter().copied().for_each(fits);
        let mut carry = 0;
        for i in 0..n {
            let upper = if i == n - 1 { columns[2 * n - 2] >> width } else { filled };
            columns[i] += fold * upper + carry;
            fits(columns[i]);
            carry = columns[i] >> width;
        }
        let first = filled + fold * carry;
        fits(first);
        let second = filled + (first >> width);
        match form {
            Form::Wide => second,
            Form::Narrow => filled + (second >> width),
        }
    }

    #[test]
    fn products_of_the_largest_limbs_fit() {
        for form in [Form::Wide, Form::Narrow] {
            let [tight, a, b] = largest(form);
            let n = form.limbs();
            assert!(2 * a.max(b) < 1 << 32, "{form:?}: the sum of two limbs");
            for (a, b) in [(a, b), (b, b)] {
                let columns = (0..2 * n - 1).map(|i| (i + 1).min(2 * n - 1 - i) as u128 * a * b);
                assert!(folded(form, columns.collect()) <= tight, "{form:?}");
            }
        }
    }

    #[test]
    fn differences_of_the_largest_limbs_fit() {
        for (form, times, within) in [(Form::Wide, 2, 1), (Form::Wide, 4, 3), (Form::Narrow, 2, 1)] {
            let [tight, ..] = largest(form);
            for i in 0..form.limbs() {
                let multiple = u128::from(form.multiple_of_p(i, times));
                assert!(multiple >= within * tight, "{form:?}: limb {i} of {times} p");
                assert!(multiple <= u128::from(times) * tight);
            }
        }
        // What `fe_tight` takes, and what it leaves.
        let [tight, ..] = largest(Form::Wide);
        assert!(7 * tight < 1 << 32);
        assert!((1 << 29) + u128::from(Form::Wide.fold()) * ((7 * tight) >> 29) <= tight);
    }
}
