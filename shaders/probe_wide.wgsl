// Products of 64 bits, added up, again and again: the operation that the wide form
// of field arithmetic is made of.

struct Params {
    lanes: u32,
    steps: u32,
}

var<immediate> params: Params;
@group(0) @binding(0) var<storage, read_write> results: array<u32>;

// The low half of a times the high half of b, plus c.
fn step(a: u64, b: u64, c: u64) -> u64 {
    return u64(u32(a)) * u64(u32(b >> 32u)) + c;
}

@compute @workgroup_size(128)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_group(group, groups) * 128u + lane;
    if index >= params.lanes {
        return;
    }
    var a = u64(index) * 0x9e3779b97f4a7c15lu + 1lu;
    var b = a * 0x9e3779b97f4a7c15lu + 1lu;
    var c = b * 0x9e3779b97f4a7c15lu + 1lu;
    var d = c * 0x9e3779b97f4a7c15lu + 1lu;
    for (var i = 0u; i < params.steps; i++) {
        a = step(a, b, c);
        b = step(b, c, d);
        c = step(c, d, a);
        d = step(d, a, b);
        a = step(a, b, c);
        b = step(b, c, d);
        c = step(c, d, a);
        d = step(d, a, b);
    }
    let all = a ^ b ^ c ^ d;
    results[index] = u32(all) ^ u32(all >> 32u);
}
