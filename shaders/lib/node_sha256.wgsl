// A Merkle node by SHA-256 or SHA-256d: the hash of left ‖ right or
// 0x01 ‖ left ‖ right, over words in SHA-256's order.

// Whether a byte 0x01 comes before the children (RFC 6962, section 2.1).
override PREFIXED: bool = false;
// Whether the hash is SHA-256d, SHA-256 of the digest (Bitcoin).
override TWICE: bool = false;

fn hash_node(left: Digest, right: Digest) -> Digest {
    var s: Sha256State;
    if PREFIXED {
        s = sha256_prefixed_node(left, right);
    } else {
        s = sha256_compress_padding64(sha256_compress(sha256_initial(), Block(
            left.low.x, left.low.y, left.low.z, left.low.w,
            left.high.x, left.high.y, left.high.z, left.high.w,
            right.low.x, right.low.y, right.low.z, right.low.w,
            right.high.x, right.high.y, right.high.z, right.high.w,
        )));
    }
    if TWICE {
        s = sha256_hash_digest(s);
    }
    return sha256_to_digest(s);
}

// A word of the message shifted by one byte: the last byte of `previous`, then the
// first three of `word`.
fn shifted_word(previous: u32, word: u32) -> u32 {
    return (previous << 24u) | (word >> 8u);
}

// SHA-256 of the 65 bytes 0x01 ‖ l ‖ r.
fn sha256_prefixed_node(l: Digest, r: Digest) -> Sha256State {
    let s = sha256_compress(sha256_initial(), Block(
        shifted_word(0x01u, l.low.x), shifted_word(l.low.x, l.low.y),
        shifted_word(l.low.y, l.low.z), shifted_word(l.low.z, l.low.w),
        shifted_word(l.low.w, l.high.x), shifted_word(l.high.x, l.high.y),
        shifted_word(l.high.y, l.high.z), shifted_word(l.high.z, l.high.w),
        shifted_word(l.high.w, r.low.x), shifted_word(r.low.x, r.low.y),
        shifted_word(r.low.y, r.low.z), shifted_word(r.low.z, r.low.w),
        shifted_word(r.low.w, r.high.x), shifted_word(r.high.x, r.high.y),
        shifted_word(r.high.y, r.high.z), shifted_word(r.high.z, r.high.w),
    ));
    let last = (r.high.w << 24u) | 0x00800000u;
    return sha256_compress(s, Block(last, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 520u));
}

// A leaf in the hash's word order. SHA-256's words are big-endian, buffers'
// little-endian.
fn words_from_bytes(d: Digest) -> Digest {
    return swap_digest_bytes(d);
}
