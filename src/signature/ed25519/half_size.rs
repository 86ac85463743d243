//! Test vectors and requirements for half-size scalars, shared by the back ends that compute
//! them.

use curve25519_dalek::Scalar;

/// u's magnitude, whether u is negative, and v.
pub(crate) type HalfSize = ([u64; 4], bool, [u64; 4]);

/// Pseudorandom scalars.
pub(crate) fn random_scalars(count: u64) -> Vec<[u64; 4]> {
    (0..count)
        .map(|i| {
            let mut bytes = [0; 64];
            blake3::Hasher::new().update(&i.to_le_bytes()).finalize_xof().fill(&mut bytes);
            words(&Scalar::from_bytes_mod_order_wide(&bytes))
        })
        .collect()
}

/// Scalars near 0, near L and near powers of two.
pub(crate) fn edge_scalars() -> Vec<[u64; 4]> {
    let mut all: Vec<_> = (0..20u64).map(Scalar::from).collect();
    all.extend((1..20u64).map(|n| -Scalar::from(n)));
    let mut power = Scalar::ONE;
    for _ in 0..252 {
        all.extend([power, power - Scalar::ONE, power + Scalar::ONE]);
        power += power;
    }
    all.iter().map(words).collect()
}

/// Scalars k = u/v modulo L for short u and v, which yield one very large quotient in Euclid's
/// algorithm. If u - v k is 4 modulo 8, the shortest lattice vector is (2 u, 2 v), which is
/// even.
pub(crate) fn with_very_short_half_size() -> Vec<[u64; 4]> {
    let mut all = Vec::new();
    for (i, [u, v]) in random_scalars(4_000).as_chunks().0.iter().enumerate() {
        let length = 1 + i % 126;
        let short = |n: &[u64; 4]| {
            let number = u128::from(n[1]) << 64 | u128::from(n[0]);
            Scalar::from((number | 1) & ((1 << length) - 1))
        };
        all.push(words(&(short(u) * short(v).invert())));
    }
    all
}

/// Asserts that u = v k modulo 8 L and that v is odd, for each scalar. Returns the bit length
/// of the longer of each u and v, in ascending order.
pub(crate) fn check_half_size(scalars: &[[u64; 4]], half_size: &[HalfSize]) -> Vec<u32> {
    assert_eq!(scalars.len(), half_size.len());
    let mut lengths = Vec::with_capacity(half_size.len());
    for (k, (u, negative, v)) in scalars.iter().zip(half_size) {
        let signed = if *negative { -scalar(u) } else { scalar(u) };
        assert_eq!(signed, scalar(v) * scalar(k), "modulo L, {k:x?}");
        let low = if *negative { u[0].wrapping_neg() } else { u[0] };
        assert_eq!(low % 8, v[0].wrapping_mul(k[0]) % 8, "modulo 8, {k:x?}");
        assert_eq!(v[0] % 2, 1, "{k:x?}");
        lengths.push(bits(u).max(bits(v)));
    }
    lengths.sort_unstable();
    lengths
}

/// Whether the lengths are about half that of L: at most 128 bits for the median, 129 for 90 %,
/// 131 for 99 %.
pub(crate) fn are_half_size(lengths: &[u32]) -> bool {
    let at = |percent: usize| lengths[lengths.len() * percent / 100];
    at(50) <= 128 && at(90) <= 129 && at(99) <= 131
}

/// A number modulo L.
pub(crate) fn scalar(words: &[u64; 4]) -> Scalar {
    let mut bytes = [0; 64];
    for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
        *bytes = word.to_le_bytes();
    }
    Scalar::from_bytes_mod_order_wide(&bytes)
}

fn words(scalar: &Scalar) -> [u64; 4] {
    std::array::from_fn(|i| u64::from_le_bytes(scalar.as_bytes().as_chunks().0[i]))
}

fn bits(words: &[u64; 4]) -> u32 {
    let highest = words.iter().rposition(|&word| word != 0);
    highest.map_or(0, |i| 64 * (i as u32 + 1) - words[i].leading_zeros())
}
