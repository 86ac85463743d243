// Uniform records of 16, 32, 48 or 64 bytes, packed in a column: one block for each.
// Neighbouring invocations read neighbouring records, so each reads its own.
//
// Bindings: 0 the bytes, 1 the digests.

struct Params {
    count: u32,
    // The length of every record.
    width: u32,
    // BLAKE3 alone: the mode's flags and the key words.
    flags: u32,
    key: Digest,
}

var<immediate> params: Params;
@group(0) @binding(0) var<storage, read> bytes: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> digests: array<Digest>;

// Sixteen bytes of a record, padded: the byte `padding` after its last byte, then zeros.
fn load_quarter(index: u32, offset: u32, padding: u32) -> vec4<u32> {
    if offset < params.width {
        return bytes[(index * params.width + offset) / 16u];
    }
    return vec4(select(0u, padding, offset == params.width), 0u, 0u, 0u);
}

// A record's block, padded likewise.
fn load_block(index: u32, padding: u32) -> Block {
    let a = load_quarter(index, 0u, padding);
    let b = load_quarter(index, 16u, padding);
    let c = load_quarter(index, 32u, padding);
    let d = load_quarter(index, 48u, padding);
    return Block(a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w, c.x, c.y, c.z, c.w, d.x, d.y, d.z, d.w);
}
