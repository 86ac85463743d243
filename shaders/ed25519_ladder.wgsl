// R' = [S]B − [k]A: 252 doublings, with 64 additions for the 4-bit digits of k, which
// count from −8, and 16 for the 16-bit digits of S, which count from −32768.

struct Params { count: u32 }

var<immediate> params: Params;

@group(0) @binding(0) var<storage, read> scalars: array<array<vec4<u32>, 4>>;
@group(0) @binding(1) var<storage, read> tables: array<array<CachedRow, 8>>;
@group(0) @binding(2) var<storage, read> base: array<NielsRow>;
@group(0) @binding(3) var<storage, read_write> points: array<ProjectiveRow>;

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
    var p = identity();
    for (var bit = 253u; bit > 0u;) {
        bit--;
        var q = double(p);
        if bit % 4u == 0u {
            let word = scalars[i][bit / 128u][bit / 32u % 4u];
            let digit = i32((word >> (bit % 32u)) & 0xfu) - 8;
            if digit != 0 {
                let entry = cached_unpack(tables[i][u32(abs(digit)) - 1u]);
                q = add_cached(extended(q), cached_negated(entry, digit < 0));
            }
        }
        if bit % 16u == 0u {
            let word = scalars[i][2u + bit / 128u][bit / 32u % 4u];
            let digit = i32((word >> (bit % 32u)) & 0xffffu) - 0x8000;
            if digit != 0 {
                let entry = niels_unpack(base[u32(abs(digit)) - 1u]);
                q = add_niels(extended(q), niels_negated(entry, digit < 0));
            }
        }
        p = projective(q);
    }
    points[i] = projective_pack(p);
}
