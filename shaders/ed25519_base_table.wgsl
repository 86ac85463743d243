// The lookup table of the base point B, filled once for a device: [1]B to [32768]B,
// then the same multiples of [2^128]B. Each nonzero 16-bit digit of a scalar then
// costs one mixed addition. One invocation computes one entry by double-and-add.
//
// Binding 0: 2 · 32768 affine Niels points, 128 bytes each.

@group(0) @binding(0) var<storage, read_write> base_table: array<AffineNielsRow>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let multiple = id.x % 0x8000u + 1u;
    if id.x >= arrayLength(&base_table) {
        return;
    }
    // B: y = 4/5 and x even (RFC 8032, section 5.1).
    var encoding = array<vec4<u32>, 2>(vec4(0x66666658u, 0x66666666u, 0x66666666u, 0x66666666u), vec4(0x66666666u));
    if id.x >= 0x8000u {
        // [2^128]B.
        encoding = array<vec4<u32>, 2>(
            vec4(0x4bf5a66bu, 0x5bbabd11u, 0x51a4c49eu, 0x90d0be1eu),
            vec4(0x26c29c3au, 0x95f11eb6u, 0x526dc87du, 0x5f2c99e6u),
        );
    }
    let b = to_affine_niels(decode(encoding).point);
    var p = identity();
    for (var bit = 16u; bit > 0u;) {
        bit--;
        var q = double(p);
        if ((multiple >> bit) & 1u) == 1u {
            q = add_mixed(to_extended(q), b);
        }
        p = to_projective(q);
    }
    let z_inverse = fe_invert(p.z);
    base_table[id.x] = affine_niels_pack(to_affine_niels(Affine(fe_mul(p.x, z_inverse), fe_mul(p.y, z_inverse))));
}
