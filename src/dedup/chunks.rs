//! Content-defined chunking: the boundaries (cuts) of chunks depend on the bytes near them,
//! so that after an insertion the later cuts move with the content, and equal parts of two
//! files give equal chunks.
//!
//! The cuts are those of FastCDC (Xia et al., 2020) with normalized chunking of level 1, as
//! in the module `v2020` of the crate `fastcdc`. In each chunk the first
//! [`min`](ChunkSizes::new) bytes are skipped; from there on a rolling hash
//! h ← 2h + GEAR\[byte\] is computed. The chunk ends before the byte at which the masked bits
//! of h are all zero, under a strict mask up to the average length and a loose one after
//! it, and after `max` bytes at the latest.
//!
//! A single pass is bound by the latency of one addition for each byte. So several passes
//! run interleaved, from positions spread over the data. The cuts after a cut depend on
//! nothing before it: once a pass has found one true cut, all its later cuts are true. The
//! pass before it continues until it reaches one of these cuts. If they share no cut, it
//! continues to the end of the data. The result always equals that of a single pass.

use crate::{Error, Threads};

/// Passes that one thread interleaves.
const PASSES_PER_THREAD: usize = 4;

/// Bytes that each pass hashes in one iteration of the loop.
const BLOCK_LEN: usize = 8;

/// The minimum share of a pass, in chunks of the maximum size. The first few chunks of a share
/// are cut twice, so a short share would not pay.
const MIN_SHARE: usize = 16;

/// The minimum, average and maximum length of chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkSizes {
    min: usize,
    average: usize,
    max: usize,
    /// The hash bits that must be zero at a cut, up to the average length.
    strict_mask: u64,
    /// The hash bits that must be zero at a cut above the average length.
    loose_mask: u64,
}

/// Minimum 4 KiB, average 16 KiB, maximum 64 KiB.
impl Default for ChunkSizes {
    fn default() -> Self {
        ChunkSizes::with_masks(4 << 10, 16 << 10, 64 << 10)
    }
}

impl ChunkSizes {
    /// Chunks of `min` to `max` bytes, about `average` bytes on average. Only the last chunk
    /// of the data may be shorter than `min`.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless all three are even, `min` ≤ `average` ≤ `max`, `min` is
    /// from 64 to 1 MiB, `average` from 256 to 4 MiB, and `max` from 1 KiB to 16 MiB.
    pub fn new(min: usize, average: usize, max: usize) -> Result<Self, Error> {
        let checks = [
            ("the least chunk size", min, 64..=1 << 20, "an even number from 64 to 1048576 is"),
            (
                "the average chunk size",
                average,
                256.max(min)..=4 << 20,
                "an even number from 256 and from the least size to 4194304 is",
            ),
            (
                "the greatest chunk size",
                max,
                1024.max(average)..=16 << 20,
                "an even number from 1024 and from the average size to 16777216 is",
            ),
        ];
        for (name, size, range, valid) in checks {
            if !range.contains(&size) || !size.is_multiple_of(2) {
                return Err(Error::Parameter { name, found: size.to_string(), valid });
            }
        }
        Ok(ChunkSizes::with_masks(min, average, max))
    }

    fn with_masks(min: usize, average: usize, max: usize) -> Self {
        // The binary logarithm, rounded, is half that of the square, rounded up.
        let bits = (average * average).ilog2().div_ceil(2) as usize;
        let mask = |bits: usize| MASKS[bits - MIN_MASK_BITS];
        ChunkSizes { min, average, max, strict_mask: mask(bits + 1), loose_mask: mask(bits - 1) }
    }

    /// The maximum length of a chunk in bytes.
    pub fn max(&self) -> usize {
        self.max
    }

    /// The end position of each chunk of `data` in bytes, ascending; the last one is
    /// `data.len()`. Empty data has no chunk.
    ///
    /// The result does not depend on the number of threads.
    pub fn cut(&self, data: &[u8], threads: &Threads) -> Vec<usize> {
        let max_passes = PASSES_PER_THREAD * threads.count();
        let count = (data.len() / (MIN_SHARE * self.max)).clamp(1, max_passes);
        let boundary = |index: usize| (data.len() as u128 * index as u128 / count as u128) as usize;
        let pass = |index| Pass::new(self, data, boundary(index), boundary(index + 1));
        let mut passes: Vec<Pass> = (0..count).map(pass).collect();
        threads.for_each(passes.chunks_mut(PASSES_PER_THREAD), |passes| self.run(passes));
        let mut passes = passes.into_iter();
        let mut cuts = passes.next().map_or(Vec::new(), |pass| pass.cuts);
        passes.for_each(|pass| self.join(&mut cuts, pass));
        cuts
    }

    /// As [`cut`](ChunkSizes::cut), but only the chunks whose ends do not depend on what
    /// follows `data`. Fewer than [`max`](ChunkSizes::max) bytes remain after them.
    pub fn cut_beginning(&self, data: &[u8], threads: &Threads) -> Vec<usize> {
        let mut cuts = self.cut(data, threads);
        let starts = std::iter::once(0).chain(cuts.iter().copied());
        // The end of a chunk depends on at most `max` bytes from its start on.
        let final_count = starts.take_while(|start| data.len() - start >= self.max).count();
        cuts.truncate(final_count);
        cuts
    }

    /// Appends the cuts of `next`, whose first cuts may be false, to the true `cuts` before it.
    fn join(&self, cuts: &mut Vec<usize>, next: Pass) {
        while let Some(&last) = cuts.last() {
            if let Ok(common) = next.cuts.binary_search(&last) {
                cuts.extend(&next.cuts[common + 1..]);
                return;
            }
            if next.cuts.last().is_none_or(|&end| end < last) {
                return;
            }
            let mut pass = [Pass::new(self, next.data, last, last + 1)];
            self.run(&mut pass);
            let [pass] = pass;
            cuts.extend(pass.cuts);
        }
    }

    /// Runs all passes to their ends, interleaved.
    fn run(&self, passes: &mut [Pass<'_>]) {
        let mut running: Vec<&mut Pass> = passes.iter_mut().collect();
        loop {
            running.retain(|pass| !pass.has_ended());
            match &mut running[..] {
                [] => return,
                [a, b, c, d] => self.advance([a, b, c, d]),
                [a, b, c] => self.advance([a, b, c]),
                [a, b] => self.advance([a, b]),
                rest => rest.iter_mut().for_each(|pass| self.advance([pass])),
            }
        }
    }

    /// Advances all passes by the same number of bytes, until one may have reached a cut.
    #[inline(always)]
    fn advance<const N: usize>(&self, passes: [&mut Pass<'_>; N]) {
        // Zeros under both masks are necessary; `end_at_cut` applies the right one.
        let mask = self.strict_mask & self.loose_mask;
        let max_steps = passes.iter().map(|pass| pass.limit - pass.position).min().unwrap_or(0);
        let data: [&[u8]; N] = std::array::from_fn(|k| &passes[k].data[passes[k].position..][..max_steps]);
        let mut hashes: [u64; N] = std::array::from_fn(|k| passes[k].hash);
        let steps = match max_steps {
            0..BLOCK_LEN => hash_until_candidate::<N, 1>(data, &mut hashes, mask),
            _ => hash_until_candidate::<N, BLOCK_LEN>(data, &mut hashes, mask),
        };
        for (pass, hash) in passes.into_iter().zip(hashes) {
            pass.position += steps;
            pass.hash = hash;
            pass.end_at_cut(self);
        }
    }
}

/// Hashes all `data`, which are equally long, in blocks of B bytes, up to the last whole
/// block or until a hash is zero under `mask`. Returns the number of bytes hashed of each.
#[inline(always)]
fn hash_until_candidate<const N: usize, const B: usize>(
    data: [&[u8]; N],
    hashes: &mut [u64; N],
    mask: u64,
) -> usize {
    let blocks = data.map(|data| data.as_chunks::<B>().0);
    let count = blocks[0].len();
    let blocks = blocks.map(|blocks| &blocks[..count]);
    for block in 0..count {
        for i in 0..B {
            for k in 0..N {
                hashes[k] = (hashes[k] << 1).wrapping_add(GEAR[usize::from(blocks[k][block][i])]);
            }
            if hashes.iter().any(|hash| hash & mask == 0) {
                return block * B + i + 1;
            }
        }
    }
    count * B
}

/// A pass over data, from some position on.
struct Pass<'d> {
    data: &'d [u8],
    /// The pass ends with its first cut at or after this position.
    end: usize,
    cuts: Vec<usize>,
    /// The start of the current chunk.
    start: usize,
    /// The position of the next byte to hash.
    position: usize,
    /// The position up to which bytes of the current chunk are hashed.
    limit: usize,
    /// The rolling hash of the current chunk.
    hash: u64,
}

impl<'d> Pass<'d> {
    fn new(sizes: &ChunkSizes, data: &'d [u8], start: usize, end: usize) -> Self {
        let mut pass = Pass { data, end, cuts: Vec::new(), start, position: start, limit: start, hash: 0 };
        pass.start_chunk(sizes, start);
        pass
    }

    fn has_ended(&self) -> bool {
        self.start >= self.end
    }

    fn start_chunk(&mut self, sizes: &ChunkSizes, start: usize) {
        let max_len = sizes.max.min(self.data.len() - start);
        self.start = start;
        self.position = start + sizes.min.min(max_len);
        // FastCDC hashes bytes in pairs and ignores an odd one at the end.
        self.limit = self.position.max(start + max_len / 2 * 2);
        self.hash = 0;
    }

    /// Ends the chunk if there is a cut before the byte just hashed, or at the limit.
    fn end_at_cut(&mut self, sizes: &ChunkSizes) {
        let len = self.position - self.start;
        if len > sizes.min {
            let mask = if len <= sizes.average { sizes.strict_mask } else { sizes.loose_mask };
            if self.hash & mask == 0 {
                return self.end_chunk(sizes, self.position - 1);
            }
        }
        if self.position == self.limit {
            self.end_chunk(sizes, self.data.len().min(self.start + sizes.max));
        }
    }

    fn end_chunk(&mut self, sizes: &ChunkSizes, cut: usize) {
        self.cuts.push(cut);
        self.start_chunk(sizes, cut);
    }
}

/// The binary logarithm of the average length to which the first mask belongs.
const MIN_MASK_BITS: usize = 7;

/// The masks for averages of 2^7 to 2^23 bytes, whose spread-out bits the paper's authors and
/// restic's implementation chose.
const MASKS: [u64; 17] = [
    0x0000_0000_1803_5100,
    0x0000_0018_0003_5300,
    0x0000_0190_0035_3000,
    0x0000_5900_0353_0000,
    0x0000_d900_0353_0000,
    0x0000_d901_0353_0000,
    0x0000_d903_0353_0000,
    0x0000_d903_1353_0000,
    0x0000_d90f_0353_0000,
    0x0000_d903_0353_7000,
    0x0000_d907_0353_7000,
    0x0000_d907_0753_7000,
    0x0000_d917_0753_7000,
    0x0000_d917_4753_7000,
    0x0000_d917_6753_7000,
    0x0000_d937_6753_7000,
    0x0000_d937_7753_7000,
];

/// For each byte value, the first eight bytes of the MD5 digest of 64 such bytes.
#[rustfmt::skip]
const GEAR: [u64; 256] = [
    0x3b5d3c7d207e37dc, 0x784d68ba91123086, 0xcd52880f882e7298, 0xeacf8e4e19fdcca7,
    0xc31f385dfbd1632b, 0x1d5f27001e25abe6, 0x83130bde3c9ad991, 0xc4b225676e9b7649,
    0xaa329b29e08eb499, 0xb67fcbd21e577d58, 0x0027baaada2acf6b, 0xe3ef2d5ac73c2226,
    0x0890f24d6ed312b7, 0xa809e036851d7c7e, 0xf0a6fe5e0013d81b, 0x1d026304452cec14,
    0x03864632648e248f, 0xcdaacf3dcd92b9b4, 0xf5e012e63c187856, 0x8862f9d3821c00b6,
    0xa82f7338750f6f8a, 0x1e583dc6c1cb0b6f, 0x7a3145b69743a7f1, 0xabb20fee404807eb,
    0xb14b3cfe07b83a5d, 0xb9dc27898adb9a0f, 0x3703f5e91baa62be, 0xcf0bb866815f7d98,
    0x3d9867c41ea9dcd3, 0x1be1fa65442bf22c, 0x14300da4c55631d9, 0xe698e9cbc6545c99,
    0x4763107ec64e92a5, 0xc65821fc65696a24, 0x76196c064822f0b7, 0x485be841f3525e01,
    0xf652bc9c85974ff5, 0xcad8352face9e3e9, 0x2a6ed1dceb35e98e, 0xc6f483badc11680f,
    0x3cfd8c17e9cf12f1, 0x89b83c5e2ea56471, 0xae665cfd24e392a9, 0xec33c4e504cb8915,
    0x3fb9b15fc9fe7451, 0xd7fd1fd1945f2195, 0x31ade0853443efd8, 0x255efc9863e1e2d2,
    0x10eab6008d5642cf, 0x46f04863257ac804, 0xa52dc42a789a27d3, 0xdaaadf9ce77af565,
    0x6b479cd53d87febb, 0x6309e2d3f93db72f, 0xc5738ffbaa1ff9d6, 0x6bd57f3f25af7968,
    0x67605486d90d0a4a, 0xe14d0b9663bfbdae, 0xb7bbd8d816eb0414, 0xdef8a4f16b35a116,
    0xe7932d85aaaffed6, 0x08161cbae90cfd48, 0x855507beb294f08b, 0x91234ea6ffd399b2,
    0xad70cf4b2435f302, 0xd289a97565bc2d27, 0x8e558437ffca99de, 0x96d2704b7115c040,
    0x0889bbcdfc660e41, 0x5e0d4e67dc92128d, 0x72a9f8917063ed97, 0x438b69d409e016e3,
    0xdf4fed8a5d8a4397, 0x00f41dcf41d403f7, 0x4814eb038e52603f, 0x9dafbacc58e2d651,
    0xfe2f458e4be170af, 0x4457ec414df6a940, 0x06e62f1451123314, 0xbd1014d173ba92cc,
    0xdef318e25ed57760, 0x9fea0de9dfca8525, 0x459de1e76c20624b, 0xaeec189617e2d666,
    0x126a2c06ab5a83cb, 0xb1321532360f6132, 0x65421503dbb40123, 0x2d67c287ea089ab3,
    0x6c93bff5a56bd6b6, 0x4ffb2036cab6d98d, 0xce7b785b1be7ad4f, 0xedb42ef6189fd163,
    0xdc905288703988f6, 0x365f9c1d2c691884, 0xc640583680d99bfe, 0x3cd4624c07593ec6,
    0x7f1ea8d85d7c5805, 0x014842d480b57149, 0x0b649bcb5a828688, 0xbcd5708ed79b18f0,
    0xe987c862fbd2f2f0, 0x982731671f0cd82c, 0xbaf13e8b16d8c063, 0x8ea3109cbd951bba,
    0xd141045bfb385cad, 0x2acbc1a0af1f7d30, 0xe6444d89df03bfdf, 0xa18cc771b8188ff9,
    0x9834429db01c39bb, 0x214add07fe086a1f, 0x8f07c19b1f6b3ff9, 0x56a297b1bf4ffe55,
    0x94d558e493c54fc7, 0x40bfc24c764552cb, 0x931a706f8a8520cb, 0x32229d322935bd52,
    0x2560d0f5dc4fefaf, 0x9dbcc48355969bb6, 0x0fd81c3985c0b56a, 0xe03817e1560f2bda,
    0xc1bb4f81d892b2d5, 0xb0c4864f4e28d2d7, 0x3ecc49f9d9d6c263, 0x51307e99b52ba65e,
    0x8af2b688da84a752, 0xf5d72523b91b20b6, 0x6d95ff1ff4634806, 0x562f21555458339a,
    0xc0ce47f889336346, 0x487823e5089b40d8, 0xe4727c7ebc6d9592, 0x5a8f7277e94970ba,
    0xfca2f406b1c8bb50, 0x5b1f8a95f1791070, 0xd304af9fc9028605, 0x5440ab7fc930e748,
    0x312d25fbca2ab5a1, 0x10f4a4b234a4d575, 0x90301d55047e7473, 0x3b6372886c61591e,
    0x293402b77c444e06, 0x451f34a4d3e97dd7, 0x3158d814d81bc57b, 0x034942425b9bda69,
    0xe2032ff9e532d9bb, 0x62ae066b8b2179e5, 0x9545e10c2f8d71d8, 0x7ff7483eb2d23fc0,
    0x00945fcebdc98d86, 0x8764bbbe99b26ca2, 0x1b1ec62284c0bfc3, 0x58e0fcc4f0aa362b,
    0x5f4abefa878d458d, 0xfd74ac2f9607c519, 0xa4e3fb37df8cbfa9, 0xbf697e43cac574e5,
    0x86f14a3f68f4cd53, 0x24a23d076f1ce522, 0xe725cd8048868cc8, 0xbf3c729eb2464362,
    0xd8f6cd57b3cc1ed8, 0x6329e52425541577, 0x62aa688ad5ae1ac0, 0x0a242566269bf845,
    0x168b1a4753aca74b, 0xf789afefff2e7e3c, 0x6c3362093b6fccdb, 0x4ce8f50bd28c09b2,
    0x006a2db95ae8aa93, 0x975b0d623c3d1a8c, 0x18605d3935338c5b, 0x5bb6f6136cad3c71,
    0x0f53a20701f8d8a6, 0xab8c5ad2e7e93c67, 0x40b5ac5127acaa29, 0x8c7bf63c2075895f,
    0x78bd9f7e014a805c, 0xb2c9e9f4f9c8c032, 0xefd6049827eb91f3, 0x2be459f482c16fbd,
    0xd92ce0c5745aaa8c, 0x0aaa8fb298d965b9, 0x2b37f92c6c803b15, 0x8c54a5e94e0f0e78,
    0x95f9b6e90c0a3032, 0xe7939faa436c7874, 0xd16bfe8f6a8a40c9, 0x44982b86263fd2fa,
    0xe285fb39f984e583, 0x779a8df72d7619d3, 0xf2d79a8de8d5dd1e, 0xd1037354d66684e2,
    0x004c82a4e668a8e5, 0x31d40a7668b044e6, 0xd70578538bd02c11, 0xdb45431078c5f482,
    0x977121bb7f6a51ad, 0x73d5ccbd34eff8dd, 0xe437a07d356e17cd, 0x47b2782043c95627,
    0x9fb251413e41d49a, 0xccd70b60652513d3, 0x1c95b31e8a1b49b2, 0xcae73dfd1bcb4c1b,
    0x34d98331b1f5b70f, 0x784e39f22338d92f, 0x18613d4a064df420, 0xf1d8dae25f0bcebe,
    0x33f77c15ae855efc, 0x3c88b3b912eb109c, 0x956a2ec96bafeea5, 0x1aa005b5e0ad0e87,
    0x5500d70527c4bb8e, 0xe36c57196421cc44, 0x13c4d286cc36ee39, 0x5654a23d818b2a81,
    0x77b1dc13d161abdc, 0x734f44de5f8d5eb5, 0x60717e174a6c89a2, 0xd47d9649266a211e,
    0x5b13a4322bb69e90, 0xf7669609f8b5fc3c, 0x21e6ac55bedcdac9, 0x9b56b62b61166dea,
    0xf48f66b939797e9c, 0x35f332f9c0e6ae9a, 0xcc733f6a9a878db0, 0x3da161e41cc108c2,
    0xb7d74ae535914d51, 0x4d493b0b11d36469, 0xce264d1dfba9741a, 0xa9d1f2dc7436dc06,
    0x70738016604c2a27, 0x231d36e96e93f3d5, 0x7666881197838d19, 0x4a2a83090aaad40c,
    0xf1e761591668b35d, 0x7363236497f730a7, 0x301080e37379dd4d, 0x502dea2971827042,
    0xc2c5eb858f32625f, 0x786afb9edfafbdff, 0xdaee0d868490b2a4, 0x617366b3268609f6,
    0xae0e35a0fe46173e, 0xd1a07de93e824f11, 0x079b8b115ea4cca8, 0x93a99274558faebb,
    0xfb1e6e22e08a03b3, 0xea635fdba3698dd0, 0xcf53659328503a5c, 0xcde3b31e6fd5d780,
    0x8e3e4221d3614413, 0xef14d0d86bf1a22c, 0xe1d830d3f16c5ddb, 0xaabd2b2a451504e1,
];

#[cfg(test)]
mod tests {
    use super::*;
    use fastcdc::v2020::{FastCDC, Normalization, get_gear_with_seed, select_masks};
    use proptest::prelude::*;

    fn fastcdc_cuts(sizes: &ChunkSizes, data: &[u8]) -> Vec<usize> {
        let chunks = FastCDC::new(data, sizes.min, sizes.average, sizes.max);
        chunks.map(|chunk| chunk.offset + chunk.length).collect()
    }

    fn one_thread() -> Threads {
        Threads::new(1).unwrap()
    }

    fn random(length: usize, seed: u64) -> Vec<u8> {
        use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
        ChaCha8Rng::seed_from_u64(seed).random_iter().take(length).collect()
    }

    /// Compares the cuts with those of `fastcdc`, on one thread and on several, and those of
    /// two beginnings of the data.
    fn check(sizes: &ChunkSizes, data: &[u8]) {
        let expected = fastcdc_cuts(sizes, data);
        for threads in [1, 3] {
            let cuts = sizes.cut(data, &Threads::new(threads).unwrap());
            assert!(cuts == expected, "{sizes:?}, {} bytes, {threads} threads", data.len());
        }
        for length in [data.len() / 2, data.len().saturating_sub(1)] {
            let beginning = sizes.cut_beginning(&data[..length], &one_thread());
            assert!(expected.starts_with(&beginning), "{sizes:?}, {length} of {} bytes", data.len());
            let rest = length - beginning.last().copied().unwrap_or(0);
            assert!(rest < sizes.max, "{rest} bytes remain");
        }
    }

    #[test]
    fn tables_equal_those_of_fastcdc() {
        assert_eq!(GEAR, *get_gear_with_seed(0).0);
        for average in (256..=4 << 20).step_by(94).chain((8..=22).map(|bits| 1 << bits)) {
            let sizes = ChunkSizes::new(64, average, 16 << 20).unwrap();
            assert_eq!(
                (sizes.strict_mask, sizes.loose_mask),
                select_masks(average, Normalization::Level1),
                "{average}"
            );
        }
    }

    #[test]
    fn cuts_equal_those_of_fastcdc() {
        let small = ChunkSizes::new(64, 256, 1024).unwrap();
        let data = random(1 << 20, 1);
        for sizes in [small, ChunkSizes::new(1024, 1024, 1024).unwrap(), ChunkSizes::default()] {
            check(&sizes, &data);
            check(&sizes, &vec![0; 300_001]);
            check(&sizes, &data[..12_345].repeat(50));
            check(&sizes, &b"ab".repeat(200_000));
            for boundary in [sizes.min, sizes.average, sizes.max, 2 * sizes.max] {
                for length in boundary - 3..=boundary + 3 {
                    check(&sizes, &data[..length]);
                    check(&sizes, &data[7..][..length]);
                }
            }
        }
        assert_eq!(small.cut(&[], &one_thread()), [0; 0]);
    }

    #[test]
    fn passes_without_a_common_cut_give_the_cuts_of_one_pass() {
        // Zeros are cut at the maximum size, so passes from other positions share no cut.
        let sizes = ChunkSizes::new(64, 256, 1026).unwrap();
        let mut data = vec![0; 40 * MIN_SHARE * 1026 + 77];
        check(&sizes, &data);
        data.extend(random(100_000, 2));
        check(&sizes, &data);
        data.extend(vec![0; 500_000]);
        check(&sizes, &data);
    }

    #[test]
    fn an_insertion_moves_the_cuts_with_the_content() {
        let sizes = ChunkSizes::default();
        let data = random(4 << 20, 3);
        let inserted = [&data[..1_000_000], b"inserted", &data[1_000_000..]].concat();
        let cuts = sizes.cut(&data, &one_thread());
        let moved: Vec<usize> = sizes.cut(&inserted, &one_thread()).iter().rev().map(|cut| cut - 8).collect();
        let same = cuts.iter().rev().zip(&moved).take_while(|(a, b)| a == b).count();
        assert!(same * 10 > cuts.len() * 7, "{same} of {} cuts", cuts.len());
    }

    #[test]
    fn invalid_sizes_are_rejected() {
        for (min, average, max) in [
            (62, 256, 1024),
            (65, 256, 1024),
            (64, 254, 1024),
            (512, 510, 1024),
            (64, 256, 1022),
            (64, 2048, 2046),
            (64, 256, 1025),
            (64, 256, (16 << 20) + 2),
            ((1 << 20) + 2, 2 << 20, 4 << 20),
        ] {
            let error = ChunkSizes::new(min, average, max).unwrap_err().to_string();
            assert!(error.contains("an even number from"), "{error}");
        }
        assert_eq!(ChunkSizes::new(4096, 16384, 65536).unwrap(), ChunkSizes::default());
    }

    proptest! {
        #[test]
        fn cuts_equal_those_of_fastcdc_on_any_data(
            parts in prop::collection::vec((any::<u64>(), 0_usize..20_000, 1_usize..40), 0..6),
            min in 32_usize..200,
            average in 128_usize..600,
            max in 512_usize..3000,
        ) {
            let sizes = ChunkSizes::new(2 * min, 2 * average.max(min), 2 * max.max(average).max(min)).unwrap();
            // Repeated random parts, so that passes have a common cut late or never.
            let data: Vec<u8> =
                parts.iter().flat_map(|&(seed, length, times)| random(length / times, seed).repeat(times)).collect();
            check(&sizes, &data);
        }
    }
}
