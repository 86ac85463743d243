// R' = [S]B − [k]A: 252 doublings, with 64 additions for the 4-bit digits of k, which
// count from −8, and 16 for the 16-bit digits of S, which count from −32768.

struct Params { count: u32 }

var<immediate> params: Params;

@group(0) @binding(0) var<storage, read> scalars: array<array<vec4<u32>, 4>>;
@group(0) @binding(1) var<storage, read> tables: array<array<CachedRow, 8>>;
@group(0) @binding(2) var<storage, read> base: array<NielsRow>;
@group(0) @binding(3) var<storage, read_write> points: array<ProjectiveRow>;

// 16 bits of the recoded k, then of the recoded S.
fn half_word(i: u32, half: u32) -> u32 {
    return (scalars[i][half / 8u][half / 2u % 4u] >> (half % 2u * 16u)) & 0xffffu;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = flat_group(group, groups) * 64u + lane;
    if i >= params.count {
        return;
    }
    var q = Completed(FE_ZERO, FE_ONE, FE_ONE, FE_ONE);
    // The first digit finds the identity, which need not be doubled.
    var doublings = 0u;
    for (var half = 16u; half > 0u;) {
        half--;
        for (var nibble = 4u; nibble > 0u;) {
            nibble--;
            for (var j = 0u; j < doublings; j++) {
                q = double(projective(q));
            }
            doublings = 4u;
            let digit = i32((half_word(i, half) >> (4u * nibble)) & 0xfu) - 8;
            if digit != 0 {
                let entry = cached_unpack(tables[i][abs(digit) - 1]);
                q = add_cached(extended(q), cached_negated(entry, digit < 0));
            }
        }
        let digit = i32(half_word(i, half + 16u)) - 0x8000;
        if digit != 0 {
            let entry = niels_unpack(base[abs(digit) - 1]);
            q = add_niels(extended(q), niels_negated(entry, digit < 0));
        }
    }
    points[i] = projective_pack(projective(q));
}
