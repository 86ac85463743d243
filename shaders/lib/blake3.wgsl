// BLAKE3's compression function (the BLAKE3 paper, section 2.2). Each vector holds one
// row of the 4 × 4 state, so that one G serves four columns or diagonals. Constant
// indices apply the message permutation at no cost.

// A message block.
alias Block = array<u32, 16>;

// Domain separation flags (section 2.2, table 3).
const BLAKE3_CHUNK_START = 1u;
const BLAKE3_CHUNK_END = 2u;
const BLAKE3_PARENT = 4u;
const BLAKE3_ROOT = 8u;

// The rows of the state.
struct Blake3State {
    a: vec4<u32>,
    b: vec4<u32>,
    c: vec4<u32>,
    d: vec4<u32>,
}

fn rotate_right4(x: vec4<u32>, n: u32) -> vec4<u32> {
    return (x >> vec4(n)) | (x << vec4(32u - n));
}

// G on the four columns, with the message words x and y.
fn blake3_g(s: Blake3State, x: vec4<u32>, y: vec4<u32>) -> Blake3State {
    var a = s.a + s.b + x;
    var d = rotate_right4(s.d ^ a, 16u);
    var c = s.c + d;
    var b = rotate_right4(s.b ^ c, 12u);
    a = a + b + y;
    d = rotate_right4(d ^ a, 8u);
    c = c + d;
    b = rotate_right4(b ^ c, 7u);
    return Blake3State(a, b, c, d);
}

// One round: G on the columns, then on the diagonals.
fn blake3_round(s: Blake3State, x0: vec4<u32>, y0: vec4<u32>, x1: vec4<u32>, y1: vec4<u32>) -> Blake3State {
    let t = blake3_g(s, x0, y0);
    let u = blake3_g(Blake3State(t.a, t.b.yzwx, t.c.zwxy, t.d.wxyz), x1, y1);
    return Blake3State(u.a, u.b.wxyz, u.c.zwxy, u.d.yzwx);
}

// The first 8 words of the output: a chaining value, or a digest with BLAKE3_ROOT.
// `length` is the number of bytes in the block.
fn blake3_compress(chaining_value: Digest, m: Block, counter: vec2<u32>, length: u32, flags: u32) -> Digest {
    let initial = vec4(0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au);
    var s = Blake3State(chaining_value.low, chaining_value.high, initial, vec4(counter, length, flags));
    s = blake3_round(s, vec4(m[0], m[2], m[4], m[6]), vec4(m[1], m[3], m[5], m[7]), vec4(m[8], m[10], m[12], m[14]), vec4(m[9], m[11], m[13], m[15]));
    s = blake3_round(s, vec4(m[2], m[3], m[7], m[4]), vec4(m[6], m[10], m[0], m[13]), vec4(m[1], m[12], m[9], m[15]), vec4(m[11], m[5], m[14], m[8]));
    s = blake3_round(s, vec4(m[3], m[10], m[13], m[7]), vec4(m[4], m[12], m[2], m[14]), vec4(m[6], m[9], m[11], m[8]), vec4(m[5], m[0], m[15], m[1]));
    s = blake3_round(s, vec4(m[10], m[12], m[14], m[13]), vec4(m[7], m[9], m[3], m[15]), vec4(m[4], m[11], m[5], m[1]), vec4(m[0], m[2], m[8], m[6]));
    s = blake3_round(s, vec4(m[12], m[9], m[15], m[14]), vec4(m[13], m[11], m[10], m[8]), vec4(m[7], m[5], m[0], m[6]), vec4(m[2], m[3], m[1], m[4]));
    s = blake3_round(s, vec4(m[9], m[11], m[8], m[15]), vec4(m[14], m[5], m[12], m[1]), vec4(m[13], m[0], m[2], m[4]), vec4(m[3], m[10], m[6], m[7]));
    s = blake3_round(s, vec4(m[11], m[5], m[1], m[8]), vec4(m[15], m[0], m[9], m[6]), vec4(m[14], m[2], m[3], m[7]), vec4(m[10], m[12], m[4], m[13]));
    return Digest(s.a ^ s.c, s.b ^ s.d);
}

// The parent node's chaining value (section 2.4).
fn blake3_parent(key: Digest, left: Digest, right: Digest, flags: u32) -> Digest {
    return blake3_compress(key, blake3_concat(left, right), vec2(0u), 64u, BLAKE3_PARENT | flags);
}

// The block of two chaining values, left ‖ right.
fn blake3_concat(left: Digest, right: Digest) -> Block {
    return Block(
        left.low.x, left.low.y, left.low.z, left.low.w, left.high.x, left.high.y, left.high.z, left.high.w,
        right.low.x, right.low.y, right.low.z, right.low.w, right.high.x, right.high.y, right.high.z, right.high.w,
    );
}
