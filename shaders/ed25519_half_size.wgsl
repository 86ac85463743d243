// Replaces k by the half-size scalars u and v with u = v·k modulo 8·L, computes
// v·S modulo L, and recodes all three into signed digits. One invocation takes one
// signature.
//
// Bindings: 0 the signatures R ‖ S, 1 the scalars: k in the place of u on entry,
// `RecodedScalars` on return.

struct Params { count: u32 }

var<immediate> params: Params;

@group(0) @binding(0) var<storage, read> signatures: array<array<vec4<u32>, 4>>;
@group(0) @binding(1) var<storage, read_write> scalars: array<RecodedScalars>;

// The number of 4-bit digits up to the highest that is not zero; a zero digit is
// recoded as 8.
fn significant_digits(recoded: array<vec4<u32>, 2>) -> u32 {
    var words = recoded;
    for (var i = 8u; i > 0u;) {
        i--;
        let nonzero = words[i / 4u][i % 4u] ^ 0x88888888u;
        if nonzero != 0u {
            return 8u * i + firstLeadingBit(nonzero) / 4u + 1u;
        }
    }
    return 0u;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let i = workgroup_index(workgroup_id, num_workgroups) * 64u + local_index;
    if i >= params.count {
        return;
    }
    let half_size = half_size_scalars(scalars[i].u);
    let u = recode(long_words(half_size.u), 0x88888888u);
    let v = recode(short_words(half_size.v), 0x88888888u);
    let s = array<vec4<u32>, 2>(signatures[i][2], signatures[i][3]);
    let vs = recode(reduce(mul_wide(half_size.v, s)), 0x80008000u);
    // The 8 digits of either half of v·S are added at every fourth position, up to 28.
    let digits = max(max(significant_digits(u), significant_digits(v)), 29u);
    scalars[i] = RecodedScalars(u, v, vs, digits, select(0u, 1u, half_size.u_is_negative));
}
