// Measures the peak rate of multiplications of 32 by 32 bits with a 64-bit addition, the
// operation of the field's wide form. One invocation runs four chains of dependent
// operations.
//
// Binding 0: a word for each invocation, which the host compares.

alias Word = u64;

// The low word of a times the high word of b, plus c.
fn operation(a: Word, b: Word, c: Word) -> Word {
    return u64(u32(a)) * u64(u32(b >> 32u)) + c;
}

@compute @workgroup_size(128)
fn main(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let index = workgroup_index(workgroup_id, num_workgroups) * 128u + local_index;
    if index >= params.invocations {
        return;
    }
    let a = u64(index) * 0x9e3779b97f4a7c15lu + 1lu;
    let b = a * 0x9e3779b97f4a7c15lu + 1lu;
    let c = b * 0x9e3779b97f4a7c15lu + 1lu;
    let d = c * 0x9e3779b97f4a7c15lu + 1lu;
    let all = run_chains(a, b, c, d);
    results[index] = u32(all) ^ u32(all >> 32u);
}
