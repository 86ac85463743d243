// Hashes up to 8 levels of a Merkle tree in one dispatch. A workgroup takes 256
// consecutive nodes and reduces them level by level in workgroup memory, one pair in
// each invocation. `hash_node` and `words_from_bytes` come from lib/node_*.wgsl.
//
// Bindings: 0 the nodes of the lowest level, 1 the nodes of the highest level, 2 a
// flag that becomes 1 where a tree that duplicates its last node has a pair of equal
// children (CVE-2012-2459).

const PAIRS = 128u;

struct Params {
    // Nodes of the lowest level.
    count: u32,
    // Levels to hash, from 1 to 8.
    levels: u32,
    // Whether the nodes are leaves, in byte order as the host wrote them. Other nodes
    // are in the hash's word order.
    nodes_are_leaves: u32,
    // Whether an odd last node is paired with itself (Bitcoin), and equal children are
    // reported. Otherwise an odd last node moves up unchanged (RFC 6962).
    duplicate_last: u32,
    // Where this dispatch's output begins in `parents`.
    parents_offset: u32,
    // BLAKE3 alone: the mode's flags and the key words.
    flags: u32,
    key: Digest,
}

var<immediate> params: Params;
@group(0) @binding(0) var<storage, read> nodes: array<Digest>;
@group(0) @binding(1) var<storage, read_write> parents: array<Digest>;
@group(0) @binding(2) var<storage, read_write> mutated: atomic<u32>;

var<workgroup> tile: array<Digest, PAIRS>;

fn load_node(index: u32) -> Digest {
    let digest = nodes[index];
    if params.nodes_are_leaves != 0u {
        return words_from_bytes(digest);
    }
    return digest;
}

// The parent of two nodes. Without a right child, `right` equals `left`.
fn parent_node(left: Digest, right: Digest, has_right: bool) -> Digest {
    let duplicate_last = params.duplicate_last != 0u;
    if !(has_right || duplicate_last) {
        return left;
    }
    if has_right && duplicate_last && digests_equal(left, right) {
        atomicOr(&mutated, 1u);
    }
    return hash_node(left, right);
}

@compute @workgroup_size(PAIRS)
fn main(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    // The nodes of the current level, and the first of this workgroup's.
    var count = params.count;
    var first_node = workgroup_index(workgroup_id, num_workgroups) * 2u * PAIRS;
    for (var level = 0u; level < params.levels; level++) {
        var parent: Digest;
        let left_index = first_node + 2u * local_index;
        if local_index < (PAIRS >> level) && left_index < count {
            let has_right = left_index + 1u < count;
            var left: Digest;
            var right: Digest;
            if level == 0u {
                left = load_node(left_index);
                right = load_node(select(left_index, left_index + 1u, has_right));
            } else {
                left = tile[2u * local_index];
                right = tile[select(2u * local_index, 2u * local_index + 1u, has_right)];
            }
            parent = parent_node(left, right, has_right);
        }
        workgroupBarrier();
        tile[local_index] = parent;
        workgroupBarrier();
        count = (count + 1u) / 2u;
        first_node = first_node / 2u;
    }
    if local_index < ((2u * PAIRS) >> params.levels) && first_node + local_index < count {
        parents[params.parents_offset + first_node + local_index] = tile[local_index];
    }
}
