// First occurrences, step 2: one invocation replaces one fingerprint's slot by the
// position that the slot holds, the lowest of all equal fingerprints.
//
// Bindings: 0 the table, 1 slots in, positions out.

struct Params {
    // All fingerprints.
    count: u32,
}

var<immediate> params: Params;
@group(0) @binding(0) var<storage, read> table: array<u32>;
@group(0) @binding(1) var<storage, read_write> slots: array<u32>;

@compute @workgroup_size(128)
fn main(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let index = workgroup_index(workgroup_id, num_workgroups) * 128u + local_index;
    if index < params.count {
        slots[index] = table[slots[index]] - 1u;
    }
}
