// The multiples [1]B to [32768]B, made once: a 16-bit digit of S costs one addition.

@group(0) @binding(0) var<storage, read_write> base: array<NielsRow>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let multiple = id.x + 1u;
    if id.x >= arrayLength(&base) {
        return;
    }
    // B: y = 4/5 and x even (RFC 8032, section 5.1).
    let encoding = array<vec4<u32>, 2>(vec4(0x66666658u, 0x66666666u, 0x66666666u, 0x66666666u), vec4(0x66666666u));
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
