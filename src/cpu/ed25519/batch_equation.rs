//! The batch equation of ZIP 215: many signatures at once by one multi-scalar multiplication.
//!
//! With a random coefficient z for each signature, \[8\] sum(\[z\](R + \[k\]A - \[S\]B)) is the
//! identity if every signature is valid. If one is invalid, that holds with probability at most
//! 2^-125 over its coefficient. The coefficients are a hash of all signatures, so a forger must
//! try that many batches, as much work as breaking a key. If the equation fails, the batch is
//! split, down to signatures that are verified one by one.
//!
//! The cofactorless rules have no such equation: torsion components would cancel in some
//! batches and not in others.
//!
//! The sum is computed by Pippenger's method: for each window, points are sorted into buckets
//! by their signed digits, and the buckets' sums are weighted by their digits. Each lane sums
//! one bucket; buckets of similar length share a vector.

use std::cmp::Reverse;
use std::ops::Range;

use super::{
    DECODE_VECTORS, le_words, load_lanes, mask_to_bools, parse_signatures, rounds_to_nearest, verify,
};
use crate::Digest;
use crate::cpu::dedup;
use crate::cpu::edwards25519::{Affine, AffineNiels, AffineNielsPoints, Completed, ProjectiveNielsPoints};
use crate::cpu::field25519::Field;
use crate::cpu::isa::Level64;
use crate::cpu::lanes::{Lanes64, MAX_LANES64};
use crate::cpu::scalar25519::{ORDER, Recoding, add_product, balanced, reduce, sub};
use crate::ed25519::{Batch, Rule};

/// Parts into which a range is split if its equation fails.
const SPLIT_PARTS: usize = 8;

/// Failed parts up to which these are split further. If more fail, many signatures are invalid,
/// and further equations would mostly fail.
const MAX_FAILED_PARTS: usize = 2;

/// Length of a range that is verified one by one instead of being split.
const MAX_VERIFIED_SINGLY: usize = 64;

/// Bits of a balanced scalar, up to L/2 in magnitude, and of a signed coefficient. Windows of
/// 6, 7 and 9 bits divide both: a short top window would have few buckets, and its work would
/// fall to few lanes.
const SCALAR_BITS: u32 = 252;
const COEFFICIENT_BITS: u32 = 126;

/// Signatures checked first, as a sample.
const SAMPLE_LEN: usize = 128;

/// Writes to `out` whether each signature is valid under ZIP 215, on this thread.
///
/// If the sample's equation fails, all signatures are verified one by one: the rest is likely
/// to have invalid ones too.
pub fn verify_by_batch_equation(level: Level64, batch: &Batch<'_>, out: &mut [bool]) {
    if !rounds_to_nearest() {
        return verify(level.into(), Rule::Zip215, batch, None, out);
    }
    let (sample, rest) = out.split_at_mut(SAMPLE_LEN.min(batch.len()));
    let sample_batch = batch.slice(0..sample.len());
    let sample_terms = terms(level, &sample_batch);
    if !equation_holds(level, &sample_terms, 0..sample_batch.len()) {
        return verify(level.into(), Rule::Zip215, batch, None, out);
    }
    BatchEquation { level, batch: &sample_batch, terms: &sample_terms }
        .accept_range(0..sample_batch.len(), sample);
    if rest.is_empty() {
        return;
    }
    let remaining = batch.slice(sample.len()..batch.len());
    BatchEquation { level, batch: &remaining, terms: &terms(level, &remaining) }
        .verify_range(0..remaining.len(), rest);
}

/// Signatures, and their terms of the equation.
struct BatchEquation<'a> {
    level: Level64,
    batch: &'a Batch<'a>,
    terms: &'a Terms,
}

impl BatchEquation<'_> {
    /// Writes the verdicts of `range`.
    fn verify_range(&self, range: Range<usize>, out: &mut [bool]) {
        if equation_holds(self.level, self.terms, range.clone()) {
            return self.accept_range(range, out);
        }
        self.bisect(range, out);
    }

    /// Writes the verdicts of `range`, whose equation holds.
    fn accept_range(&self, range: Range<usize>, out: &mut [bool]) {
        for (out, term) in out[range.clone()].iter_mut().zip(&self.terms.signatures[range]) {
            *out = term.decodes;
        }
    }

    /// Writes the verdicts of `range`, whose equation fails.
    fn bisect(&self, range: Range<usize>, out: &mut [bool]) {
        if range.len() <= MAX_VERIFIED_SINGLY {
            return self.verify_singly(range, out);
        }
        let part = range.len().div_ceil(SPLIT_PARTS);
        let mut parts = range.clone().step_by(part).map(|start| start..range.end.min(start + part));
        let mut failed = Vec::new();
        while failed.len() <= MAX_FAILED_PARTS
            && let Some(part) = parts.next()
        {
            if equation_holds(self.level, self.terms, part.clone()) {
                self.accept_range(part, out);
            } else {
                failed.push(part);
            }
        }
        let split_further = failed.len() <= MAX_FAILED_PARTS;
        for part in failed.into_iter().chain(parts) {
            if split_further { self.bisect(part, out) } else { self.verify_singly(part, out) }
        }
    }

    fn verify_singly(&self, range: Range<usize>, out: &mut [bool]) {
        verify(self.level.into(), Rule::Zip215, &self.batch.slice(range.clone()), None, &mut out[range]);
    }
}

/// The terms of a batch's signatures.
struct Terms {
    /// All points, the identity first.
    points: AffineNielsPoints,
    /// The index of B in `points`.
    base: u32,
    /// The indices of the distinct keys in `points`.
    keys: Range<u32>,
    signatures: Vec<Term>,
}

/// The terms of one signature.
struct Term {
    /// Whether S is below L and A and R decode to points. Otherwise the signature is invalid
    /// and left out of the equation.
    decodes: bool,
    /// The indices of A and R in `points`.
    a: u32,
    r: u32,
    /// The coefficient z: its magnitude, and whether it is negative.
    z: [u64; 2],
    negative: bool,
    /// k and S, or L - k and L - S if z is negative.
    k: [u64; 4],
    s: [u64; 4],
}

dispatch! {
    fn terms(batch: &Batch<'_>) -> Terms = terms_field::<Fe>
}

#[inline(always)]
fn terms_field<F: Field>(batch: &Batch<'_>) -> Terms {
    let parsed = parse_signatures::<F::Lanes>(Rule::Zip215, batch);
    let mut points = AffineNielsPoints::default();
    let [(identity, _)] = Affine::<F>::decode(&[load_lanes(|_| [1, 0, 0, 0])]);
    points.push(identity);
    let base = points.len() as u32;
    points.push(Affine::<F>::base());

    let mut first_occurrences = vec![0; batch.len()];
    dedup::first_occurrences_on_this_thread(
        bytemuck::cast_slice::<_, Digest>(batch.keys()),
        &mut first_occurrences,
    );
    let first_key = points.len() as u32;
    let mut encodings = Vec::with_capacity(2 * batch.len());
    let mut indices = vec![0; batch.len()];
    for (i, &first) in first_occurrences.iter().enumerate() {
        if first as usize == i {
            indices[i] = first_key + encodings.len() as u32;
            encodings.push(parsed[i].a.0);
        }
    }
    let first_r = first_key + encodings.len() as u32;
    encodings.extend(parsed.iter().map(|signature| signature.r.0));
    let decodes = decode::<F>(&encodings, &mut points);
    let decodes = |index: u32| decodes[(index - first_key) as usize];

    let coefficients = coefficients(batch, parsed.iter().map(|signature| signature.k.0));
    let term = |i: usize| {
        let (a, r) = (indices[first_occurrences[i] as usize], first_r + i as u32);
        let [low, high] = le_words(&coefficients[i]);
        let negative = high >> 63 != 0;
        let signed = |scalar: [u64; 4]| if negative { sub(&ORDER, &scalar) } else { scalar };
        Term {
            decodes: parsed[i].passes_prechecks && decodes(a) && decodes(r),
            a,
            r,
            z: [low, high & ((1 << (COEFFICIENT_BITS - 1 - 64)) - 1)],
            negative,
            k: signed(parsed[i].k.0),
            s: signed(parsed[i].s.0),
        }
    };
    let signatures = (0..batch.len()).map(term).collect();
    Terms { points, base, keys: first_key..first_r, signatures }
}

/// Appends the decoded points to `points`, padded to full vectors; returns whether each
/// encoding is valid.
#[inline(always)]
fn decode<F: Field>(encodings: &[[u64; 4]], points: &mut AffineNielsPoints) -> Vec<bool> {
    let mut decodes = Vec::with_capacity(encodings.len() + DECODE_VECTORS * MAX_LANES64);
    for encodings in encodings.chunks(DECODE_VECTORS * F::Lanes::LANES) {
        let mut vectors = [[F::Lanes::splat(0); 4]; DECODE_VECTORS];
        for (i, vector) in vectors.iter_mut().enumerate() {
            *vector = load_lanes(|lane| encodings[(i * F::Lanes::LANES + lane).min(encodings.len() - 1)]);
        }
        for (point, exists) in Affine::<F>::decode(&vectors) {
            points.push(point);
            decodes.extend(&mask_to_bools(exists)[..F::Lanes::LANES]);
        }
    }
    decodes
}

/// A coefficient for each signature, derived from all signatures by BLAKE3. The messages enter
/// through k.
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

/// Recoded scalars, and the points that they multiply.
struct MsmTerms {
    recoding: Recoding,
    words: [Vec<u64>; 4],
    /// Twice the point's index, plus 1 if the product is subtracted.
    points: Vec<u32>,
}

impl MsmTerms {
    fn with_capacity(recoding: Recoding, count: usize) -> Self {
        let words = std::array::from_fn(|_| Vec::with_capacity(count + MAX_LANES64));
        MsmTerms { recoding, words, points: Vec::with_capacity(count + MAX_LANES64) }
    }

    fn push(&mut self, scalar: &[u64; 4], index: u32, negative: bool) {
        for (column, word) in self.words.iter_mut().zip(self.recoding.recode(scalar)) {
            column.push(word);
        }
        self.points.push(index << 1 | u32::from(negative));
    }

    /// Pads the last vector with zero times the identity.
    fn pad(&mut self) {
        while !self.points.len().is_multiple_of(MAX_LANES64) {
            self.push(&[0; 4], 0, false);
        }
    }

    /// Puts each point into the bucket of its digit in `window`.
    #[inline(always)]
    fn scatter<L: Lanes64>(&self, window: usize, buckets: &mut Buckets) {
        if window >= self.recoding.count {
            return;
        }
        for (i, points) in self.points.chunks(L::LANES).enumerate() {
            let mut words = [L::splat(0); 4];
            for (word, column) in words.iter_mut().zip(&self.words) {
                *word = L::load(&column[i * L::LANES..]);
            }
            let digit = self.recoding.digit(&words, window);
            let [mut magnitudes, mut negative] = [[0; MAX_LANES64]; 2];
            digit.magnitude.store(&mut magnitudes);
            digit.negative.store(&mut negative);
            for (lane, &point) in points.iter().enumerate() {
                buckets.push(magnitudes[lane] as usize, point ^ (negative[lane] as u32 & 1));
            }
        }
    }
}

/// The products in `range`: of coefficients with each R, and of full-length scalars with B and
/// the distinct keys.
fn msm_terms(terms: &Terms, range: Range<usize>, bits: u32) -> [MsmTerms; 2] {
    let mut short = MsmTerms::with_capacity(Recoding::new(bits, COEFFICIENT_BITS), range.len());
    let mut base_scalar = [0; 8];
    let mut key_scalars = vec![[0; 8]; terms.keys.len()];
    for term in terms.signatures[range].iter().filter(|term| term.decodes) {
        let [z0, z1] = term.z;
        short.push(&[z0, z1, 0, 0], term.r, term.negative);
        add_product(&mut base_scalar, &term.z, &term.s);
        add_product(&mut key_scalars[(term.a - terms.keys.start) as usize], &term.z, &term.k);
    }
    let mut long = MsmTerms::with_capacity(Recoding::new(bits, SCALAR_BITS), key_scalars.len() + 1);
    let (scalar, negative) = balanced(&reduce(&base_scalar));
    long.push(&scalar, terms.base, !negative);
    for (index, sum) in terms.keys.clone().zip(&key_scalars) {
        if *sum != [0; 8] {
            let (scalar, negative) = balanced(&reduce(sum));
            long.push(&scalar, index, negative);
        }
    }
    short.pad();
    long.pad();
    [short, long]
}

/// The points of a window, sorted by the magnitudes of their digits.
struct Buckets {
    /// Digit magnitudes and points, in insertion order.
    magnitudes: Vec<u16>,
    points: Vec<u32>,
    /// The points in bucket order. Bucket i is `sorted[starts[i]..starts[i + 1]]`.
    sorted: Vec<u32>,
    starts: Vec<u32>,
    /// The buckets in descending order of length, and the rank of each in that order.
    order: Vec<u32>,
    ranks: Vec<u32>,
}

impl Buckets {
    /// Buckets 0 to `highest`. Bucket 0 is never summed.
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

    fn push(&mut self, magnitude: usize, point: u32) {
        self.magnitudes.push(magnitude as u16);
        self.points.push(point);
    }

    fn counting_sort(&mut self) {
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
            let index = &mut next[usize::from(magnitude)];
            self.sorted[*index as usize] = point;
            *index += 1;
        }
        let starts = &self.starts;
        let length = |bucket: u32| starts[bucket as usize + 1] - starts[bucket as usize];
        self.order.sort_unstable_by_key(|&bucket| Reverse(length(bucket)));
        for (rank, &bucket) in self.order.iter().enumerate() {
            self.ranks[bucket as usize] = rank as u32;
        }
    }

    /// The points in a bucket.
    fn bucket(&self, bucket: u32) -> &[u32] {
        &self.sorted[self.starts[bucket as usize] as usize..self.starts[bucket as usize + 1] as usize]
    }

    /// Writes the sum of each bucket to `sums`, in descending order of length.
    #[inline(always)]
    fn bucket_sums<F: Field>(&self, points: &AffineNielsPoints, sums: &mut ProjectiveNielsPoints) {
        sums.clear();
        for buckets in self.order.chunks(F::Lanes::LANES) {
            let lists: [&[u32]; MAX_LANES64] =
                std::array::from_fn(|lane| self.bucket(buckets[lane % F::Lanes::LANES]));
            let (point, negative) = gather_nth::<F>(points, &lists, 0);
            let mut sum = Completed::from_niels(&point.into(), negative);
            for n in 1..lists[0].len() {
                let (point, negative) = gather_nth::<F>(points, &lists, n);
                sum = sum.add_mixed(&point, negative);
            }
            sums.push(sum.to_niels());
        }
    }
}

/// Point `n` of each list, or the identity past its end, and a mask of the lanes where it is
/// subtracted.
#[inline(always)]
fn gather_nth<F: Field>(
    points: &AffineNielsPoints,
    lists: &[&[u32]; MAX_LANES64],
    n: usize,
) -> (AffineNiels<F>, F::Lanes) {
    let entries = lists.map(|list| list.get(n).copied().unwrap_or(0));
    let point = points.gather(&entries.map(|entry| entry >> 1));
    let negative = F::Lanes::load(&entries.map(|entry| u64::from(entry & 1)));
    (point, F::Lanes::splat(0) - negative)
}

/// The window's width: the more points, the more buckets pay off.
fn window_bits(signatures: usize) -> u32 {
    match signatures {
        0..400 => 6,
        400..1500 => 7,
        _ => 9,
    }
}

dispatch! {
    /// Whether the equation over `range` holds.
    fn equation_holds(terms: &Terms, range: Range<usize>) -> bool = equation_holds_field::<Fe>
}

#[inline(always)]
fn equation_holds_field<F: Field>(terms: &Terms, range: Range<usize>) -> bool {
    let bits = window_bits(range.len());
    let [short, long] = msm_terms(terms, range, bits);
    let positive = F::Lanes::splat(0);
    let highest = 1 << (bits - 1);
    // Lane l weights the buckets l * segment + 1 to (l + 1) * segment by 1 to segment. Its
    // unweighted sum, times l * segment, is still missing.
    let segment = highest / F::Lanes::LANES;
    let mut buckets = Buckets::new(highest);
    let mut sums = ProjectiveNielsPoints::default();
    let (mut weighted, mut unweighted) = (Completed::<F>::identity(), Completed::<F>::identity());
    for window in (0..long.recoding.count).rev() {
        for _ in 0..bits {
            (weighted, unweighted) = (weighted.double(), unweighted.double());
        }
        buckets.clear();
        short.scatter::<F::Lanes>(window, &mut buckets);
        long.scatter::<F::Lanes>(window, &mut buckets);
        buckets.counting_sort();
        buckets.bucket_sums::<F>(&terms.points, &mut sums);
        let mut running = Completed::<F>::identity();
        for step in (1..=segment).rev() {
            let ranks = std::array::from_fn(|lane| buckets.ranks[lane % F::Lanes::LANES * segment + step]);
            running = running.add_niels(&sums.gather(&ranks), positive);
            weighted = weighted.add_niels(&running.to_niels(), positive);
        }
        unweighted = unweighted.add_niels(&running.to_niels(), positive);
    }
    let mut lanes = ProjectiveNielsPoints::default();
    lanes.push(weighted.to_niels());
    lanes.push(unweighted.to_niels());
    let (mut above, mut sum) = (Completed::<F>::identity(), Completed::<F>::identity());
    for lane in (1..F::Lanes::LANES).rev() {
        above = above.add_niels(&lanes.gather(&[(F::Lanes::LANES + lane) as u32; MAX_LANES64]), positive);
        sum = sum.add_niels(&above.to_niels(), positive);
    }
    for _ in 0..segment.trailing_zeros() {
        sum = sum.double();
    }
    for lane in 0..F::Lanes::LANES {
        sum = sum.add_niels(&lanes.gather(&[lane as u32; MAX_LANES64]), positive);
    }
    mask_to_bools(sum.mul_by_cofactor().is_identity())[0]
}
