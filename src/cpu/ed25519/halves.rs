//! Short numbers in place of a scalar: for k, numbers u and v of about half its
//! length with u = v k modulo 8 L, where v is odd.
//!
//! \[S\]B - \[k\]A = R holds exactly if \[v S\]B - \[u\]A - \[v\]R is the neutral point:
//! v has no divisor in common with 8 L, the order of the whole group, so that
//! multiplication by v loses nothing, torsion included. The doublings are half as
//! many (Antipa and others, "Accelerated Verification of ECDSA Signatures", 2005).
//!
//! All such (u, v) are a lattice, of which (8 L, 0) and (k, 1) are a basis. Euclid's
//! algorithm shortens it. As Lehmer's does, it takes the quotients of a round from
//! the leading bits, and then the round's whole matrix to the long numbers. These
//! stay exact, whatever the quotients: a bad one makes u and v longer, never wrong.

use super::truths;
use crate::cpu::field25519::bits_at;
use crate::cpu::lanes::{LanesF64, ONES, power_of_two};
use crate::cpu::scalar25519::ORDER;

/// u and v in each lane, as words of their magnitudes.
#[derive(Clone, Copy)]
pub struct Halves<L> {
    pub u: [L; 4],
    /// Ones where u is below zero.
    pub u_is_negative: L,
    /// Odd and above zero.
    pub v: [L; 4],
}

/// Numbers are limbs of so many bits, doubles of magnitude 2^25 at most; but in the
/// highest limb there may be more.
const BITS: usize = 26;

/// The limbs of numbers up to 8 L, and of those up to 2^155.
const LONG: usize = 10;
const SHORT: usize = 6;

/// The steps of a round at most, and the rounds.
const STEPS: usize = 11;
const ROUNDS: usize = 12;

/// The most that an entry of a round's matrix may be. With limbs of 2^25 it makes
/// sums of two products and a carry that are below 2^53: exact.
const MOST: f64 = power_of_two(26);

/// The most that (y, t) is taken from (x, s) at the end: the result is below 2^154.
const MOST_TIMES: f64 = power_of_two(24);

/// Euclid's algorithm ends below the square root of 8 L.
const SHORT_ENOUGH: f64 = 1.414 * power_of_two(127);

/// As [`ONES`], for multiples of a limb's unit.
const CARRIES: f64 = ONES * power_of_two(BITS as u64);

const SIGN: u64 = 1 << 63;

/// 8 L as words.
const GROUP_ORDER: [u64; 4] = [
    ORDER[0] << 3,
    ORDER[1] << 3 | ORDER[0] >> 61,
    ORDER[2] << 3 | ORDER[1] >> 61,
    ORDER[3] << 3 | ORDER[2] >> 61,
];

/// u and v for each k, which must be below L. Several vectors at a time, to hide the
/// latency of the divisions.
#[inline(always)]
pub fn halves<L: LanesF64, const N: usize>(k: &[[L; 4]; N]) -> [Halves<L>; N] {
    let mut bases = [Basis::of(&k[0]); N];
    for i in 1..N {
        bases[i] = Basis::of(&k[i]);
    }
    for _ in 0..ROUNDS {
        if all_short(&bases) {
            break;
        }
        let rows = matrices(&bases);
        for i in 0..N {
            bases[i] = bases[i].times(&rows[i]);
        }
    }
    let mut halves = [bases[0].halves(&k[0]); N];
    for i in 1..N {
        halves[i] = bases[i].halves(&k[i]);
    }
    halves
}

/// A basis of the lattice: (x, s) and (y, t), with |x| > |y|.
///
/// Always |x t - y s| = 8 L, and |t| > |s|; so t is 16 L / |x| at most.
#[derive(Clone, Copy)]
struct Basis<L> {
    x: [L; LONG],
    s: [L; SHORT],
    y: [L; LONG],
    t: [L; SHORT],
}

impl<L: LanesF64> Basis<L> {
    #[inline(always)]
    fn of(k: &[L; 4]) -> Self {
        let zero = L::splat(0);
        let [w0, w1, w2, w3] = GROUP_ORDER;
        let order = [L::splat(w0), L::splat(w1), L::splat(w2), L::splat(w3)];
        let mut t = [zero; SHORT];
        t[0] = L::splat_f64(1.0);
        Basis { x: limbs(&order), s: [zero; SHORT], y: limbs(k), t }
    }

    /// The basis with these two rows.
    #[inline(always)]
    fn times(&self, [[a, b], [c, d]]: &[[L; 2]; 2]) -> Self {
        Basis {
            x: combined(*a, &self.x, *b, &self.y),
            s: combined(*a, &self.s, *b, &self.t),
            y: combined(*c, &self.x, *d, &self.y),
            t: combined(*c, &self.s, *d, &self.t),
        }
    }

    /// (y, t) where t is odd. Where it is even, s is odd: then (x, s) less that
    /// multiple of (y, t) which makes both of about one length. And (k, 1) where
    /// neither is short.
    #[inline(always)]
    fn halves(&self, k: &[L; 4]) -> Halves<L> {
        let (zero, one) = (L::splat(0), L::splat_f64(1.0));
        let even = (self.t[0].add_f64(L::splat_f64(ONES)) & L::splat(1)).equal(zero);
        let (x, y) = (rough(&self.x), rough(&self.y));
        let difference = magnitude(x).sub_f64(magnitude(rough(&self.s)));
        let reach = magnitude(y).add_f64(magnitude(rough(&self.t)));
        let times = minus_quotient(difference, reach) ^ ((x ^ y) & L::splat(SIGN));
        let (a, b) = (even.choose(one, zero), even.choose(times, one));
        let (u, v) = (combined(a, &self.x, b, &self.y), combined(a, &self.s, b, &self.t));
        let short = magnitude(y).at_most_f64(L::splat_f64(SHORT_ENOUGH))
            & magnitude(b).at_most_f64(L::splat_f64(MOST_TIMES));
        let (u_sign, v_sign) = (rough(&u).shr(63), rough(&v).shr(63));
        let one = L::splat(1);
        Halves {
            u: choose_words(short, words(&u, u_sign), *k),
            u_is_negative: (zero - (u_sign ^ v_sign)) & short,
            v: choose_words(short, words(&v, v_sign), [one, zero, zero, zero]),
        }
    }
}

/// Whether y is short enough in all lanes.
#[inline(always)]
fn all_short<L: LanesF64, const N: usize>(bases: &[Basis<L>; N]) -> bool {
    let mut short = L::splat(u64::MAX);
    for basis in bases {
        short = short & magnitude(rough(&basis.y)).at_most_f64(L::splat_f64(SHORT_ENOUGH));
    }
    truths(short)[..L::LANES].iter().all(|&short| short)
}

/// Euclid's steps, with the quotients that are nearest, as the rows that give the new
/// x and y. A lane rests when y is short enough or an entry would be too large.
#[inline(always)]
fn matrices<L: LanesF64, const N: usize>(bases: &[Basis<L>; N]) -> [[[L; 2]; 2]; N] {
    let (zero, one) = (L::splat(0), L::splat_f64(1.0));
    let mut rows = [[[one, zero], [zero, one]]; N];
    let mut lengths = [[one; 2]; N];
    for i in 0..N {
        lengths[i] = [rough(&bases[i].x), rough(&bases[i].y)];
    }
    for _ in 0..STEPS {
        for i in 0..N {
            let ([x, y], [[a, b], [c, d]]) = (lengths[i], rows[i]);
            let minus_q = minus_quotient(x, y);
            let next = [a.fused_add(minus_q, c), b.fused_add(minus_q, d)];
            // Of a row's entries the second is the larger, since |x| > |y|.
            let goes = L::splat_f64(SHORT_ENOUGH).at_most_f64(magnitude(y))
                & magnitude(next[1]).at_most_f64(L::splat_f64(MOST));
            lengths[i] = [goes.choose(y, x), goes.choose(x.fused_add(minus_q, y), y)];
            rows[i] =
                [[goes.choose(c, a), goes.choose(d, b)], [goes.choose(next[0], c), goes.choose(next[1], d)]];
        }
    }
    rows
}

/// -x/y, rounded to a whole number, the nearest or one beside it.
#[inline(always)]
fn minus_quotient<L: LanesF64>(x: L, y: L) -> L {
    let ones = L::splat_f64(ONES);
    ones.sub_f64(x.ratio_f64(y).add_f64(ones))
}

#[inline(always)]
fn magnitude<L: LanesF64>(x: L) -> L {
    x & L::splat(!SIGN)
}

/// A number to 50 bits or so, with the right sign.
#[inline(always)]
fn rough<L: LanesF64, const N: usize>(limbs: &[L; N]) -> L {
    let mut value = limbs[N - 1];
    for i in (0..N - 1).rev() {
        value = limbs[i].fused_add(value, L::splat_f64(power_of_two(BITS as u64)));
    }
    value
}

/// a x + b y, carried.
#[inline(always)]
fn combined<L: LanesF64, const N: usize>(a: L, x: &[L; N], b: L, y: &[L; N]) -> [L; N] {
    let unit = L::splat_f64(1.0 / power_of_two(BITS as u64));
    let carries = L::splat_f64(CARRIES);
    let mut limbs = *x;
    let mut carry = L::splat(0);
    for i in 0..N {
        limbs[i] = L::splat(0).fused_add(carry, unit).fused_add(a, x[i]).fused_add(b, y[i]);
        if i + 1 < N {
            carry = limbs[i].add_f64(carries).sub_f64(carries);
            limbs[i] = limbs[i].sub_f64(carry);
        }
    }
    limbs
}

/// The limbs of a number below 2^255.
#[inline(always)]
fn limbs<L: LanesF64>(words: &[L; 4]) -> [L; LONG] {
    let (zero, one) = (L::splat(0), L::splat_f64(1.0));
    let mut limbs = [zero; LONG];
    for (i, limb) in limbs.iter_mut().enumerate() {
        // Below 2^52: the bits of 2^52 or-ed to it make it a double.
        let base = L::splat_f64(power_of_two(52));
        *limb = (bits_at(words, BITS * i, BITS as u32) | base).sub_f64(base);
    }
    combined(one, &limbs, zero, &limbs)
}

/// The words of the lowest limbs, which hold all of the number, times -1 where `sign` is 1.
#[inline(always)]
fn words<L: LanesF64, const N: usize>(limbs: &[L; N], sign: L) -> [L; 4] {
    // Makes what has a sign positive, and is a whole number of carries.
    let high = 40;
    let mut words = [L::splat(0); 4];
    let mut carry = L::splat(0);
    for i in 0..SHORT {
        let limb = (limbs[i] ^ sign.shl(63)).add_f64(L::splat_f64(ONES)) - L::splat_f64(ONES) + carry;
        carry = (limb + L::splat(1 << high)).shr(BITS as u32) - L::splat(1 << (high - BITS));
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
fn choose_words<L: LanesF64>(mask: L, a: [L; 4], b: [L; 4]) -> [L; 4] {
    let mut words = a;
    for i in 0..4 {
        words[i] = mask.choose(a[i], b[i]);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::columns;
    use super::*;
    use crate::cpu::Isa;
    use crate::cpu::lanes::MAX_LANES64;
    use crate::ed25519::halved::{self, Halves as Numbers, any_scalars, are_short, lengths};

    dispatch! {
        fn halves_of(k: &[[u64; 4]]) -> Vec<Numbers> = halves_of_lanes::<U64s>
    }

    #[inline(always)]
    fn halves_of_lanes<L: LanesF64>(k: &[[u64; 4]]) -> Vec<Numbers> {
        let mut all = Vec::new();
        for chunk in k.chunks(2 * L::LANES) {
            let vector = |i: usize| columns::<L>(|lane| chunk[(i * L::LANES + lane) % chunk.len()]);
            for Halves { u, u_is_negative, v } in halves(&[vector(0), vector(1)]) {
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

    fn levels() -> impl Iterator<Item = Isa> {
        Isa::available().filter(|&isa| isa > Isa::Scalar)
    }

    #[test]
    fn any_scalar_has_short_halves() {
        let scalars = any_scalars(20_000);
        for isa in levels() {
            assert!(are_short(&lengths(&scalars, &halves_of(isa, &scalars))), "{isa}");
        }
    }

    #[test]
    fn scalars_at_the_edges_and_with_very_short_halves() {
        for scalars in [halved::edges(), halved::of_very_short_halves()] {
            for isa in levels() {
                lengths(&scalars, &halves_of(isa, &scalars));
            }
        }
    }
}
