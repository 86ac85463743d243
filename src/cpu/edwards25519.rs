//! Points of the twisted Edwards curve -x^2 + y^2 = 1 + d x^2 y^2 (edwards25519), one in each
//! lane.
//!
//! The formulas are those of Hisil, Wong, Carter and Dawson, "Twisted Edwards Curves Revisited"
//! (2008), as in RFC 8032, section 5.1.4: add-2008-hwcd-3 and dbl-2008-hwcd in the EFD. They
//! are complete: no pair of points is exceptional.
//!
//! Points are accumulated in completed form E, F, G, H. Each operation multiplies out only the
//! extended coordinates that it needs, X = EF, Y = GH, Z = FG, T = EH: doubling never computes
//! T.

use std::hint::black_box;

use super::field25519::{Field, Wide, invert, sqrt_ratio};
use super::lanes::{Lanes64, MAX_LANES64, U64x4};

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

/// A point in affine coordinates.
#[derive(Clone, Copy)]
pub struct Affine<F> {
    pub x: F,
    pub y: F,
}

/// A point in completed form, ((E : G), (H : F)) in P^1 x P^1: x = E/G and y = H/F.
#[derive(Clone, Copy)]
pub struct Completed<F> {
    pub e: F,
    pub f: F,
    pub g: F,
    pub h: F,
}

/// An affine point in Niels form: y + x, y - x and 2dxy.
#[derive(Clone, Copy)]
pub struct AffineNiels<F> {
    y_plus_x: F,
    y_minus_x: F,
    t2d: F,
}

/// A projective point in Niels form: Y + X, Y - X and 2dT; and 2Z.
#[derive(Clone, Copy)]
pub struct ProjectiveNiels<F>(AffineNiels<F>, F);

impl<F: Field> From<AffineNiels<F>> for ProjectiveNiels<F> {
    #[inline(always)]
    fn from(p: AffineNiels<F>) -> Self {
        ProjectiveNiels(p, F::splat(TWO))
    }
}

impl<F: Field> Affine<F> {
    /// Decodes points (RFC 8032, section 5.1.3), several vectors at a time to hide the latency
    /// of the square roots. Returns each with a mask of the lanes where `words` is valid. As in
    /// ed25519-dalek and ZIP 215, y need not be below p, and x = 0 may have either sign.
    #[inline(always)]
    pub fn decode<const N: usize>(words: &[[F::Lanes; 4]; N]) -> [(Self, F::Lanes); N] {
        let one = F::splat(ONE);
        let (mut y, mut u, mut v) = ([one; N], [one; N], [one; N]);
        for i in 0..N {
            y[i] = F::from_words(words[i]);
            u[i] = F::reduce(F::sub(y[i].square_wide_biased(), one.widen()));
            v[i] = F::reduce(F::add(y[i].square().mul_wide_biased(F::splat(D)), one.widen()));
        }
        let roots = sqrt_ratio(&u, &v);
        let mut points = [(Affine { x: one, y: one }, F::Lanes::splat(0)); N];
        for i in 0..N {
            let (x, exists) = roots[i];
            let odd = x.to_words()[0] & F::Lanes::splat(1);
            let same = odd.eq_mask(words[i][3].shr(63));
            let x = F::select(same, x, x.neg());
            points[i] = (Affine { x, y: y[i] }, exists);
        }
        points
    }

    /// The base point B in each lane.
    #[inline(always)]
    pub fn base() -> Self {
        Affine { x: F::splat(BASE[0]), y: F::splat(BASE[1]) }
    }

    /// Encodes the point: y, with the lowest bit of x as the top bit (RFC 8032, section 5.1.2).
    #[inline(always)]
    pub fn encode(self) -> [F::Lanes; 4] {
        let [w0, w1, w2, w3] = self.y.to_words();
        [w0, w1, w2, w3 | self.x.to_words()[0].shl(63)]
    }

    /// -P.
    #[inline(always)]
    pub fn neg(self) -> Self {
        Affine { x: self.x.neg(), y: self.y }
    }

    /// -P in the lanes where `mask` is all ones, P where it is zero.
    #[inline(always)]
    pub fn conditional_negate(self, mask: F::Lanes) -> Self {
        Affine { x: F::select(mask, self.x.neg(), self.x), y: self.y }
    }

    /// Converts to Niels form.
    #[inline(always)]
    pub fn to_niels(self) -> AffineNiels<F> {
        let (x, y) = (self.x.widen(), F::add(self.y.widen(), F::bias()));
        AffineNiels {
            y_plus_x: F::reduce(F::add(y, x)),
            y_minus_x: F::reduce(F::sub(y, x)),
            t2d: self.x.mul(self.y).mul(F::splat(D2)),
        }
    }
}

impl<F: Field> Completed<F> {
    /// The identity.
    #[inline(always)]
    pub fn identity() -> Self {
        let one = F::splat(ONE);
        Completed { e: F::splat([0; 4]), f: one, g: one, h: one }
    }

    /// P, or -P in the lanes where `negative` is all ones.
    #[inline(always)]
    pub fn from_niels(p: &ProjectiveNiels<F>, negative: F::Lanes) -> Self {
        let ProjectiveNiels(p, z2) = *p;
        let y_plus_x = F::add(F::select(negative, p.y_minus_x, p.y_plus_x).widen(), F::bias());
        let y_minus_x = F::select(negative, p.y_plus_x, p.y_minus_x).widen();
        Completed {
            e: F::reduce(F::sub(y_plus_x, y_minus_x)),
            f: z2,
            g: z2,
            h: F::reduce(F::add(y_plus_x, y_minus_x)),
        }
    }

    /// 2P, from the projective coordinates X, Y and Z of P.
    #[inline(always)]
    pub fn double(self) -> Self {
        let x = self.e.mul(self.f);
        let y = self.g.mul(self.h);
        let z = self.f.mul(self.g);
        let (xx, yy, zz) = (x.square_wide(), y.square_wide_biased(), z.square_wide_biased());
        // E = 2XY, F = 2Z^2 - G, G = Y^2 - X^2, H = X^2 + Y^2.
        let g = F::sub(yy, xx);
        Completed {
            e: F::reduce(x.double_mul_wide_biased(y)),
            f: F::reduce(F::sub(F::add(zz, zz), g)),
            g: F::reduce(g),
            h: F::reduce(F::add(xx, yy)),
        }
    }

    /// 8P: the identity if P has small order.
    #[inline(always)]
    pub fn mul_by_cofactor(mut self) -> Self {
        for _ in 0..3 {
            self = self.double();
        }
        self
    }

    /// P + Q, or P - Q in the lanes where `negative` is all ones.
    #[inline(always)]
    pub fn add_niels(self, q: &ProjectiveNiels<F>, negative: F::Lanes) -> Self {
        let d = self.f.mul(self.g).mul_wide_biased(q.1);
        Self::add_coordinates(self.niels_coordinates(), d, &q.0, negative)
    }

    /// P + Q, or P - Q in the lanes where `negative` is all ones; Q is affine.
    #[inline(always)]
    pub fn add_mixed(self, q: &AffineNiels<F>, negative: F::Lanes) -> Self {
        let d = self.f.double_mul_wide_biased(self.g);
        Self::add_coordinates(self.niels_coordinates(), d, q, negative)
    }

    /// P + Q or P - Q, from Y1 + X1, Y1 - X1 and T1 of P, and D = 2 Z1 Z2. -Q in Niels form is
    /// Q with the first two coordinates swapped and 2dT negated.
    #[inline(always)]
    fn add_coordinates(
        [y_plus_x, y_minus_x, t]: [F; 3],
        d: Wide<F::Lanes>,
        q: &AffineNiels<F>,
        negative: F::Lanes,
    ) -> Self {
        let a = y_minus_x.mul_wide(F::select(negative, q.y_plus_x, q.y_minus_x));
        let b = y_plus_x.mul_wide_biased(F::select(negative, q.y_minus_x, q.y_plus_x));
        let c = F::conditional_negate(t.mul_wide(q.t2d), negative);
        Completed {
            e: F::reduce(F::sub(b, a)),
            f: F::reduce(F::sub(d, c)),
            g: F::reduce(F::add(d, c)),
            h: F::reduce(F::add(b, a)),
        }
    }

    /// Converts to Niels form.
    #[inline(always)]
    pub fn to_niels(self) -> ProjectiveNiels<F> {
        let [y_plus_x, y_minus_x, t] = self.niels_coordinates();
        let t2d = t.mul(F::splat(D2));
        let z2 = F::reduce(self.f.double_mul_wide_biased(self.g));
        ProjectiveNiels(AffineNiels { y_plus_x, y_minus_x, t2d }, z2)
    }

    /// P in Niels form, and P + Q; both share the coordinates of P.
    #[inline(always)]
    fn to_niels_and_add_mixed(self, q: &AffineNiels<F>) -> (ProjectiveNiels<F>, Self) {
        let [y_plus_x, y_minus_x, t] = self.niels_coordinates();
        let t2d = t.mul(F::splat(D2));
        let d = self.f.double_mul_wide_biased(self.g);
        let next = Self::add_coordinates([y_plus_x, y_minus_x, t], d, q, F::Lanes::splat(0));
        (ProjectiveNiels(AffineNiels { y_plus_x, y_minus_x, t2d }, F::reduce(d)), next)
    }

    /// Y + X, Y - X and T.
    #[inline(always)]
    fn niels_coordinates(self) -> [F; 3] {
        let (x, y) = (self.e.mul_wide(self.f), self.g.mul_wide_biased(self.h));
        [F::reduce(F::add(y, x)), F::reduce(F::sub(y, x)), self.e.mul(self.h)]
    }

    /// Z, for inversion.
    #[inline(always)]
    pub fn z(self) -> F {
        self.f.mul(self.g)
    }

    /// Converts to affine coordinates, given 1/Z.
    #[inline(always)]
    pub fn to_affine(self, z_inverse: F) -> Affine<F> {
        Affine { x: self.e.mul(self.f).mul(z_inverse), y: self.g.mul(self.h).mul(z_inverse) }
    }

    /// A mask of the lanes with the identity: x = E/G = 0 and y = H/F = 1.
    #[inline(always)]
    pub fn is_identity(self) -> F::Lanes {
        self.e.eq_mask(F::splat([0; 4])) & self.h.eq_mask(self.f)
    }
}

/// Table rows of a projective Niels point: four elements of five words.
const PROJECTIVE_NIELS_LEN: usize = 5;

/// Table rows of an affine Niels point: three elements, the last row padded.
const AFFINE_NIELS_LEN: usize = 4;

/// A lookup table in each lane: the multiples of a point from 0 on, in projective Niels form.
/// An entry's lanes are adjacent, and each lane's rows are contiguous.
pub struct LookupTable(Vec<[U64x4; PROJECTIVE_NIELS_LEN]>);

impl LookupTable {
    /// A zeroed table of `count` entries.
    pub fn zeroed<L: Lanes64>(count: usize) -> Self {
        LookupTable(vec![[U64x4([0; 4]); PROJECTIVE_NIELS_LEN]; count * L::LANES])
    }

    /// Fills the table, of at least three entries, with the multiples of `point`.
    #[inline(always)]
    pub fn fill<F: Field>(&mut self, point: Affine<F>) {
        let lanes = F::Lanes::LANES;
        let one = F::splat(ONE);
        let identity = AffineNiels { y_plus_x: one, y_minus_x: one, t2d: F::splat([0; 4]) };
        let step = point.to_niels();
        store_projective_niels(identity.into(), &mut self.0[..lanes]);
        store_projective_niels(step.into(), &mut self.0[lanes..]);
        let mut multiple = Completed::from_niels(&step.into(), F::Lanes::splat(0)).double();
        let mut others = self.0[2 * lanes..].chunks_mut(lanes);
        let last = others.next_back().expect("three multiples at least");
        for entries in others {
            let (niels, next) = multiple.to_niels_and_add_mixed(&step);
            store_projective_niels(niels, entries);
            multiple = next;
        }
        store_projective_niels(multiple.to_niels(), last);
    }

    /// Each lane's entry at its own index.
    #[inline(always)]
    pub fn lookup<F: Field>(&self, index: F::Lanes) -> ProjectiveNiels<F> {
        let indices = spill_indices(index);
        let mut entries = [&self.0[0]; MAX_LANES64];
        for (lane, entry) in entries[..F::Lanes::LANES].iter_mut().enumerate() {
            *entry = &self.0[indices[lane] as usize * F::Lanes::LANES + lane];
        }
        projective_niels(&gather_coordinates(entries))
    }
}

/// The dimensions of a [`Comb`].
#[derive(Clone, Copy)]
pub struct CombParams {
    /// Points whose multiples are tabulated.
    pub blocks: usize,
    /// Doublings from one block's point to the next.
    pub spacing: usize,
    /// Multiples of each block's point.
    pub entries: usize,
}

/// A comb of a point P: for each block i, the multiples of \[2^(spacing i)\]P from 0 on, in
/// affine Niels form.
pub struct Comb(Vec<[U64x4; AFFINE_NIELS_LEN]>);

impl Comb {
    /// Builds the comb of the point in each lane.
    #[inline(always)]
    pub fn build<F: Field>(point: Affine<F>, params: CombParams) -> Vec<Self> {
        let positive = F::Lanes::splat(0);
        let mut base = Completed::identity().add_mixed(&point.to_niels(), positive);
        let mut multiples = Vec::with_capacity(params.blocks * params.entries);
        for _ in 0..params.blocks {
            let step = base.to_niels();
            let mut multiple = Completed::identity();
            for _ in 0..params.entries {
                multiples.push(multiple);
                multiple = multiple.add_niels(&step, positive);
            }
            for _ in 0..params.spacing {
                base = base.double();
            }
        }
        let mut tables = vec![[U64x4([0; 4]); AFFINE_NIELS_LEN]; F::Lanes::LANES * multiples.len()];
        let stride = AFFINE_NIELS_LEN * multiples.len();
        for (i, affine) in batch_normalize(&multiples).into_iter().enumerate() {
            store_affine_niels(
                affine.to_niels(),
                &mut tables.as_flattened_mut()[AFFINE_NIELS_LEN * i..],
                stride,
            );
        }
        tables.chunks(multiples.len()).map(|table| Comb(table.to_vec())).collect()
    }

    /// Gathers the entry at each lane's index from its own comb.
    #[inline(always)]
    pub fn gather<F: Field>(combs: &[&Self; MAX_LANES64], index: F::Lanes) -> AffineNiels<F> {
        let indices = spill_indices(index);
        let mut entries = [&combs[0].0[0]; MAX_LANES64];
        for (lane, entry) in entries[..F::Lanes::LANES].iter_mut().enumerate() {
            *entry = &combs[lane].0[indices[lane] as usize];
        }
        affine_niels(&gather_coordinates::<F, AFFINE_NIELS_LEN, 3>(entries))
    }
}

/// A list of affine Niels points.
#[derive(Default)]
pub struct AffineNielsPoints(Vec<[U64x4; AFFINE_NIELS_LEN]>);

impl AffineNielsPoints {
    /// The number of points.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Appends the point of each lane.
    #[inline(always)]
    pub fn push<F: Field>(&mut self, point: Affine<F>) {
        let start = self.0.len();
        self.0.resize(start + F::Lanes::LANES, [U64x4([0; 4]); AFFINE_NIELS_LEN]);
        store_affine_niels(point.to_niels(), self.0[start..].as_flattened_mut(), AFFINE_NIELS_LEN);
    }

    /// Gathers one point for each lane, by index.
    #[inline(always)]
    pub fn gather<F: Field>(&self, indices: &[u32; MAX_LANES64]) -> AffineNiels<F> {
        affine_niels(&gather_coordinates::<F, AFFINE_NIELS_LEN, 3>(
            indices.map(|index| &self.0[index as usize]),
        ))
    }
}

/// A list of projective Niels points.
#[derive(Default)]
pub struct ProjectiveNielsPoints(Vec<[U64x4; PROJECTIVE_NIELS_LEN]>);

impl ProjectiveNielsPoints {
    /// Removes all points.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Appends the point of each lane.
    #[inline(always)]
    pub fn push<F: Field>(&mut self, point: ProjectiveNiels<F>) {
        let start = self.0.len();
        self.0.resize(start + F::Lanes::LANES, [U64x4([0; 4]); PROJECTIVE_NIELS_LEN]);
        store_projective_niels(point, &mut self.0[start..]);
    }

    /// Gathers one point for each lane, by index.
    #[inline(always)]
    pub fn gather<F: Field>(&self, indices: &[u32; MAX_LANES64]) -> ProjectiveNiels<F> {
        projective_niels(&gather_coordinates(indices.map(|index| &self.0[index as usize])))
    }
}

/// Spills each lane's index to memory. Extracting lanes from a register would compete with the
/// products for execution ports; `black_box` keeps the compiler from doing so.
#[inline(always)]
fn spill_indices<L: Lanes64>(index: L) -> [u64; MAX_LANES64] {
    let mut indices = [0; MAX_LANES64];
    index.store(&mut indices);
    *black_box(&indices)
}

#[inline(always)]
fn store_affine_niels<F: Field>(point: AffineNiels<F>, rows: &mut [U64x4], stride: usize) {
    let AffineNiels { y_plus_x, y_minus_x, t2d } = point;
    let coordinates = [y_plus_x.pack(), y_minus_x.pack(), t2d.pack(), t2d.pack()];
    let words = coordinates.as_flattened().as_chunks().0;
    for (i, words) in words[..AFFINE_NIELS_LEN].iter().enumerate() {
        F::Lanes::store_transposed(*words, &mut rows[i..], stride);
    }
}

/// Stores the points of all lanes to adjacent entries.
#[inline(always)]
fn store_projective_niels<F: Field>(
    point: ProjectiveNiels<F>,
    entries: &mut [[U64x4; PROJECTIVE_NIELS_LEN]],
) {
    let ProjectiveNiels(AffineNiels { y_plus_x, y_minus_x, t2d }, z2) = point;
    let coordinates = [y_plus_x.pack(), y_minus_x.pack(), t2d.pack(), z2.pack()];
    for (i, words) in coordinates.as_flattened().as_chunks().0.iter().enumerate() {
        F::Lanes::store_transposed(*words, &mut entries.as_flattened_mut()[i..], PROJECTIVE_NIELS_LEN);
    }
}

/// Gathers the first `N` elements of each lane's entry.
#[inline(always)]
fn gather_coordinates<F: Field, const LEN: usize, const N: usize>(
    entries: [&[U64x4; LEN]; MAX_LANES64],
) -> [F; N] {
    let mut rows = [[F::Lanes::splat(0); 4]; LEN];
    for (i, row) in rows.iter_mut().enumerate() {
        *row = F::Lanes::load_transposed(&entries.map(|entry| &entry[i]));
    }
    let words = rows.as_flattened().as_chunks().0;
    let mut elements = [F::unpack(words[0]); N];
    for i in 1..N {
        elements[i] = F::unpack(words[i]);
    }
    elements
}

#[inline(always)]
fn projective_niels<F: Field>(coordinates: &[F; 4]) -> ProjectiveNiels<F> {
    ProjectiveNiels(affine_niels(coordinates), coordinates[3])
}

#[inline(always)]
fn affine_niels<F: Field>(coordinates: &[F]) -> AffineNiels<F> {
    AffineNiels { y_plus_x: coordinates[0], y_minus_x: coordinates[1], t2d: coordinates[2] }
}

/// Converts points to affine coordinates with a single inversion (Montgomery's trick).
#[inline(always)]
pub fn batch_normalize<F: Field>(points: &[Completed<F>]) -> Vec<Affine<F>> {
    let mut product = F::splat(ONE);
    let mut prefixes = Vec::with_capacity(points.len());
    for point in points {
        prefixes.push(product);
        product = product.mul(point.z());
    }
    let [mut inverse] = invert(&[product]);
    let mut affine = Vec::with_capacity(points.len());
    for (point, prefix) in points.iter().zip(prefixes).rev() {
        affine.push(point.to_affine(inverse.mul(prefix)));
        inverse = inverse.mul(point.z());
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
    use crate::cpu::isa::Level64;

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
            let negative = store(point.neg().encode());
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
            let start = Completed::identity().add_mixed(&a.to_niels(), positive);
            let check = |name: &str, points: Completed<F>, expected: &dyn Fn(usize) -> EdwardsPoint| {
                let found = store(batch_normalize(&[points, start])[0].encode());
                let identity = store([points.is_identity(); 4]);
                for lane in 0..p.len() {
                    assert_eq!(found[lane], expected(lane).compress().0, "{name} in lane {lane}");
                    let neutral = expected(lane) == EdwardsPoint::default();
                    assert_eq!(identity[lane] == [0xff; 32], neutral, "{name} in lane {lane}");
                }
            };
            check("P", start, &|i| p[i]);
            check("2P", start.double(), &|i| p[i] + p[i]);
            check("P + Q", start.add_mixed(&b.to_niels(), positive), &|i| p[i] + q[i]);
            check("P - Q", start.add_mixed(&b.to_niels(), F::Lanes::splat(u64::MAX)), &|i| p[i] - q[i]);
            let mut table = LookupTable::zeroed::<F::Lanes>(17);
            table.fill(b);
            let doubled = start.double();
            for n in 0..17u64 {
                let entry = table.lookup::<F>(F::Lanes::splat(n));
                let multiple = |i: usize| Scalar::from(n) * q[i];
                check("2P + nQ", doubled.add_niels(&entry, positive), &|i| p[i] + p[i] + multiple(i));
                let minus = doubled.add_niels(&entry, F::Lanes::splat(u64::MAX));
                check("2P - nQ", minus, &|i| p[i] + p[i] - multiple(i));
            }
        }
    }

    dispatch! {
        fn check_comb(point: EdwardsPoint) = check_comb_lanes::<Fe>
    }

    #[inline(always)]
    fn check_comb_lanes<F: Field>(point: EdwardsPoint) {
        let [(affine, _)] = Affine::<F>::decode(&[load(&[point.compress().0])]);
        let params = CombParams { blocks: 3, spacing: 7, entries: 20 };
        let tables = Comb::build(affine, params);
        assert_eq!(tables.len(), F::Lanes::LANES);
        let tables = std::array::from_fn(|lane| &tables[lane % F::Lanes::LANES]);
        for first in 0..=52u64 {
            let indices: Vec<_> = (first..).take(F::Lanes::LANES).collect();
            let entry = Comb::gather::<F>(&tables, F::Lanes::load(&indices));
            let sum = Completed::identity().add_mixed(&entry, F::Lanes::splat(0));
            let factor = |n: u64| Scalar::from((n % 20) << (7 * (n / 20)));
            let expected = indices.iter().map(|&n| (factor(n) * point).compress().0);
            assert_eq!(store(batch_normalize(&[sum])[0].encode()), expected.collect::<Vec<_>>());
        }
    }

    #[test]
    fn torsion_and_identity_points() {
        let torsion: Vec<_> = EIGHT_TORSION.to_vec();
        let mixed: Vec<_> = torsion.iter().map(|t| t + ED25519_BASEPOINT_POINT).collect();
        for level in Level64::available() {
            for turn in 0..8 {
                let mut others = mixed.clone();
                others.rotate_left(turn);
                check_group(level, &torsion, &others);
                check_group(level, &others, &torsion);
                others.copy_from_slice(&torsion);
                others.rotate_left(turn);
                check_group(level, &torsion, &others);
            }
            check_comb(level, ED25519_BASEPOINT_POINT);
            check_comb(level, mixed[1]);
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
        for level in Level64::available() {
            check_decoding(level, &encodings);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn any_points(encodings in any::<[[u8; 32]; 11]>(), scalars in any::<[[u8; 32]; 16]>()) {
            let points = scalars.map(|bytes| EdwardsPoint::mul_base(&Scalar::from_bytes_mod_order(bytes)));
            let (p, q) = points.split_at(8);
            for level in Level64::available() {
                check_decoding(level, &encodings);
                check_group(level, p, q);
            }
        }
    }
}
