// In place of k: u and v, and v·S modulo L, in digits.

struct Params { count: u32 }

var<immediate> params: Params;

@group(0) @binding(0) var<storage, read> signatures: array<array<vec4<u32>, 4>>;
// k in the place of u.
@group(0) @binding(1) var<storage, read_write> scalars: array<ShortScalars>;

// The digits of 4 bits up to the highest that is not 0, which is 8 here.
fn places(recoded: array<vec4<u32>, 2>) -> u32 {
    var words = recoded;
    for (var i = 8u; i > 0u;) {
        i--;
        let differs = words[i / 4u][i % 4u] ^ 0x88888888u;
        if differs != 0u {
            return 8u * i + firstLeadingBit(differs) / 4u + 1u;
        }
    }
    return 0u;
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
    let halves = halves(scalars[i].u);
    let u = recode(long_words(halves.u), 0x88888888u);
    let v = recode(short_words(halves.v), 0x88888888u);
    let s = array<vec4<u32>, 2>(signatures[i][2], signatures[i][3]);
    let s_recoded = recode(reduce(product(halves.v, s)), 0x80008000u);
    // 8 digits of 16 bits, each at every fourth place.
    let places = max(max(places(u), places(v)), 29u);
    scalars[i] = ShortScalars(u, v, s_recoded, places, select(0u, 1u, halves.u_is_negative));
}
