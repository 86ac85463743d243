// One level of BLAKE3's tree over the chunks of long records, in place: the node
// above two chaining values goes where the left one was.

const ROOT = 0x80000000u;

struct Params {
    // This level's merges.
    first: u32,
    count: u32,
    // From the left value to the right one.
    distance: u32,
    flags: u32,
    key: Digest,
}

var<immediate> params: Params;
// Where the left values are, with ROOT where the node is a record's last.
@group(0) @binding(0) var<storage, read> merges: array<u32>;
@group(0) @binding(1) var<storage, read_write> values: array<Digest>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_group(group, groups) * 64u + lane;
    if index >= params.count {
        return;
    }
    let merge = merges[params.first + index];
    let left = merge & ~ROOT;
    let root = select(0u, BLAKE3_ROOT, (merge & ROOT) != 0u);
    values[left] = blake3_parent(params.key, values[left], values[left + params.distance], params.flags | root);
}
