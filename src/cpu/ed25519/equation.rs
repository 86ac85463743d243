//! Many signatures under ZIP 215 by one equation.
//!
//! With a coefficient z for each signature, the sum of all \[z\](R + \[k\]A - \[S\]B),
//! times 8, is the neutral point if every signature is valid. If one is not, that
//! is so for one in 2^125 of its coefficients. Nobody can make use of that: the
//! coefficients are a hash of all signatures, and to try that many batches is as
//! much work as to break a key. A sum that is not neutral is taken apart, down to
//! signatures that are verified singly.
//!
//! The cofactorless rules have no such equation: there, torsion would cancel out
//! in some batches and not in others.
//!
//! The sum is Pippenger's: for each window of the scalars' bits, points go into
//! buckets by their signed digits, and the sums of the buckets are weighted. A
//! lane sums a bucket; buckets of like length lie side by side.

use std::cmp::Reverse;
use std::ops::Range;

use super::{TOGETHER, claims, columns, rounds_to_nearest, truths, verify, words};
use crate::Digest;
use crate::cpu::edwards25519::{Affine, AffinePoints, CachedAffine, CachedPoints, Factors};
use crate::cpu::field25519::Field;
use crate::cpu::lanes::{Lanes64, MAX_LANES64};
use crate::cpu::scalar25519::{Digits, ORDER, add_product, minus, nearest_zero, reduced};
use crate::cpu::{Isa, dedup};
use crate::ed25519::{Batch, Rule};

/// Parts into which signatures are split whose sum is not neutral.
const PARTS: usize = 8;

/// Where more of the parts are not neutral, many signatures are not valid, and
/// further sums would tell little.
const SPLIT_AGAIN: usize = 2;

/// Signatures that are verified singly rather than split.
const FEW: usize = 64;

/// The bits of half of L, rounded up, and those of a coefficient's magnitude with
/// its sign. Digits of 6, 7 and 9 bits fill both without rest: where the highest
/// digit had few values, few lanes would have all the work.
const SCALAR_BITS: u32 = 252;
const COEFFICIENT_BITS: u32 = 126;

/// Signatures whose sum is looked at first.
const SAMPLE: usize = 128;

/// Whether each signature is valid under ZIP 215, on this thread.
///
/// Where one of the first is not valid, others will not be either, and sums would
/// be made in vain.
pub fn verify_together(isa: Isa, batch: &Batch<'_>, out: &mut [bool]) {
    if !rounds_to_nearest() {
        return verify(isa, Rule::Zip215, batch, None, out);
    }
    let (sample, rest) = out.split_at_mut(SAMPLE.min(batch.len()));
    let first = batch.slice(0..sample.len());
    let terms_of_first = terms(isa, &first);
    if !is_neutral(isa, &terms_of_first, 0..first.len()) {
        return verify(isa, Rule::Zip215, batch, None, out);
    }
    Together { isa, batch: &first, terms: &terms_of_first }.accept(0..first.len(), sample);
    if rest.is_empty() {
        return;
    }
    let others = batch.slice(sample.len()..batch.len());
    Together { isa, batch: &others, terms: &terms(isa, &others) }.settle(0..others.len(), rest);
}

/// Signatures, and their terms in the equation.
struct Together<'a> {
    isa: Isa,
    batch: &'a Batch<'a>,
    terms: &'a Terms,
}

impl Together<'_> {
    /// Gives the verdicts of `range`.
    fn settle(&self, range: Range<usize>, out: &mut [bool]) {
        if is_neutral(self.isa, self.terms, range.clone()) {
            return self.accept(range, out);
        }
        self.refute(range, out);
    }

    /// Gives the verdicts of `range`, whose sum is neutral.
    fn accept(&self, range: Range<usize>, out: &mut [bool]) {
        for (out, term) in out[range.clone()].iter_mut().zip(&self.terms.signatures[range]) {
            *out = term.decodes;
        }
    }

    /// Gives the verdicts of `range`, whose sum is not neutral.
    fn refute(&self, range: Range<usize>, out: &mut [bool]) {
        if range.len() <= FEW {
            return self.verify_singly(range, out);
        }
        let part = range.len().div_ceil(PARTS);
        let mut parts = range.clone().step_by(part).map(|start| start..range.end.min(start + part));
        let mut others = Vec::new();
        while others.len() <= SPLIT_AGAIN
            && let Some(part) = parts.next()
        {
            if is_neutral(self.isa, self.terms, part.clone()) {
                self.accept(part, out);
            } else {
                others.push(part);
            }
        }
        let split_again = others.len() <= SPLIT_AGAIN;
        for part in others.into_iter().chain(parts) {
            if split_again { self.refute(part, out) } else { self.verify_singly(part, out) }
        }
    }

    fn verify_singly(&self, range: Range<usize>, out: &mut [bool]) {
        verify(self.isa, Rule::Zip215, &self.batch.slice(range.clone()), None, &mut out[range]);
    }
}

/// What the signatures of a batch add to the equation.
struct Terms {
    /// The neutral point first.
    points: AffinePoints,
    /// B's place among the points.
    base: u32,
    /// The places of the distinct keys.
    keys: Range<u32>,
    signatures: Vec<Term>,
}

/// What a signature adds to the equation.
struct Term {
    /// Whether S is below L, and A and R are points; only then does it add any.
    decodes: bool,
    /// The places of A and R among the points.
    a: u32,
    r: u32,
    /// The coefficient z: its magnitude, and whether it is below zero.
    z: [u64; 2],
    negative: bool,
    /// k and S; L less those where z is below zero.
    k: [u64; 4],
    s: [u64; 4],
}

dispatch! {
    fn terms(batch: &Batch<'_>) -> Terms = terms_fields::<Fe>
}

#[inline(always)]
fn terms_fields<F: Field>(batch: &Batch<'_>) -> Terms {
    let claims = claims::<F::Lanes>(Rule::Zip215, batch);
    let mut points = AffinePoints::default();
    let [(neutral, _)] = Affine::<F>::decode(&[columns(|_| [1, 0, 0, 0])]);
    points.push(neutral);
    let base = points.len() as u32;
    points.push(Affine::<F>::base());

    let mut firsts = vec![0; batch.len()];
    dedup::first_occurrences_of_few(bytemuck::cast_slice::<_, Digest>(batch.keys()), &mut firsts);
    let first_key = points.len() as u32;
    let mut encodings = Vec::with_capacity(2 * batch.len());
    let mut places = vec![0; batch.len()];
    for (i, &first) in firsts.iter().enumerate() {
        if first as usize == i {
            places[i] = first_key + encodings.len() as u32;
            encodings.push(claims[i].a.0);
        }
    }
    let first_r = first_key + encodings.len() as u32;
    encodings.extend(claims.iter().map(|claim| claim.r.0));
    let decodes = decode::<F>(&encodings, &mut points);
    let decodes = |place: u32| decodes[(place - first_key) as usize];

    let coefficients = coefficients(batch, claims.iter().map(|claim| claim.k.0));
    let term = |i: usize| {
        let (a, r) = (places[firsts[i] as usize], first_r + i as u32);
        let [low, high] = words(&coefficients[i]);
        let negative = high >> 63 != 0;
        let signed = |scalar: [u64; 4]| if negative { minus(&ORDER, &scalar) } else { scalar };
        Term {
            decodes: claims[i].plausible && decodes(a) && decodes(r),
            a,
            r,
            z: [low, high & ((1 << (COEFFICIENT_BITS - 1 - 64)) - 1)],
            negative,
            k: signed(claims[i].k.0),
            s: signed(claims[i].s.0),
        }
    };
    let signatures = (0..batch.len()).map(term).collect();
    Terms { points, base, keys: first_key..first_r, signatures }
}

/// Appends the points that are encoded, and some more; whether each is one.
#[inline(always)]
fn decode<F: Field>(encodings: &[[u64; 4]], points: &mut AffinePoints) -> Vec<bool> {
    let mut decodes = Vec::with_capacity(encodings.len() + TOGETHER * MAX_LANES64);
    for encodings in encodings.chunks(TOGETHER * F::Lanes::LANES) {
        let mut vectors = [[F::Lanes::splat(0); 4]; TOGETHER];
        for (i, vector) in vectors.iter_mut().enumerate() {
            *vector = columns(|lane| encodings[(i * F::Lanes::LANES + lane).min(encodings.len() - 1)]);
        }
        for (point, exists) in Affine::<F>::decode(&vectors) {
            points.push(point);
            decodes.extend(&truths(exists)[..F::Lanes::LANES]);
        }
    }
    decodes
}

/// A coefficient for each signature, from a hash of them all. The messages are
/// in it by way of k.
fn coefficients(batch: &Batch<'_>, k: impl Iterator<Item = [u64; 4]>) -> Vec<[u8; 16]> {
    let k: Vec<[u64; 4]> = k.map(|k| k.map(u64::to_le)).collect();
    let mut hasher = blake3::Hasher::new_derive_key("verilane coefficients of a ZIP 215 batch, version 1");
    hasher.update(bytemuck::cast_slice(batch.keys()));
    hasher.update(bytemuck::cast_slice(batch.signatures()));
    hasher.update(bytemuck::cast_slice(&k));
    let mut coefficients = vec![[0; 16]; batch.len()];
    hasher.finalize_xof().fill(coefficients.as_flattened_mut());
    coefficients
}

/// Scalars in digits, and the points that they multiply.
struct Products {
    digits: Digits,
    words: [Vec<u64>; 4],
    /// Twice the point's place, plus 1 where the product is subtracted.
    points: Vec<u32>,
}

impl Products {
    fn with_room(digits: Digits, count: usize) -> Self {
        let words = std::array::from_fn(|_| Vec::with_capacity(count + MAX_LANES64));
        Products { digits, words, points: Vec::with_capacity(count + MAX_LANES64) }
    }

    fn push(&mut self, scalar: &[u64; 4], place: u32, negative: bool) {
        for (column, word) in self.words.iter_mut().zip(self.digits.prepared(scalar)) {
            column.push(word);
        }
        self.points.push(place << 1 | u32::from(negative));
    }

    /// Fills the last vector with multiples of the neutral point by 0.
    fn fill_up(&mut self) {
        while !self.points.len().is_multiple_of(MAX_LANES64) {
            self.push(&[0; 4], 0, false);
        }
    }

    /// Puts each point into the bucket of its digit.
    #[inline(always)]
    fn scatter<L: Lanes64>(&self, window: usize, buckets: &mut Buckets) {
        if window >= self.digits.count {
            return;
        }
        for (i, points) in self.points.chunks(L::LANES).enumerate() {
            let mut words = [L::splat(0); 4];
            for (word, column) in words.iter_mut().zip(&self.words) {
                *word = L::load(&column[i * L::LANES..]);
            }
            let digit = self.digits.at(&words, window);
            let [mut magnitudes, mut negative] = [[0; MAX_LANES64]; 2];
            digit.magnitude.store(&mut magnitudes);
            digit.negative.store(&mut negative);
            for (lane, &point) in points.iter().enumerate() {
                buckets.put(magnitudes[lane] as usize, point ^ (negative[lane] as u32 & 1));
            }
        }
    }
}

/// The products of `range`: by coefficients, and by scalars of full length.
fn products(terms: &Terms, range: Range<usize>, bits: u32) -> [Products; 2] {
    let mut short = Products::with_room(Digits::new(bits, COEFFICIENT_BITS), range.len());
    let mut of_base = [0; 8];
    let mut of_keys = vec![[0; 8]; terms.keys.len()];
    for term in terms.signatures[range].iter().filter(|term| term.decodes) {
        let [z0, z1] = term.z;
        short.push(&[z0, z1, 0, 0], term.r, term.negative);
        add_product(&mut of_base, &term.z, &term.s);
        add_product(&mut of_keys[(term.a - terms.keys.start) as usize], &term.z, &term.k);
    }
    let mut long = Products::with_room(Digits::new(bits, SCALAR_BITS), of_keys.len() + 1);
    let (scalar, negative) = nearest_zero(&reduced(&of_base));
    long.push(&scalar, terms.base, !negative);
    for (place, sum) in terms.keys.clone().zip(&of_keys) {
        if *sum != [0; 8] {
            let (scalar, negative) = nearest_zero(&reduced(sum));
            long.push(&scalar, place, negative);
        }
    }
    short.fill_up();
    long.fill_up();
    [short, long]
}

/// The points of a window by the magnitudes of their digits.
struct Buckets {
    /// The digits' magnitudes and the points, as they came.
    magnitudes: Vec<u16>,
    points: Vec<u32>,
    /// The points bucket by bucket, and where each begins; the last one ends it.
    sorted: Vec<u32>,
    starts: Vec<u32>,
    /// The buckets from the longest to the shortest, and the place of each there.
    order: Vec<u32>,
    ranks: Vec<u32>,
}

impl Buckets {
    /// Buckets 0 to `highest`.
    fn new(highest: usize) -> Self {
        Buckets {
            magnitudes: Vec::new(),
            points: Vec::new(),
            sorted: Vec::new(),
            starts: vec![0; highest + 2],
            order: (1..=highest as u32).collect(),
            ranks: vec![0; highest + 1],
        }
    }

    fn clear(&mut self) {
        self.magnitudes.clear();
        self.points.clear();
    }

    fn put(&mut self, magnitude: usize, point: u32) {
        self.magnitudes.push(magnitude as u16);
        self.points.push(point);
    }

    fn sort(&mut self) {
        self.starts.fill(0);
        for &magnitude in &self.magnitudes {
            self.starts[usize::from(magnitude) + 1] += 1;
        }
        let mut sum = 0;
        for start in &mut self.starts {
            sum += *start;
            *start = sum;
        }
        self.sorted.resize(self.points.len(), 0);
        let mut next = self.starts.clone();
        for (&magnitude, &point) in self.magnitudes.iter().zip(&self.points) {
            let place = &mut next[usize::from(magnitude)];
            self.sorted[*place as usize] = point;
            *place += 1;
        }
        let starts = &self.starts;
        let length = |bucket: u32| starts[bucket as usize + 1] - starts[bucket as usize];
        self.order.sort_unstable_by_key(|&bucket| Reverse(length(bucket)));
        for (rank, &bucket) in self.order.iter().enumerate() {
            self.ranks[bucket as usize] = rank as u32;
        }
    }

    /// The points of a bucket.
    fn of(&self, bucket: u32) -> &[u32] {
        &self.sorted[self.starts[bucket as usize] as usize..self.starts[bucket as usize + 1] as usize]
    }

    /// The sum of each bucket, in their order.
    #[inline(always)]
    fn sums<F: Field>(&self, points: &AffinePoints, sums: &mut CachedPoints) {
        sums.clear();
        for buckets in self.order.chunks(F::Lanes::LANES) {
            let lists: [&[u32]; MAX_LANES64] =
                std::array::from_fn(|lane| self.of(buckets[lane % F::Lanes::LANES]));
            let (point, negative) = nth::<F>(points, &lists, 0);
            let mut sum = Factors::of(&point.into(), negative);
            for n in 1..lists[0].len() {
                let (point, negative) = nth::<F>(points, &lists, n);
                sum = sum.plus_affine(&point, negative);
            }
            sums.push(sum.cached());
        }
    }
}

/// Point `n` of each list, the neutral one where there is none, and ones where
/// it is subtracted.
#[inline(always)]
fn nth<F: Field>(
    points: &AffinePoints,
    lists: &[&[u32]; MAX_LANES64],
    n: usize,
) -> (CachedAffine<F>, F::Lanes) {
    let entries = lists.map(|list| list.get(n).copied().unwrap_or(0));
    let point = points.pick(&entries.map(|entry| entry >> 1));
    let negative = F::Lanes::load(&entries.map(|entry| u64::from(entry & 1)));
    (point, F::Lanes::splat(0) - negative)
}

/// The bits of a digit: the more points, the more buckets pay.
fn digit_bits(signatures: usize) -> u32 {
    match signatures {
        0..400 => 6,
        400..1500 => 7,
        _ => 9,
    }
}

dispatch! {
    /// Whether 8 times the sum over `range` is the neutral point.
    fn is_neutral(terms: &Terms, range: Range<usize>) -> bool = is_neutral_fields::<Fe>
}

#[inline(always)]
fn is_neutral_fields<F: Field>(terms: &Terms, range: Range<usize>) -> bool {
    let bits = digit_bits(range.len());
    let [short, long] = products(terms, range, bits);
    let positive = F::Lanes::splat(0);
    let highest = 1 << (bits - 1);
    // Lane l takes the buckets from l * segment + 1 on: the sum of its buckets
    // counts l * segment times more than they are weighted in the lane.
    let segment = highest / F::Lanes::LANES;
    let mut buckets = Buckets::new(highest);
    let mut sums = CachedPoints::default();
    let (mut weighted, mut plain) = (Factors::<F>::identity(), Factors::<F>::identity());
    for window in (0..long.digits.count).rev() {
        for _ in 0..bits {
            (weighted, plain) = (weighted.doubled(), plain.doubled());
        }
        buckets.clear();
        short.scatter::<F::Lanes>(window, &mut buckets);
        long.scatter::<F::Lanes>(window, &mut buckets);
        buckets.sort();
        buckets.sums::<F>(&terms.points, &mut sums);
        let mut running = Factors::<F>::identity();
        for step in (1..=segment).rev() {
            let ranks = std::array::from_fn(|lane| buckets.ranks[lane % F::Lanes::LANES * segment + step]);
            running = running.plus(&sums.pick(&ranks), positive);
            weighted = weighted.plus(&running.cached(), positive);
        }
        plain = plain.plus(&running.cached(), positive);
    }
    let mut lanes = CachedPoints::default();
    lanes.push(weighted.cached());
    lanes.push(plain.cached());
    let (mut above, mut sum) = (Factors::<F>::identity(), Factors::<F>::identity());
    for lane in (1..F::Lanes::LANES).rev() {
        above = above.plus(&lanes.pick(&[(F::Lanes::LANES + lane) as u32; MAX_LANES64]), positive);
        sum = sum.plus(&above.cached(), positive);
    }
    for _ in 0..segment.trailing_zeros() {
        sum = sum.doubled();
    }
    for lane in 0..F::Lanes::LANES {
        sum = sum.plus(&lanes.pick(&[lane as u32; MAX_LANES64]), positive);
    }
    truths(sum.eightfold().is_identity())[0]
}
