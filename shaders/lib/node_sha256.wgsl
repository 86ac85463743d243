// A tree's node by SHA-256, over words in the hash's own order.

// Whether a byte 0x01 comes before the children (RFC 6962).
override PREFIXED: bool = false;
// Whether the digest is hashed again (Bitcoin).
override TWICE: bool = false;

fn node(left: Digest, right: Digest) -> Digest {
    var s: Sha256;
    if PREFIXED {
        s = sha256_prefixed(left, right);
    } else {
        s = sha256_pad64(sha256_compress(sha256_initial(), Block(
            left.low.x, left.low.y, left.low.z, left.low.w,
            left.high.x, left.high.y, left.high.z, left.high.w,
            right.low.x, right.low.y, right.low.z, right.low.w,
            right.high.x, right.high.y, right.high.z, right.high.w,
        )));
    }
    if TWICE {
        s = sha256_again(s);
    }
    return sha256_digest(s);
}

// The word that starts with the last byte of `before`.
fn late(before: u32, word: u32) -> u32 {
    return (before << 24u) | (word >> 8u);
}

fn sha256_prefixed(l: Digest, r: Digest) -> Sha256 {
    let s = sha256_compress(sha256_initial(), Block(
        late(0x01u, l.low.x), late(l.low.x, l.low.y), late(l.low.y, l.low.z), late(l.low.z, l.low.w),
        late(l.low.w, l.high.x), late(l.high.x, l.high.y), late(l.high.y, l.high.z), late(l.high.z, l.high.w),
        late(l.high.w, r.low.x), late(r.low.x, r.low.y), late(r.low.y, r.low.z), late(r.low.z, r.low.w),
        late(r.low.w, r.high.x), late(r.high.x, r.high.y), late(r.high.y, r.high.z), late(r.high.z, r.high.w),
    ));
    let last = (r.high.w << 24u) | 0x00800000u;
    return sha256_compress(s, Block(last, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 520u));
}

// Digests come as bytes; SHA-256 counts them from the high end of a word.
fn from_bytes(d: Digest) -> Digest {
    return swapped(d);
}
