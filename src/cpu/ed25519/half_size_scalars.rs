//! Half-size scalars: for k, numbers u and v of about half its length with u = v k modulo 8 L,
//! where v is odd.
//!
//! \[S\]B - \[k\]A = R holds exactly if \[v S\]B - \[u\]A - \[v\]R is the identity: v is coprime to 8 L,
//! the order of the whole group, so that multiplication by v is injective, torsion included. This
//! takes half as many doublings (Antipa et al., "Accelerated Verification of ECDSA Signatures",
//! 2005).
//!
//! All such (u, v) form a lattice with basis (8 L, 0), (k, 1), which Euclid's algorithm
//! reduces. As in Lehmer's variant, each round takes its quotients from the leading bits and
//! then applies the round's matrix to the full numbers. These stay exact whatever the
//! quotients: a poor quotient makes u and v longer, never wrong.

use super::mask_to_bools;
use crate::cpu::field25519::extract_bits;
use crate::cpu::lanes::{LanesF64, ROUND_TO_INT, power_of_two};
use crate::cpu::scalar25519::ORDER;

/// u and v in each lane, as little-endian words of their magnitudes.
#[derive(Clone, Copy)]
pub struct HalfSizeScalars<L> {
    pub u: [L; 4],
    /// All ones where u is negative.
    pub u_is_negative: L,
    /// Odd and positive.
    pub v: [L; 4],
}

/// Bits of a limb. Limbs are doubles of magnitude at most 2^25, except the highest, which may
/// be larger.
const BITS: usize = 26;

/// Limbs of numbers up to 8 L, and of those up to 2^155.
const LONG_LIMBS: usize = 10;
const SHORT_LIMBS: usize = 6;

/// Euclid's steps in a round at most, and rounds at most.
const STEPS_PER_ROUND: usize = 11;
const MAX_ROUNDS: usize = 12;

/// The largest magnitude of an entry of a round's matrix. With limbs up to 2^25, the sum of two
/// products and a carry stays below 2^53, and so exact.
const MAX_MATRIX_ENTRY: f64 = power_of_two(26);

/// The largest multiple of (y, t) that may be added to (x, s) at the end; keeps the result
/// below 2^154.
const MAX_MULTIPLE: f64 = power_of_two(24);

/// The square root of 8 L: Euclid's algorithm ends when y is below it.
const SQRT_GROUP_ORDER: f64 = 1.414 * power_of_two(127);

/// As [`ROUND_TO_INT`], for multiples of 2^26.
const ROUND_TO_2_26: f64 = ROUND_TO_INT * power_of_two(BITS as u64);

const SIGN: u64 = 1 << 63;

/// 8 L, as little-endian words.
const GROUP_ORDER: [u64; 4] = [
    ORDER[0] << 3,
    ORDER[1] << 3 | ORDER[0] >> 61,
    ORDER[2] << 3 | ORDER[1] >> 61,
    ORDER[3] << 3 | ORDER[2] >> 61,
];

/// u and v for each k, which must be below L. Several vectors at a time hide the latency of the
/// divisions.
#[inline(always)]
pub fn half_size_scalars<L: LanesF64, const N: usize>(k: &[[L; 4]; N]) -> [HalfSizeScalars<L>; N] {
    let mut bases = [Basis::new(&k[0]); N];
    for i in 1..N {
        bases[i] = Basis::new(&k[i]);
    }
    for _ in 0..MAX_ROUNDS {
        if all_reduced(&bases) {
            break;
        }
        let rows = lehmer_matrices(&bases);
        for i in 0..N {
            bases[i] = bases[i].mul_matrix(&rows[i]);
        }
    }
    let mut scalars = [bases[0].odd_short_vector(&k[0]); N];
    for i in 1..N {
        scalars[i] = bases[i].odd_short_vector(&k[i]);
    }
    scalars
}

/// A basis of the lattice: (x, s) and (y, t), with |x| > |y|.
///
/// Always |x t - y s| = 8 L and |t| > |s|, so that |t| is at most 16 L / |x|.
#[derive(Clone, Copy)]
struct Basis<L> {
    x: [L; LONG_LIMBS],
    s: [L; SHORT_LIMBS],
    y: [L; LONG_LIMBS],
    t: [L; SHORT_LIMBS],
}

impl<L: LanesF64> Basis<L> {
    #[inline(always)]
    fn new(k: &[L; 4]) -> Self {
        let zero = L::splat(0);
        let [w0, w1, w2, w3] = GROUP_ORDER;
        let order = [L::splat(w0), L::splat(w1), L::splat(w2), L::splat(w3)];
        let mut t = [zero; SHORT_LIMBS];
        t[0] = L::splat_f64(1.0);
        Basis { x: from_words(&order), s: [zero; SHORT_LIMBS], y: from_words(k), t }
    }

    /// The product of a matrix, given by its rows, and the basis.
    #[inline(always)]
    fn mul_matrix(&self, [[a, b], [c, d]]: &[[L; 2]; 2]) -> Self {
        Basis {
            x: linear_combination(*a, &self.x, *b, &self.y),
            s: linear_combination(*a, &self.s, *b, &self.t),
            y: linear_combination(*c, &self.x, *d, &self.y),
            t: linear_combination(*c, &self.s, *d, &self.t),
        }
    }

    /// A short vector (u, v) with odd v: (y, t) if t is odd. Otherwise s is odd, and (u, v) is
    /// (x, s) plus the multiple of (y, t) that makes u and v of similar length; or (k, 1), if
    /// neither is short.
    #[inline(always)]
    fn odd_short_vector(&self, k: &[L; 4]) -> HalfSizeScalars<L> {
        let (zero, one) = (L::splat(0), L::splat_f64(1.0));
        let t_is_even = (self.t[0].add_f64(L::splat_f64(ROUND_TO_INT)) & L::splat(1)).eq_mask(zero);
        let (x, y) = (approximate(&self.x), approximate(&self.y));
        let difference = abs(x).sub_f64(abs(approximate(&self.s)));
        let length_sum = abs(y).add_f64(abs(approximate(&self.t)));
        let multiple = neg_quotient(difference, length_sum) ^ ((x ^ y) & L::splat(SIGN));
        let (a, b) = (t_is_even.choose(one, zero), t_is_even.choose(multiple, one));
        let (u, v) = (linear_combination(a, &self.x, b, &self.y), linear_combination(a, &self.s, b, &self.t));
        let is_short =
            abs(y).le_f64(L::splat_f64(SQRT_GROUP_ORDER)) & abs(b).le_f64(L::splat_f64(MAX_MULTIPLE));
        let (u_sign, v_sign) = (approximate(&u).shr(63), approximate(&v).shr(63));
        let one = L::splat(1);
        HalfSizeScalars {
            u: select_words(is_short, to_words(&u, u_sign), *k),
            u_is_negative: (zero - (u_sign ^ v_sign)) & is_short,
            v: select_words(is_short, to_words(&v, v_sign), [one, zero, zero, zero]),
        }
    }
}

/// Whether y is below the square root of 8 L in all lanes.
#[inline(always)]
fn all_reduced<L: LanesF64, const N: usize>(bases: &[Basis<L>; N]) -> bool {
    let mut reduced = L::splat(u64::MAX);
    for basis in bases {
        reduced = reduced & abs(approximate(&basis.y)).le_f64(L::splat_f64(SQRT_GROUP_ORDER));
    }
    mask_to_bools(reduced)[..L::LANES].iter().all(|&reduced| reduced)
}

/// Euclid's steps of a round with nearest-integer quotients, as the rows of a matrix. A lane is
/// inactive once its y is short enough or an entry would become too large.
#[inline(always)]
fn lehmer_matrices<L: LanesF64, const N: usize>(bases: &[Basis<L>; N]) -> [[[L; 2]; 2]; N] {
    let (zero, one) = (L::splat(0), L::splat_f64(1.0));
    let mut rows = [[[one, zero], [zero, one]]; N];
    let mut approximations = [[one; 2]; N];
    for i in 0..N {
        approximations[i] = [approximate(&bases[i].x), approximate(&bases[i].y)];
    }
    for _ in 0..STEPS_PER_ROUND {
        for i in 0..N {
            let ([x, y], [[a, b], [c, d]]) = (approximations[i], rows[i]);
            let neg_q = neg_quotient(x, y);
            let next = [a.fma_f64(neg_q, c), b.fma_f64(neg_q, d)];
            // The second entry of a row is the larger one, since |x| > |y|.
            let active = L::splat_f64(SQRT_GROUP_ORDER).le_f64(abs(y))
                & abs(next[1]).le_f64(L::splat_f64(MAX_MATRIX_ENTRY));
            approximations[i] = [active.choose(y, x), active.choose(x.fma_f64(neg_q, y), y)];
            rows[i] = [
                [active.choose(c, a), active.choose(d, b)],
                [active.choose(next[0], c), active.choose(next[1], d)],
            ];
        }
    }
    rows
}

/// -x/y, rounded to the nearest integer or one beside it.
#[inline(always)]
fn neg_quotient<L: LanesF64>(x: L, y: L) -> L {
    let round = L::splat_f64(ROUND_TO_INT);
    round.sub_f64(x.approx_div_f64(y).add_f64(round))
}

#[inline(always)]
fn abs<L: LanesF64>(x: L) -> L {
    x & L::splat(!SIGN)
}

/// A number's value with about 50 significant bits and the right sign.
#[inline(always)]
fn approximate<L: LanesF64, const N: usize>(limbs: &[L; N]) -> L {
    let mut value = limbs[N - 1];
    for i in (0..N - 1).rev() {
        value = limbs[i].fma_f64(value, L::splat_f64(power_of_two(BITS as u64)));
    }
    value
}

/// a x + b y, with carries propagated.
#[inline(always)]
fn linear_combination<L: LanesF64, const N: usize>(a: L, x: &[L; N], b: L, y: &[L; N]) -> [L; N] {
    let unit = L::splat_f64(1.0 / power_of_two(BITS as u64));
    let round = L::splat_f64(ROUND_TO_2_26);
    let mut limbs = *x;
    let mut carry = L::splat(0);
    for i in 0..N {
        limbs[i] = L::splat(0).fma_f64(carry, unit).fma_f64(a, x[i]).fma_f64(b, y[i]);
        if i + 1 < N {
            carry = limbs[i].add_f64(round).sub_f64(round);
            limbs[i] = limbs[i].sub_f64(carry);
        }
    }
    limbs
}

/// The limbs of a number below 2^255.
#[inline(always)]
fn from_words<L: LanesF64>(words: &[L; 4]) -> [L; LONG_LIMBS] {
    let (zero, one) = (L::splat(0), L::splat_f64(1.0));
    let mut limbs = [zero; LONG_LIMBS];
    for (i, limb) in limbs.iter_mut().enumerate() {
        // OR-ing an integer below 2^52 into the bits of 2^52 gives the double 2^52 plus that
        // integer.
        let two_52 = L::splat_f64(power_of_two(52));
        *limb = (extract_bits(words, BITS * i, BITS as u32) | two_52).sub_f64(two_52);
    }
    linear_combination(one, &limbs, zero, &limbs)
}

/// The words of a number that fits the lowest [`SHORT_LIMBS`] limbs, negated where `sign` is 1.
#[inline(always)]
fn to_words<L: LanesF64, const N: usize>(limbs: &[L; N], sign: L) -> [L; 4] {
    // 2^40 makes a signed limb positive before the shift; it is a multiple of 2^26, so that its
    // own carry can be subtracted.
    let bias_bits = 40;
    let mut words = [L::splat(0); 4];
    let mut carry = L::splat(0);
    for i in 0..SHORT_LIMBS {
        let limb = (limbs[i] ^ sign.shl(63)).add_f64(L::splat_f64(ROUND_TO_INT)) - L::splat_f64(ROUND_TO_INT)
            + carry;
        carry = (limb + L::splat(1 << bias_bits)).shr(BITS as u32) - L::splat(1 << (bias_bits - BITS));
        let bits = limb & L::splat((1 << BITS) - 1);
        let (word, shift) = (BITS * i / 64, (BITS * i % 64) as u32);
        words[word] = words[word] | bits.shl(shift);
        if shift as usize + BITS > 64 {
            words[word + 1] = bits.shr(64 - shift);
        }
    }
    words
}

#[inline(always)]
fn select_words<L: LanesF64>(mask: L, a: [L; 4], b: [L; 4]) -> [L; 4] {
    let mut words = a;
    for i in 0..4 {
        words[i] = mask.choose(a[i], b[i]);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::load_lanes;
    use super::*;
    use crate::cpu::isa::Level64;
    use crate::cpu::lanes::MAX_LANES64;
    use crate::ed25519::half_size::{
        HalfSize, are_half_size, check_half_size, edge_scalars, random_scalars, with_very_short_half_size,
    };

    dispatch! {
        fn half_size_of(k: &[[u64; 4]]) -> Vec<HalfSize> = half_size_of_lanes::<U64s>
    }

    #[inline(always)]
    fn half_size_of_lanes<L: LanesF64>(k: &[[u64; 4]]) -> Vec<HalfSize> {
        let mut all = Vec::new();
        for chunk in k.chunks(2 * L::LANES) {
            let vector = |i: usize| load_lanes::<L>(|lane| chunk[(i * L::LANES + lane) % chunk.len()]);
            for HalfSizeScalars { u, u_is_negative, v } in half_size_scalars(&[vector(0), vector(1)]) {
                let mut lanes = [[0; MAX_LANES64]; 9];
                for (lanes, word) in lanes.iter_mut().zip(u.iter().chain(&v).chain([&u_is_negative])) {
                    word.store(lanes);
                }
                let number = |first: usize, lane: usize| std::array::from_fn(|i| lanes[first + i][lane]);
                all.extend((0..L::LANES).map(|lane| (number(0, lane), lanes[8][lane] != 0, number(4, lane))));
            }
        }
        all.truncate(k.len());
        all
    }

    fn levels() -> impl Iterator<Item = Level64> {
        Level64::available()
    }

    #[test]
    fn random_scalars_have_half_size_scalars() {
        let scalars = random_scalars(20_000);
        for level in levels() {
            assert!(are_half_size(&check_half_size(&scalars, &half_size_of(level, &scalars))), "{level}");
        }
    }

    #[test]
    fn edge_scalars_and_very_short_ones() {
        for scalars in [edge_scalars(), with_very_short_half_size()] {
            for level in levels() {
                check_half_size(&scalars, &half_size_of(level, &scalars));
            }
        }
    }
}
