// A tree's node by BLAKE3, keyed or not: a message of one chunk, without padding.

// Whether a byte 0x01 comes before the children (RFC 6962).
override PREFIXED: bool = false;

fn node(left: Digest, right: Digest) -> Digest {
    let mode = params.flags;
    if !PREFIXED {
        let flags = mode | BLAKE3_CHUNK_START | BLAKE3_CHUNK_END | BLAKE3_ROOT;
        return blake3_compress(params.key, blake3_pair(left, right), vec2(0u), 64u, flags);
    }
    let m = blake3_pair(left, right);
    let chain = blake3_compress(params.key, Block(
        late(0x01000000u, m[0]), late(m[0], m[1]), late(m[1], m[2]), late(m[2], m[3]),
        late(m[3], m[4]), late(m[4], m[5]), late(m[5], m[6]), late(m[6], m[7]),
        late(m[7], m[8]), late(m[8], m[9]), late(m[9], m[10]), late(m[10], m[11]),
        late(m[11], m[12]), late(m[12], m[13]), late(m[13], m[14]), late(m[14], m[15]),
    ), vec2(0u), 64u, mode | BLAKE3_CHUNK_START);
    return blake3_compress(chain, Block(
        m[15] >> 24u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u,
    ), vec2(0u), 1u, mode | BLAKE3_CHUNK_END | BLAKE3_ROOT);
}

// The word that starts with the last byte of `before`.
fn late(before: u32, word: u32) -> u32 {
    return (before >> 24u) | (word << 8u);
}

// Digests come as bytes, and BLAKE3 counts them from the low end of a word.
fn from_bytes(d: Digest) -> Digest {
    return d;
}
