// Records of 16, 32, 48 or 64 bytes, all of one width: neighbours lie side by side,
// so each lane reads its own.

struct Params {
    count: u32,
    width: u32,
    // BLAKE3's: the mode's flags and the key.
    flags: u32,
    key: Digest,
}

var<immediate> params: Params;
@group(0) @binding(0) var<storage, read> bytes: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> digests: array<Digest>;

// Sixteen bytes of a record: `end` after its last byte, zeros after that.
fn quarter(index: u32, at: u32, end: u32) -> vec4<u32> {
    if at < params.width {
        return bytes[(index * params.width + at) / 16u];
    }
    return vec4(select(0u, end, at == params.width), 0u, 0u, 0u);
}

fn block_of(index: u32, end: u32) -> Block {
    let a = quarter(index, 0u, end);
    let b = quarter(index, 16u, end);
    let c = quarter(index, 32u, end);
    let d = quarter(index, 48u, end);
    return Block(a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w, c.x, c.y, c.z, c.w, d.x, d.y, d.z, d.w);
}
