// One level of BLAKE3's tree over the chunks of long records (the BLAKE3 paper,
// section 2.4), in place. Each invocation replaces a left chaining value by its
// parent's. All merges of a dispatch lie on one level and touch disjoint values.
//
// Bindings: 0 the merges of all levels, 1 the chaining values.

// Marks a merge whose parent is the root of a record's tree.
const ROOT = 0x80000000u;

struct Params {
    // The range of this level's merges.
    first: u32,
    count: u32,
    // The right value's index less the left one's.
    distance: u32,
    // The mode's flags: KEYED_HASH or 0.
    flags: u32,
    key: Digest,
}

var<immediate> params: Params;
// The index of each left value; bit 31 is ROOT.
@group(0) @binding(0) var<storage, read> merges: array<u32>;
@group(0) @binding(1) var<storage, read_write> values: array<Digest>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let index = workgroup_index(workgroup_id, num_workgroups) * 64u + local_index;
    if index >= params.count {
        return;
    }
    let merge = merges[params.first + index];
    let left = merge & ~ROOT;
    let root = select(0u, BLAKE3_ROOT, (merge & ROOT) != 0u);
    values[left] = blake3_parent(params.key, values[left], values[left + params.distance], params.flags | root);
}
