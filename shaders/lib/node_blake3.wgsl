// A Merkle node by BLAKE3, keyed or not: the hash of a message of one chunk,
// left ‖ right or 0x01 ‖ left ‖ right.

// Whether a byte 0x01 comes before the children (RFC 6962, section 2.1).
override PREFIXED: bool = false;

fn hash_node(left: Digest, right: Digest) -> Digest {
    let mode = params.flags;
    if !PREFIXED {
        let flags = mode | BLAKE3_CHUNK_START | BLAKE3_CHUNK_END | BLAKE3_ROOT;
        return blake3_compress(params.key, blake3_concat(left, right), vec2(0u), 64u, flags);
    }
    let m = blake3_concat(left, right);
    let chaining_value = blake3_compress(params.key, Block(
        shifted_word(0x01000000u, m[0]), shifted_word(m[0], m[1]), shifted_word(m[1], m[2]), shifted_word(m[2], m[3]),
        shifted_word(m[3], m[4]), shifted_word(m[4], m[5]), shifted_word(m[5], m[6]), shifted_word(m[6], m[7]),
        shifted_word(m[7], m[8]), shifted_word(m[8], m[9]), shifted_word(m[9], m[10]), shifted_word(m[10], m[11]),
        shifted_word(m[11], m[12]), shifted_word(m[12], m[13]), shifted_word(m[13], m[14]), shifted_word(m[14], m[15]),
    ), vec2(0u), 64u, mode | BLAKE3_CHUNK_START);
    return blake3_compress(chaining_value, Block(
        m[15] >> 24u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u,
    ), vec2(0u), 1u, mode | BLAKE3_CHUNK_END | BLAKE3_ROOT);
}

// A word of the message shifted by one byte: the last byte of `previous`, then the
// first three of `word`.
fn shifted_word(previous: u32, word: u32) -> u32 {
    return (previous >> 24u) | (word << 8u);
}

// A leaf in the hash's word order. BLAKE3's words are little-endian, as buffers are.
fn words_from_bytes(d: Digest) -> Digest {
    return d;
}
