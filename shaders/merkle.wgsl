// Some levels of a tree at once: a workgroup takes 256 neighbours, hashes them in
// pairs, and the pairs' nodes in pairs, in its own memory. `node` and `from_bytes`
// come from the hash's part.

const PAIRS = 128u;

struct Params {
    // Nodes below.
    count: u32,
    // From 1 to 8.
    levels: u32,
    // Whether the nodes below are as the host wrote them.
    leaves: u32,
    // Whether an odd last node is paired with itself, and equal pairs are told of.
    doubles: u32,
    // Where the nodes above begin.
    above_start: u32,
    // BLAKE3's: the mode's flags and the key.
    flags: u32,
    key: Digest,
}

var<immediate> params: Params;
@group(0) @binding(0) var<storage, read> below: array<Digest>;
@group(0) @binding(1) var<storage, read_write> above: array<Digest>;
@group(0) @binding(2) var<storage, read_write> mutated: atomic<u32>;

var<workgroup> tile: array<Digest, PAIRS>;

fn load(index: u32) -> Digest {
    let digest = below[index];
    if params.leaves != 0u {
        return from_bytes(digest);
    }
    return digest;
}

// The node above, where `whole` says that the two are not one and the same.
fn parent_of(left: Digest, right: Digest, whole: bool) -> Digest {
    let doubles = params.doubles != 0u;
    if !(whole || doubles) {
        return left;
    }
    if whole && doubles && same(left, right) {
        atomicOr(&mutated, 1u);
    }
    return node(left, right);
}

@compute @workgroup_size(PAIRS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // The nodes of the level at hand, and where this workgroup's begin.
    var count = params.count;
    var start = flat_group(group, groups) * 2u * PAIRS;
    for (var level = 0u; level < params.levels; level++) {
        var parent: Digest;
        let pair = start + 2u * lane;
        if lane < (PAIRS >> level) && pair < count {
            let whole = pair + 1u < count;
            var left: Digest;
            var right: Digest;
            if level == 0u {
                left = load(pair);
                right = load(select(pair, pair + 1u, whole));
            } else {
                left = tile[2u * lane];
                right = tile[select(2u * lane, 2u * lane + 1u, whole)];
            }
            parent = parent_of(left, right, whole);
        }
        workgroupBarrier();
        tile[lane] = parent;
        workgroupBarrier();
        count = (count + 1u) / 2u;
        start = start / 2u;
    }
    if lane < ((2u * PAIRS) >> params.levels) && start + lane < count {
        above[params.above_start + start + lane] = tile[lane];
    }
}
