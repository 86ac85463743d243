// Products of 64 bits, added up, again and again: the operation that the wide form
// of field arithmetic is made of.

alias Word = u64;

// The low half of a times the high half of b, plus c.
fn step(a: Word, b: Word, c: Word) -> Word {
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
    let a = u64(index) * 0x9e3779b97f4a7c15lu + 1lu;
    let b = a * 0x9e3779b97f4a7c15lu + 1lu;
    let c = b * 0x9e3779b97f4a7c15lu + 1lu;
    let d = c * 0x9e3779b97f4a7c15lu + 1lu;
    let all = chains(a, b, c, d);
    results[index] = u32(all) ^ u32(all >> 32u);
}
