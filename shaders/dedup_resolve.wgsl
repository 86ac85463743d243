// First occurrences, step 2: every print takes the position that stayed in the
// slot of its value.

struct Params {
    count: u32,
}

var<immediate> params: Params;
@group(0) @binding(0) var<storage, read> table: array<u32>;
// Slots in, positions out.
@group(0) @binding(1) var<storage, read_write> slots: array<u32>;

@compute @workgroup_size(128)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_group(group, groups) * 128u + lane;
    if index < params.count {
        slots[index] = table[slots[index]] - 1u;
    }
}
