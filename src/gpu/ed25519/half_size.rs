//! Tests the kernel of half-size scalars alone, also on scalars k that no message is known
//! to hash to.

use bytemuck::{Pod, Zeroable};

use super::{HALF_SIZE, WORKGROUP_SIZE};
use crate::ed25519::half_size::{
    HalfSize, are_half_size, check_half_size, edge_scalars, random_scalars, scalar, with_very_short_half_size,
};
use crate::gpu::device::{self, Device};

/// As in `shaders/lib/recoded_scalars.wgsl`.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
struct RecodedScalars {
    u: [u64; 4],
    v: [u64; 4],
    vs: [u64; 4],
    digits: u32,
    u_is_negative: u32,
    padding: u64,
}

/// The number with these signed digits of `bits` bits.
fn from_digits(mut recoded: [u64; 4], bits: u32) -> [u64; 4] {
    let offset = (0..64 / bits).fold(0, |offset, digit| offset | 1 << (bits * (digit + 1) - 1));
    let mut borrow = false;
    for word in &mut recoded {
        (*word, borrow) = word.borrowing_sub(offset, borrow);
    }
    recoded
}

/// The half-size scalars of each k by the kernel, whose other results are asserted.
fn half_size_of(device: &Device, k: &[[u64; 4]]) -> Vec<HalfSize> {
    let s = random_scalars(k.len() as u64);
    let signatures: Vec<_> = s.iter().map(|s| [[0; 4], *s]).collect();
    let scalars: Vec<_> = k.iter().map(|&u| RecodedScalars { u, ..RecodedScalars::zeroed() }).collect();
    let mut commands = device.commands();
    let signatures = commands.upload(bytemuck::cast_slice(&signatures)).unwrap();
    let scalars = commands.upload(bytemuck::cast_slice(&scalars)).unwrap();
    let count = k.len() as u32;
    let workgroups = count.div_ceil(WORKGROUP_SIZE);
    commands.dispatch(&HALF_SIZE, &[], &[&signatures, &scalars], &count, workgroups).unwrap();
    commands.read_back(&scalars);
    let bytes = commands.submit().unwrap().wait(<[u8]>::to_vec).unwrap();
    let found: Vec<RecodedScalars> = bytemuck::pod_collect_to_vec(&bytes);
    let one = |(s, found): (&[u64; 4], &RecodedScalars)| {
        let (u, v) = (from_digits(found.u, 4), from_digits(found.v, 4));
        assert_eq!(scalar(&from_digits(found.vs, 16)), scalar(&v) * scalar(s));
        let digit = |words: &[u64; 4], i: usize| words[i / 16] >> (4 * (i % 16)) & 0xf;
        let top = |words: &[u64; 4]| (0..64).rev().find(|&i| digit(words, i) != 8);
        let digits = [&found.u, &found.v].into_iter().filter_map(top).max().map_or(0, |i| i + 1);
        assert_eq!(found.digits as usize, digits.max(29));
        (u, found.u_is_negative == 1, v)
    };
    s.iter().zip(&found).map(one).collect()
}

#[test]
fn the_kernel_computes_half_size_scalars() {
    let Some(device) = device::for_tests() else { return };
    let any = random_scalars(10_000);
    assert!(are_half_size(&check_half_size(&any, &half_size_of(&device, &any))));
    for scalars in [edge_scalars(), with_very_short_half_size()] {
        check_half_size(&scalars, &half_size_of(&device, &scalars));
    }
}
