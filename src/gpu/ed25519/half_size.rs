//! The kernel of short scalars alone, on scalars that no message has for its hash.

use bytemuck::{Pod, Zeroable};

use super::{HALVES, WORKGROUP};
use crate::ed25519::half_size::{
    HalfSize, are_half_size, check_half_size, edge_scalars, random_scalars, scalar, with_very_short_half_size,
};
use crate::gpu::device::{self, Device};

/// As in `shaders/lib/recoded_scalars.wgsl`.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
struct ShortScalars {
    u: [u64; 4],
    v: [u64; 4],
    s: [u64; 4],
    places: u32,
    u_is_negative: u32,
    padding: u64,
}

/// The number whose digits of `bits` bits count from half of their range below zero.
fn plain(mut recoded: [u64; 4], bits: u32) -> [u64; 4] {
    let offset = (0..64 / bits).fold(0, |offset, digit| offset | 1 << (bits * (digit + 1) - 1));
    let mut borrow = false;
    for word in &mut recoded {
        (*word, borrow) = word.borrowing_sub(offset, borrow);
    }
    recoded
}

/// The halves of each of `k` on the adapter, and its other results asserted.
fn halves_of(device: &Device, k: &[[u64; 4]]) -> Vec<HalfSize> {
    let s = random_scalars(k.len() as u64);
    let signatures: Vec<_> = s.iter().map(|s| [[0; 4], *s]).collect();
    let scalars: Vec<_> = k.iter().map(|&u| ShortScalars { u, ..ShortScalars::zeroed() }).collect();
    let mut work = device.batch();
    let signatures = work.upload(bytemuck::cast_slice(&signatures)).unwrap();
    let scalars = work.upload(bytemuck::cast_slice(&scalars)).unwrap();
    let count = k.len() as u32;
    let groups = count.div_ceil(WORKGROUP);
    work.dispatch(&HALVES, &[], &[&signatures, &scalars], &count, groups).unwrap();
    work.read_back(&scalars);
    let bytes = work.submit().unwrap().wait(<[u8]>::to_vec).unwrap();
    let found: Vec<ShortScalars> = bytemuck::pod_collect_to_vec(&bytes);
    let one = |(s, found): (&[u64; 4], &ShortScalars)| {
        let (u, v) = (plain(found.u, 4), plain(found.v, 4));
        assert_eq!(scalar(&plain(found.s, 16)), scalar(&v) * scalar(s));
        let zeros = [0x8888_8888_8888_8888; 4];
        let digit = |words: &[u64; 4], place: usize| words[place / 16] >> (4 * (place % 16)) & 0xf;
        let used =
            |words: &[u64; 4]| (0..64).rev().find(|&place| digit(words, place) != digit(&zeros, place));
        let places = [&found.u, &found.v].into_iter().filter_map(used).max().map_or(0, |place| place + 1);
        assert_eq!(found.places as usize, places.max(29));
        (u, found.u_is_negative == 1, v)
    };
    s.iter().zip(&found).map(one).collect()
}

#[test]
fn the_kernel_gives_what_halves_must_be() {
    let Some(device) = device::for_test() else { return };
    let any = random_scalars(10_000);
    assert!(are_half_size(&check_half_size(&any, &halves_of(&device, &any))));
    for scalars in [edge_scalars(), with_very_short_half_size()] {
        check_half_size(&scalars, &halves_of(&device, &scalars));
    }
}
