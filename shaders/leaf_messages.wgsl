// Assembles the leaf messages of a block's entries: the tree's prefix if it has one,
// then digest (32 bytes), public key (32) and signature (64). The messages are packed
// back to back. One invocation writes one word of the output.
//
// Bindings: 0 digests, 1 public keys, 2 signatures, 3 the messages; all as
// little-endian words.

// 1 where a byte 0x00 comes first (RFC 6962, section 2.1), else 0.
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

// The byte at a position of the output; 0 after the last message.
fn message_byte(position: u32) -> u32 {
    let width = 128u + PREFIXED;
    let entry = position / width;
    let offset = position % width;
    if entry >= params.entries || offset < PREFIXED {
        return 0u;
    }
    let byte = offset - PREFIXED;
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
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let word = workgroup_index(workgroup_id, num_workgroups) * 64u + local_index;
    if word >= params.words {
        return;
    }
    var bytes = 0u;
    for (var i = 0u; i < 4u; i++) {
        bytes |= message_byte(4u * word + i) << (8u * i);
    }
    messages[word] = bytes;
}
