//! Points of the curve -x^2 + y^2 = 1 + d x^2 y^2, one in each lane.
//!
//! The formulas are those of Hisil, Wong, Carter and Dawson, "Twisted Edwards
//! Curves Revisited" (2008), as in RFC 8032, section 5.1.4; they are complete:
//! no pair of points is an exception.
//!
//! The running point is kept as the four factors E, F, G, H of its coordinates
//! X = EF, Y = GH, Z = FG, T = EH. Each operation multiplies out those it
//! needs: doubling never computes T.

use super::field25519::{Field, PACKED, inverted, square_roots};
use super::lanes::Lanes64;
use super::scalar25519::Digit;

/// d = -121665/121666 mod p, as little-endian words.
const D: [u64; 4] =
    [0x75eb_4dca_1359_78a3, 0x0070_0a4d_4141_d8ab, 0x8cc7_4079_7779_e898, 0x5203_6cee_2b6f_fe73];

/// 2d mod p.
const D2: [u64; 4] =
    [0xebd6_9b94_26b2_f159, 0x00e0_149a_8283_b156, 0x198e_80f2_eef3_d130, 0x2406_d9dc_56df_fce7];

const ONE: [u64; 4] = [1, 0, 0, 0];

/// The base point B (RFC 8032, section 5.1).
const BASE: [[u64; 4]; 2] = [
    [0xc956_2d60_8f25_d51a, 0x692c_c760_9525_a7b2, 0xc0a4_e231_fdd6_dc5c, 0x2169_36d3_cd6e_53fe],
    [0x6666_6666_6666_6658, 0x6666_6666_6666_6666, 0x6666_6666_6666_6666, 0x6666_6666_6666_6666],
];

/// The coordinates (x, y) of a point.
#[derive(Clone, Copy)]
pub struct Affine<F> {
    pub x: F,
    pub y: F,
}

/// The factors of a point's coordinates: x = E/G and y = H/F.
#[derive(Clone, Copy)]
pub struct Factors<F> {
    pub e: F,
    pub f: F,
    pub g: F,
    pub h: F,
}

/// A point to be added, as Y + X, Y - X, 2dT and 2Z.
#[derive(Clone, Copy)]
pub struct Cached<F> {
    y_plus_x: F,
    y_minus_x: F,
    t_2d: F,
    z_2: F,
}

/// A point with Z = 1 to be added, as y + x, y - x and 2dxy.
#[derive(Clone, Copy)]
pub struct CachedAffine<F> {
    y_plus_x: F,
    y_minus_x: F,
    xy_2d: F,
}

impl<F: Field> Affine<F> {
    /// The points that `words` encode, and ones in the lanes where they do
    /// (RFC 8032, section 5.1.3, but y need not be below p, and x = 0 may carry
    /// either sign, as in ed25519-dalek and in ZIP 215). Several at a time, to
    /// hide the latency of the square roots.
    #[inline(always)]
    pub fn decode<const N: usize>(words: &[[F::Lanes; 4]; N]) -> [(Self, F::Lanes); N] {
        let one = F::splat(ONE);
        let y: [F; N] = std::array::from_fn(|i| F::from_words(words[i]));
        let u: [F; N] = std::array::from_fn(|i| F::reduce(F::sub(y[i].square_lifted(), one.widen())));
        let v: [F; N] = std::array::from_fn(|i| {
            let square = y[i].squared();
            F::reduce(F::add(square.mul(F::splat(D)), one.widen()))
        });
        let roots = square_roots(&u, &v);
        std::array::from_fn(|i| {
            let (x, exists) = roots[i];
            let one_bit = F::Lanes::splat(1);
            let odd = x.to_words()[0] & one_bit;
            let same = odd.equal(words[i][3].shr(63));
            let x = F::select(same, x, x.negated());
            (Affine { x, y: y[i] }, exists)
        })
    }

    /// The base point in each lane.
    #[inline(always)]
    pub fn base() -> Self {
        let [x, y] = BASE.map(F::splat);
        Affine { x, y }
    }

    /// The encoding: y, and x's lowest bit at the top.
    #[inline(always)]
    pub fn encode(self) -> [F::Lanes; 4] {
        let [w0, w1, w2, w3] = self.y.to_words();
        [w0, w1, w2, w3 | self.x.to_words()[0].shl(63)]
    }

    /// -P.
    #[inline(always)]
    pub fn negated(self) -> Self {
        Affine { x: self.x.negated(), y: self.y }
    }

    /// The point as it is added.
    #[inline(always)]
    pub fn cached(self) -> CachedAffine<F> {
        let (x, y) = (self.x.widen(), self.y.widen());
        CachedAffine {
            y_plus_x: F::reduce(F::add(y, x)),
            y_minus_x: F::reduce(F::sub(F::add(y, F::lift()), x)),
            xy_2d: self.x.times(self.y).times(F::splat(D2)),
        }
    }
}

impl<F: Field> Factors<F> {
    /// The neutral point.
    #[inline(always)]
    pub fn identity() -> Self {
        let one = F::splat(ONE);
        Factors { e: F::splat([0; 4]), f: one, g: one, h: one }
    }

    /// 2P, from P's X, Y and Z.
    #[inline(always)]
    pub fn doubled(self) -> Self {
        let x = self.e.times(self.f);
        let y = self.g.times(self.h);
        let z = self.f.times(self.g);
        let (xx, yy, zz, xy) = (x.square(), y.square_lifted(), z.square_lifted(), x.mul(y));
        // E = 2XY, F = 2Z^2 + X^2 - Y^2, G = Y^2 - X^2, H = X^2 + Y^2.
        Factors {
            e: F::reduce(F::add(xy, xy)),
            f: F::reduce(F::sub(F::add(F::add(zz, zz), xx), yy)),
            g: F::reduce(F::sub(yy, xx)),
            h: F::reduce(F::add(xx, yy)),
        }
    }

    /// P + Q.
    #[inline(always)]
    pub fn plus(self, q: &Cached<F>) -> Self {
        let z = self.f.times(self.g).mul_lifted(q.z_2);
        self.sum(q.y_plus_x, q.y_minus_x, q.t_2d, z)
    }

    /// P + Q.
    #[inline(always)]
    pub fn plus_affine(self, q: &CachedAffine<F>) -> Self {
        let z = self.f.mul_lifted(self.g);
        self.sum(q.y_plus_x, q.y_minus_x, q.xy_2d, F::add(z, z))
    }

    /// P + Q, where `d` is 2 Z1 Z2.
    #[inline(always)]
    fn sum(self, y_plus_x: F, y_minus_x: F, t_2d: F, d: F::Wide) -> Self {
        let (x, y) = (self.e.mul(self.f), self.g.mul_lifted(self.h));
        let a = F::reduce(F::sub(y, x)).mul(y_minus_x);
        let b = F::reduce(F::add(y, x)).mul_lifted(y_plus_x);
        let c = self.e.times(self.h).mul(t_2d);
        Factors {
            e: F::reduce(F::sub(b, a)),
            f: F::reduce(F::sub(d, c)),
            g: F::reduce(F::add(d, c)),
            h: F::reduce(F::add(b, a)),
        }
    }

    /// The point as it is added.
    #[inline(always)]
    pub fn cached(self) -> Cached<F> {
        let (x, y) = (self.e.mul(self.f), self.g.mul_lifted(self.h));
        let z = self.f.mul(self.g);
        Cached {
            y_plus_x: F::reduce(F::add(y, x)),
            y_minus_x: F::reduce(F::sub(y, x)),
            t_2d: self.e.times(self.h).times(F::splat(D2)),
            z_2: F::reduce(F::add(z, z)),
        }
    }

    /// Z, to be inverted.
    #[inline(always)]
    pub fn z(self) -> F {
        self.f.times(self.g)
    }

    /// The point as coordinates, given 1/Z.
    #[inline(always)]
    pub fn affine(self, z_inverse: F) -> Affine<F> {
        Affine { x: self.e.times(self.f).times(z_inverse), y: self.g.times(self.h).times(z_inverse) }
    }

    /// Ones in the lanes with the neutral point: x = E/G = 0 and y = H/F = 1.
    #[inline(always)]
    pub fn is_identity(self) -> F::Lanes {
        self.e.equal(F::splat([0; 4])) & self.h.equal(self.f)
    }
}

/// The words of a table entry: Y + X, Y - X, 2dT, -2dT and 2Z.
const CACHED_WORDS: usize = 5 * PACKED;

/// The words of an entry with Z = 1: y + x, y - x, 2dxy and -2dxy.
const AFFINE_WORDS: usize = 4 * PACKED;

/// The multiples 0 to `count` - 1 of a point in each lane.
///
/// -P is P with the first two coordinates exchanged and T negated, so a digit's
/// sign only moves the places where the coordinates are read.
pub struct Multiples<L>(Vec<L>);

impl<L: Lanes64> Multiples<L> {
    /// A table to be filled.
    pub fn new() -> Self {
        Multiples(Vec::new())
    }

    /// Fills the table with the multiples 0 to `count` - 1 of `point`.
    #[inline(always)]
    pub fn fill<F: Field<Lanes = L>>(&mut self, point: Affine<F>, count: usize) {
        let step = point.cached();
        let mut multiple = Factors::<F>::identity();
        self.0.clear();
        for _ in 0..count {
            let entry = multiple.cached();
            let t = entry.t_2d;
            for coordinate in [entry.y_plus_x, entry.y_minus_x, t, t.negated(), entry.z_2] {
                self.0.extend_from_slice(&coordinate.pack());
            }
            multiple = multiple.plus_affine(&step);
        }
    }

    /// Each lane's multiple by its own digit.
    #[inline(always)]
    pub fn times<F: Field<Lanes = L>>(&self, digit: Digit<L>) -> Cached<F> {
        let packed = L::splat(PACKED as u64);
        let first = digit.magnitude.mul32(L::splat(CACHED_WORDS as u64));
        let moved = digit.negative.mul32(packed);
        Cached {
            y_plus_x: F::unpack(L::pick(&self.0, first + moved)),
            y_minus_x: F::unpack(L::pick(&self.0, first + packed - moved)),
            t_2d: F::unpack(L::pick(&self.0, first + packed + packed + moved)),
            z_2: F::unpack(L::pick(&self.0, first + L::splat(4 * PACKED as u64))),
        }
    }
}

/// Multiples of one point for all lanes, with Z = 1, entries end to end.
pub struct SharedMultiples<'a>(pub &'a [u64]);

impl SharedMultiples<'_> {
    /// The multiples 0 to `count` - 1 of the point that is in the first lane.
    #[inline(always)]
    pub fn words<F: Field>(point: Affine<F>, count: usize) -> Vec<u64> {
        let step = point.cached();
        let mut multiples = vec![Factors::<F>::identity()];
        while multiples.len() < count {
            multiples.push(multiples[multiples.len() - 1].plus_affine(&step));
        }
        let mut words = Vec::with_capacity(count * AFFINE_WORDS);
        for affine in affine_each(&multiples) {
            let entry = affine.cached();
            let t = entry.xy_2d;
            for coordinate in [entry.y_plus_x, entry.y_minus_x, t, t.negated()] {
                words.extend(coordinate.pack().map(first_lane));
            }
        }
        words
    }

    /// The multiple by each lane's digit.
    #[inline(always)]
    pub fn times<F: Field>(&self, digit: Digit<F::Lanes>) -> CachedAffine<F> {
        let packed = F::Lanes::splat(PACKED as u64);
        let first = digit.magnitude.mul32(F::Lanes::splat(AFFINE_WORDS as u64));
        let moved = digit.negative.mul32(packed);
        CachedAffine {
            y_plus_x: F::unpack(F::Lanes::gather(self.0, first + moved)),
            y_minus_x: F::unpack(F::Lanes::gather(self.0, first + packed - moved)),
            xy_2d: F::unpack(F::Lanes::gather(self.0, first + packed + packed + moved)),
        }
    }
}

/// The word of lane 0.
fn first_lane<L: Lanes64>(lanes: L) -> u64 {
    let mut words = [0; 8];
    lanes.store(&mut words);
    words[0]
}

/// The coordinates of each point, by a single inversion (Montgomery's trick).
#[inline(always)]
pub fn affine_each<F: Field>(points: &[Factors<F>]) -> Vec<Affine<F>> {
    let mut product = F::splat(ONE);
    let mut before = Vec::with_capacity(points.len());
    for point in points {
        before.push(product);
        product = product.times(point.z());
    }
    let [mut inverse] = inverted(&[product]);
    let mut affine: Vec<_> = points
        .iter()
        .zip(before)
        .rev()
        .map(|(point, before)| {
            let z_inverse = inverse.times(before);
            inverse = inverse.times(point.z());
            point.affine(z_inverse)
        })
        .collect();
    affine.reverse();
    affine
}
