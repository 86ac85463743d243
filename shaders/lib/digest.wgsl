// Eight words: a digest, a chaining value, a node.
struct Digest {
    low: vec4<u32>,
    high: vec4<u32>,
}

fn same(x: Digest, y: Digest) -> bool {
    return all(x.low == y.low) && all(x.high == y.high);
}

fn byte_swap(x: u32) -> u32 {
    return (((x << 8u) | (x >> 24u)) & 0x00ff00ffu) | (((x >> 8u) | (x << 24u)) & 0xff00ff00u);
}

// A digest's words from bytes in big-endian order, and back.
fn swapped(d: Digest) -> Digest {
    return Digest(
        vec4(byte_swap(d.low.x), byte_swap(d.low.y), byte_swap(d.low.z), byte_swap(d.low.w)),
        vec4(byte_swap(d.high.x), byte_swap(d.high.y), byte_swap(d.high.z), byte_swap(d.high.w)),
    );
}
