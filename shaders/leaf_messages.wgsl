// What is hashed for the leaves of a block's entries: the tree's prefix, if it has
// one, then digest, public key and signature. One word in each invocation.

// Whether a byte of 0x00 comes first.
override PREFIXED: u32;

struct Params {
    // Words of all messages.
    words: u32,
    entries: u32,
}

var<immediate> params: Params;
@group(0) @binding(0) var<storage, read> digests: array<u32>;
@group(0) @binding(1) var<storage, read> keys: array<u32>;
@group(0) @binding(2) var<storage, read> signatures: array<u32>;
@group(0) @binding(3) var<storage, read_write> messages: array<u32>;

fn byte_at(position: u32) -> u32 {
    let width = 128u + PREFIXED;
    let entry = position / width;
    let at = position % width;
    if entry >= params.entries || at < PREFIXED {
        return 0u;
    }
    let byte = at - PREFIXED;
    var word: u32;
    if byte < 32u {
        word = digests[8u * entry + byte / 4u];
    } else if byte < 64u {
        word = keys[8u * entry + byte / 4u - 8u];
    } else {
        word = signatures[16u * entry + byte / 4u - 16u];
    }
    return word >> (8u * (byte % 4u)) & 0xffu;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let word = flat_group(group, groups) * 64u + lane;
    if word >= params.words {
        return;
    }
    var bytes = 0u;
    for (var i = 0u; i < 4u; i++) {
        bytes |= byte_at(4u * word + i) << (8u * i);
    }
    messages[word] = bytes;
}
