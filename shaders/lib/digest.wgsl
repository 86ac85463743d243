// Eight words of 32 bits: a digest, a chaining value or a tree node.
struct Digest {
    low: vec4<u32>,
    high: vec4<u32>,
}

fn digests_equal(x: Digest, y: Digest) -> bool {
    return all(x.low == y.low) && all(x.high == y.high);
}

// Reverses the bytes of a word.
fn swap_bytes(x: u32) -> u32 {
    return (((x << 8u) | (x >> 24u)) & 0x00ff00ffu) | (((x >> 8u) | (x << 24u)) & 0xff00ff00u);
}

// Reverses the bytes of each word: between little-endian words and SHA-256's.
fn swap_digest_bytes(d: Digest) -> Digest {
    return Digest(
        vec4(swap_bytes(d.low.x), swap_bytes(d.low.y), swap_bytes(d.low.z), swap_bytes(d.low.w)),
        vec4(swap_bytes(d.high.x), swap_bytes(d.high.y), swap_bytes(d.high.z), swap_bytes(d.high.w)),
    );
}
