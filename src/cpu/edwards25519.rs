//! Points of the curve -x^2 + y^2 = 1 + d x^2 y^2, one in each lane.
//!
//! The formulas are those of Hisil, Wong, Carter and Dawson, "Twisted Edwards
//! Curves Revisited" (2008), as in RFC 8032, section 5.1.4; they are complete:
//! no pair of points is an exception.
//!
//! The running point is kept as the four factors E, F, G, H of its coordinates
//! X = EF, Y = GH, Z = FG, T = EH. Each operation multiplies out those it
//! needs: doubling never computes T.

use std::hint::black_box;

use super::field25519::{Field, Wide, inverted, square_roots};
use super::lanes::{Lanes64, MAX_LANES64, Quad};

/// d = -121665/121666 mod p, as little-endian words.
const D: [u64; 4] =
    [0x75eb_4dca_1359_78a3, 0x0070_0a4d_4141_d8ab, 0x8cc7_4079_7779_e898, 0x5203_6cee_2b6f_fe73];

/// 2d mod p.
const D2: [u64; 4] =
    [0xebd6_9b94_26b2_f159, 0x00e0_149a_8283_b156, 0x198e_80f2_eef3_d130, 0x2406_d9dc_56df_fce7];

const ONE: [u64; 4] = [1, 0, 0, 0];
const TWO: [u64; 4] = [2, 0, 0, 0];

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

/// A point with Z = 1 to be added, as y + x, y - x and 2dxy.
#[derive(Clone, Copy)]
pub struct CachedAffine<F> {
    y_plus_x: F,
    y_minus_x: F,
    t_2d: F,
}

/// A point to be added, as Y + X, Y - X and 2dT, and 2Z.
#[derive(Clone, Copy)]
pub struct Cached<F>(CachedAffine<F>, F);

impl<F: Field> From<CachedAffine<F>> for Cached<F> {
    #[inline(always)]
    fn from(p: CachedAffine<F>) -> Self {
        Cached(p, F::splat(TWO))
    }
}

impl<F: Field> Affine<F> {
    /// The points that `words` encode, and ones in the lanes where they do
    /// (RFC 8032, section 5.1.3, but y need not be below p, and x = 0 may carry
    /// either sign, as in ed25519-dalek and in ZIP 215). Several at a time, to
    /// hide the latency of the square roots.
    #[inline(always)]
    pub fn decode<const N: usize>(words: &[[F::Lanes; 4]; N]) -> [(Self, F::Lanes); N] {
        let one = F::splat(ONE);
        let (mut y, mut u, mut v) = ([one; N], [one; N], [one; N]);
        for i in 0..N {
            y[i] = F::from_words(words[i]);
            u[i] = F::reduce(F::sub(y[i].square_lifted(), one.widen()));
            v[i] = F::reduce(F::add(y[i].squared().mul_lifted(F::splat(D)), one.widen()));
        }
        let roots = square_roots(&u, &v);
        let mut points = [(Affine { x: one, y: one }, F::Lanes::splat(0)); N];
        for i in 0..N {
            let (x, exists) = roots[i];
            let odd = x.to_words()[0] & F::Lanes::splat(1);
            let same = odd.equal(words[i][3].shr(63));
            let x = F::select(same, x, x.negated());
            points[i] = (Affine { x, y: y[i] }, exists);
        }
        points
    }

    /// The base point in each lane.
    #[inline(always)]
    pub fn base() -> Self {
        Affine { x: F::splat(BASE[0]), y: F::splat(BASE[1]) }
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

    /// -P in the lanes where `mask` has ones, P where it has zeros.
    #[inline(always)]
    pub fn negated_where(self, mask: F::Lanes) -> Self {
        Affine { x: F::select(mask, self.x.negated(), self.x), y: self.y }
    }

    /// The point as it is added.
    #[inline(always)]
    pub fn cached(self) -> CachedAffine<F> {
        let (x, y) = (self.x.widen(), F::add(self.y.widen(), F::lift()));
        CachedAffine {
            y_plus_x: F::reduce(F::add(y, x)),
            y_minus_x: F::reduce(F::sub(y, x)),
            t_2d: self.x.times(self.y).times(F::splat(D2)),
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

    /// P, or -P in the lanes where `negative` has ones.
    #[inline(always)]
    pub fn of(p: &Cached<F>, negative: F::Lanes) -> Self {
        let Cached(p, z_2) = *p;
        let y_plus_x = F::add(F::select(negative, p.y_minus_x, p.y_plus_x).widen(), F::lift());
        let y_minus_x = F::select(negative, p.y_plus_x, p.y_minus_x).widen();
        Factors {
            e: F::reduce(F::sub(y_plus_x, y_minus_x)),
            f: z_2,
            g: z_2,
            h: F::reduce(F::add(y_plus_x, y_minus_x)),
        }
    }

    /// 2P, from P's X, Y and Z.
    #[inline(always)]
    pub fn doubled(self) -> Self {
        let x = self.e.times(self.f);
        let y = self.g.times(self.h);
        let z = self.f.times(self.g);
        let (xx, yy, zz) = (x.square(), y.square_lifted(), z.square_lifted());
        // E = 2XY, F = 2Z^2 - G, G = Y^2 - X^2, H = X^2 + Y^2.
        let g = F::sub(yy, xx);
        Factors {
            e: F::reduce(x.mul_twice_lifted(y)),
            f: F::reduce(F::sub(F::add(zz, zz), g)),
            g: F::reduce(g),
            h: F::reduce(F::add(xx, yy)),
        }
    }

    /// 8P: neutral where P has small order.
    #[inline(always)]
    pub fn eightfold(mut self) -> Self {
        for _ in 0..3 {
            self = self.doubled();
        }
        self
    }

    /// P + Q, or P - Q in the lanes where `negative` has ones.
    #[inline(always)]
    pub fn plus(self, q: &Cached<F>, negative: F::Lanes) -> Self {
        let d = self.f.times(self.g).mul_lifted(q.1);
        Self::combined(self.sum_difference_and_t(), d, &q.0, negative)
    }

    /// P + Q, or P - Q in the lanes where `negative` has ones.
    #[inline(always)]
    pub fn plus_affine(self, q: &CachedAffine<F>, negative: F::Lanes) -> Self {
        let d = self.f.mul_twice_lifted(self.g);
        Self::combined(self.sum_difference_and_t(), d, q, negative)
    }

    /// P + Q or P - Q, from P's Y + X, Y - X and T, and `d` = 2 Z1 Z2. The
    /// negative of Q has its first two coordinates exchanged and T negated.
    #[inline(always)]
    fn combined(
        [y_plus_x, y_minus_x, t]: [F; 3],
        d: Wide<F::Lanes>,
        q: &CachedAffine<F>,
        negative: F::Lanes,
    ) -> Self {
        let a = y_minus_x.mul(F::select(negative, q.y_plus_x, q.y_minus_x));
        let b = y_plus_x.mul_lifted(F::select(negative, q.y_minus_x, q.y_plus_x));
        let c = F::negate_where(t.mul(q.t_2d), negative);
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
        let [y_plus_x, y_minus_x, t] = self.sum_difference_and_t();
        let t_2d = t.times(F::splat(D2));
        let z_2 = F::reduce(self.f.mul_twice_lifted(self.g));
        Cached(CachedAffine { y_plus_x, y_minus_x, t_2d }, z_2)
    }

    /// The point as it is added, and its successor P + Q.
    #[inline(always)]
    fn cached_and_next(self, q: &CachedAffine<F>) -> (Cached<F>, Self) {
        let [y_plus_x, y_minus_x, t] = self.sum_difference_and_t();
        let t_2d = t.times(F::splat(D2));
        let d = self.f.mul_twice_lifted(self.g);
        let next = Self::combined([y_plus_x, y_minus_x, t], d, q, F::Lanes::splat(0));
        (Cached(CachedAffine { y_plus_x, y_minus_x, t_2d }, F::reduce(d)), next)
    }

    /// Y + X, Y - X and T.
    #[inline(always)]
    fn sum_difference_and_t(self) -> [F; 3] {
        let (x, y) = (self.e.mul(self.f), self.g.mul_lifted(self.h));
        [F::reduce(F::add(y, x)), F::reduce(F::sub(y, x)), self.e.times(self.h)]
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

/// The quads of a table entry: Y + X, Y - X, 2dT and 2Z.
const CACHED_QUADS: usize = 5;

/// The quads of an entry with Z = 1, of which the last is not full.
const AFFINE_QUADS: usize = 4;

/// The first multiples of a point in each lane, from 0 on. Entries lie lane by
/// lane, so that each lane reads consecutive quads.
pub struct Multiples(Vec<[Quad; CACHED_QUADS]>);

impl Multiples {
    /// A table with room for `count` multiples.
    pub fn with_room<L: Lanes64>(count: usize) -> Self {
        Multiples(vec![[Quad([0; 4]); CACHED_QUADS]; count * L::LANES])
    }

    /// Fills the table, of three multiples at least, with those of `point`.
    #[inline(always)]
    pub fn fill<F: Field>(&mut self, point: Affine<F>) {
        let lanes = F::Lanes::LANES;
        let one = F::splat(ONE);
        let neutral = CachedAffine { y_plus_x: one, y_minus_x: one, t_2d: F::splat([0; 4]) };
        let step = point.cached();
        store_cached(neutral.into(), &mut self.0[..lanes]);
        store_cached(step.into(), &mut self.0[lanes..]);
        let mut multiple = Factors::of(&step.into(), F::Lanes::splat(0)).doubled();
        let mut others = self.0[2 * lanes..].chunks_mut(lanes);
        let last = others.next_back().expect("three multiples at least");
        for entries in others {
            let (cached, next) = multiple.cached_and_next(&step);
            store_cached(cached, entries);
            multiple = next;
        }
        store_cached(multiple.cached(), last);
    }

    /// Each lane's multiple by its own number.
    #[inline(always)]
    pub fn times<F: Field>(&self, number: F::Lanes) -> Cached<F> {
        let numbers = indices(number);
        let mut entries = [&self.0[0]; MAX_LANES64];
        for (lane, entry) in entries[..F::Lanes::LANES].iter_mut().enumerate() {
            *entry = &self.0[numbers[lane] as usize * F::Lanes::LANES + lane];
        }
        cached(&coordinates(entries))
    }
}

/// What a [`SpacedMultiples`] holds.
#[derive(Clone, Copy)]
pub struct Shape {
    /// How many points there are multiples of.
    pub parts: usize,
    /// The doublings from each point to the next.
    pub spacing: usize,
    /// The multiples of each point.
    pub count: usize,
}

/// The first multiples, from 0 on, of a point P, of \[2^spacing\]P and so on, with
/// Z = 1.
pub struct SpacedMultiples(Vec<[Quad; AFFINE_QUADS]>);

impl SpacedMultiples {
    /// The multiples of the point in each lane.
    #[inline(always)]
    pub fn of_each<F: Field>(point: Affine<F>, shape: Shape) -> Vec<Self> {
        let positive = F::Lanes::splat(0);
        let mut base = Factors::identity().plus_affine(&point.cached(), positive);
        let mut multiples = Vec::with_capacity(shape.parts * shape.count);
        for _ in 0..shape.parts {
            let step = base.cached();
            let mut multiple = Factors::identity();
            for _ in 0..shape.count {
                multiples.push(multiple);
                multiple = multiple.plus(&step, positive);
            }
            for _ in 0..shape.spacing {
                base = base.doubled();
            }
        }
        let mut tables = vec![[Quad([0; 4]); AFFINE_QUADS]; F::Lanes::LANES * multiples.len()];
        let stride = AFFINE_QUADS * multiples.len();
        for (i, affine) in affine_each(&multiples).into_iter().enumerate() {
            store_affine(affine.cached(), &mut tables.as_flattened_mut()[AFFINE_QUADS * i..], stride);
        }
        tables.chunks(multiples.len()).map(|table| SpacedMultiples(table.to_vec())).collect()
    }

    /// An entry of each lane's own table.
    #[inline(always)]
    pub fn pick<F: Field>(tables: &[&Self; MAX_LANES64], number: F::Lanes) -> CachedAffine<F> {
        let numbers = indices(number);
        let mut entries = [&tables[0].0[0]; MAX_LANES64];
        for (lane, entry) in entries[..F::Lanes::LANES].iter_mut().enumerate() {
            *entry = &tables[lane].0[numbers[lane] as usize];
        }
        affine(&coordinates::<F, AFFINE_QUADS, 3>(entries))
    }
}

/// Points with Z = 1, each by its number.
#[derive(Default)]
pub struct AffinePoints(Vec<[Quad; AFFINE_QUADS]>);

impl AffinePoints {
    /// The number of points.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Appends the point in each lane.
    #[inline(always)]
    pub fn push<F: Field>(&mut self, point: Affine<F>) {
        let start = self.0.len();
        self.0.resize(start + F::Lanes::LANES, [Quad([0; 4]); AFFINE_QUADS]);
        store_affine(point.cached(), self.0[start..].as_flattened_mut(), AFFINE_QUADS);
    }

    /// The points with these numbers, one for each lane.
    #[inline(always)]
    pub fn pick<F: Field>(&self, numbers: &[u32; MAX_LANES64]) -> CachedAffine<F> {
        affine(&coordinates::<F, AFFINE_QUADS, 3>(numbers.map(|number| &self.0[number as usize])))
    }
}

/// Points, each by its number.
#[derive(Default)]
pub struct CachedPoints(Vec<[Quad; CACHED_QUADS]>);

impl CachedPoints {
    /// Removes all points.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Appends the point in each lane.
    #[inline(always)]
    pub fn push<F: Field>(&mut self, point: Cached<F>) {
        let start = self.0.len();
        self.0.resize(start + F::Lanes::LANES, [Quad([0; 4]); CACHED_QUADS]);
        store_cached(point, &mut self.0[start..]);
    }

    /// The points with these numbers, one for each lane.
    #[inline(always)]
    pub fn pick<F: Field>(&self, numbers: &[u32; MAX_LANES64]) -> Cached<F> {
        cached(&coordinates(numbers.map(|number| &self.0[number as usize])))
    }
}

/// A table's index for each lane. By way of memory: lanes taken out of a register would
/// cost operations that the products need.
#[inline(always)]
fn indices<L: Lanes64>(number: L) -> [u64; MAX_LANES64] {
    let mut numbers = [0; MAX_LANES64];
    number.store(&mut numbers);
    *black_box(&numbers)
}

#[inline(always)]
fn store_affine<F: Field>(point: CachedAffine<F>, quads: &mut [Quad], stride: usize) {
    let CachedAffine { y_plus_x, y_minus_x, t_2d } = point;
    let coordinates = [y_plus_x.pack(), y_minus_x.pack(), t_2d.pack(), t_2d.pack()];
    let words = coordinates.as_flattened().as_chunks().0;
    for (i, words) in words[..AFFINE_QUADS].iter().enumerate() {
        F::Lanes::store_quads(*words, &mut quads[i..], stride);
    }
}

/// Stores the points of all lanes, one after another.
#[inline(always)]
fn store_cached<F: Field>(point: Cached<F>, entries: &mut [[Quad; CACHED_QUADS]]) {
    let Cached(CachedAffine { y_plus_x, y_minus_x, t_2d }, z_2) = point;
    let coordinates = [y_plus_x.pack(), y_minus_x.pack(), t_2d.pack(), z_2.pack()];
    for (i, words) in coordinates.as_flattened().as_chunks().0.iter().enumerate() {
        F::Lanes::store_quads(*words, &mut entries.as_flattened_mut()[i..], CACHED_QUADS);
    }
}

/// The first `N` elements of an entry for each lane.
#[inline(always)]
fn coordinates<F: Field, const QUADS: usize, const N: usize>(
    entries: [&[Quad; QUADS]; MAX_LANES64],
) -> [F; N] {
    let mut quads = [[F::Lanes::splat(0); 4]; QUADS];
    for (i, quad) in quads.iter_mut().enumerate() {
        *quad = F::Lanes::load_quads(&entries.map(|entry| &entry[i]));
    }
    let words = quads.as_flattened().as_chunks().0;
    let mut elements = [F::unpack(words[0]); N];
    for i in 1..N {
        elements[i] = F::unpack(words[i]);
    }
    elements
}

#[inline(always)]
fn cached<F: Field>(coordinates: &[F; 4]) -> Cached<F> {
    Cached(affine(coordinates), coordinates[3])
}

#[inline(always)]
fn affine<F: Field>(coordinates: &[F]) -> CachedAffine<F> {
    CachedAffine { y_plus_x: coordinates[0], y_minus_x: coordinates[1], t_2d: coordinates[2] }
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
    let mut affine = Vec::with_capacity(points.len());
    for (point, before) in points.iter().zip(before).rev() {
        affine.push(point.affine(inverse.times(before)));
        inverse = inverse.times(point.z());
    }
    affine.reverse();
    affine
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
    use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
    use curve25519_dalek::scalar::Scalar;
    use proptest::prelude::*;

    use super::*;
    use crate::cpu::Isa;

    fn words(bytes: &[u8; 32]) -> [u64; 4] {
        std::array::from_fn(|i| u64::from_le_bytes(bytes.as_chunks().0[i]))
    }

    fn bytes(words: [u64; 4]) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
        bytes
    }

    /// One encoding for each lane, cyclically.
    #[inline(always)]
    fn load<L: Lanes64>(encodings: &[[u8; 32]]) -> [L; 4] {
        let lanes: Vec<_> = encodings.iter().cycle().take(L::LANES).map(words).collect();
        std::array::from_fn(|i| L::load(&lanes.iter().map(|words| words[i]).collect::<Vec<_>>()))
    }

    #[inline(always)]
    fn store<L: Lanes64>(words: [L; 4]) -> Vec<[u8; 32]> {
        let words = words.map(|word| {
            let mut lanes = [0; MAX_LANES64];
            word.store(&mut lanes);
            lanes
        });
        (0..L::LANES).map(|lane| bytes(words.map(|word| word[lane]))).collect()
    }

    dispatch! {
        fn check_decoding(encodings: &[[u8; 32]]) = check_decoding_lanes::<Fe>
    }

    #[inline(always)]
    fn check_decoding_lanes<F: Field>(encodings: &[[u8; 32]]) {
        for encodings in encodings.chunks(F::Lanes::LANES) {
            let [(point, exists)] = Affine::<F>::decode(&[load(encodings)]);
            let exists = store([exists; 4]);
            let found = store(point.encode());
            let negative = store(point.negated().encode());
            for (lane, encoding) in encodings.iter().enumerate() {
                let expected = CompressedEdwardsY(*encoding).decompress();
                assert_eq!(exists[lane] == [0xff; 32], expected.is_some(), "{encoding:x?}");
                let Some(expected) = expected else { continue };
                assert_eq!(found[lane], expected.compress().0, "{encoding:x?}");
                assert_eq!(negative[lane], (-expected).compress().0, "minus {encoding:x?}");
            }
        }
    }

    dispatch! {
        fn check_group(p: &[EdwardsPoint], q: &[EdwardsPoint]) = check_group_lanes::<Fe>
    }

    #[inline(always)]
    fn check_group_lanes<F: Field>(p: &[EdwardsPoint], q: &[EdwardsPoint]) {
        let lanes = F::Lanes::LANES;
        for (p, q) in p.chunks(lanes).zip(q.chunks(lanes)) {
            let encoded = |points: &[EdwardsPoint]| points.iter().map(|p| p.compress().0).collect::<Vec<_>>();
            let [(a, _), (b, _)] = Affine::<F>::decode(&[load(&encoded(p)), load(&encoded(q))]);
            let positive = F::Lanes::splat(0);
            let start = Factors::identity().plus_affine(&a.cached(), positive);
            let check = |name: &str, points: Factors<F>, expected: &dyn Fn(usize) -> EdwardsPoint| {
                let found = store(affine_each(&[points, start])[0].encode());
                let identity = store([points.is_identity(); 4]);
                for lane in 0..p.len() {
                    assert_eq!(found[lane], expected(lane).compress().0, "{name} in lane {lane}");
                    let neutral = expected(lane) == EdwardsPoint::default();
                    assert_eq!(identity[lane] == [0xff; 32], neutral, "{name} in lane {lane}");
                }
            };
            check("P", start, &|i| p[i]);
            check("2P", start.doubled(), &|i| p[i] + p[i]);
            check("P + Q", start.plus_affine(&b.cached(), positive), &|i| p[i] + q[i]);
            check("P - Q", start.plus_affine(&b.cached(), F::Lanes::splat(u64::MAX)), &|i| p[i] - q[i]);
            let mut table = Multiples::with_room::<F::Lanes>(17);
            table.fill(b);
            let doubled = start.doubled();
            for number in 0..17u64 {
                let entry = table.times::<F>(F::Lanes::splat(number));
                let multiple = |i: usize| Scalar::from(number) * q[i];
                check("2P + nQ", doubled.plus(&entry, positive), &|i| p[i] + p[i] + multiple(i));
                let minus = doubled.plus(&entry, F::Lanes::splat(u64::MAX));
                check("2P - nQ", minus, &|i| p[i] + p[i] - multiple(i));
            }
        }
    }

    dispatch! {
        fn check_shared(point: EdwardsPoint) = check_shared_lanes::<Fe>
    }

    #[inline(always)]
    fn check_shared_lanes<F: Field>(point: EdwardsPoint) {
        let [(affine, _)] = Affine::<F>::decode(&[load(&[point.compress().0])]);
        let shape = Shape { parts: 3, spacing: 7, count: 20 };
        let tables = SpacedMultiples::of_each(affine, shape);
        assert_eq!(tables.len(), F::Lanes::LANES);
        let tables = std::array::from_fn(|lane| &tables[lane % F::Lanes::LANES]);
        for first in 0..=52u64 {
            let numbers: Vec<_> = (first..).take(F::Lanes::LANES).collect();
            let entry = SpacedMultiples::pick::<F>(&tables, F::Lanes::load(&numbers));
            let sum = Factors::identity().plus_affine(&entry, F::Lanes::splat(0));
            let factor = |n: u64| Scalar::from((n % 20) << (7 * (n / 20)));
            let expected = numbers.iter().map(|&n| (factor(n) * point).compress().0);
            assert_eq!(store(affine_each(&[sum])[0].encode()), expected.collect::<Vec<_>>());
        }
    }

    #[test]
    fn torsion_and_neutral_points() {
        let torsion: Vec<_> = EIGHT_TORSION.to_vec();
        let mixed: Vec<_> = torsion.iter().map(|t| t + ED25519_BASEPOINT_POINT).collect();
        for isa in Isa::available().filter(|&isa| isa > Isa::Scalar) {
            for turn in 0..8 {
                let mut others = mixed.clone();
                others.rotate_left(turn);
                check_group(isa, &torsion, &others);
                check_group(isa, &others, &torsion);
                others.copy_from_slice(&torsion);
                others.rotate_left(turn);
                check_group(isa, &torsion, &others);
            }
            check_shared(isa, ED25519_BASEPOINT_POINT);
            check_shared(isa, mixed[1]);
        }
    }

    #[test]
    fn encodings_around_the_edges() {
        let mut encodings = Vec::new();
        for low in 0..=255u8 {
            for (middle, high) in [(0, 0), (0, 0x80), (0xff, 0x7f), (0xff, 0xff)] {
                let mut encoding = [middle; 32];
                (encoding[0], encoding[31]) = (low, high);
                encodings.push(encoding);
            }
        }
        for isa in Isa::available().filter(|&isa| isa > Isa::Scalar) {
            check_decoding(isa, &encodings);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn any_points(encodings in any::<[[u8; 32]; 11]>(), scalars in any::<[[u8; 32]; 16]>()) {
            let points = scalars.map(|bytes| EdwardsPoint::mul_base(&Scalar::from_bytes_mod_order(bytes)));
            let (p, q) = points.split_at(8);
            for isa in Isa::available().filter(|&isa| isa > Isa::Scalar) {
                check_decoding(isa, &encodings);
                check_group(isa, p, q);
            }
        }
    }
}
