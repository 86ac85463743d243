// The multiples [1]B to [32768]B and those of [2^128]B, made once: a 16-bit digit of a
// scalar costs one addition.

@group(0) @binding(0) var<storage, read_write> base: array<NielsRow>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let multiple = id.x % 0x8000u + 1u;
    if id.x >= arrayLength(&base) {
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
    let b = niels(decode(encoding).point);
    var p = identity();
    for (var bit = 16u; bit > 0u;) {
        bit--;
        var q = double(p);
        if ((multiple >> bit) & 1u) == 1u {
            q = add_niels(extended(q), b);
        }
        p = projective(q);
    }
    let z = fe_invert(p.z);
    base[id.x] = niels_pack(niels(Affine(fe_mul(p.x, z), fe_mul(p.y, z))));
}
