// SHA-256 (FIPS 180-4, section 6.2). Straight-line code over named values and constant
// indices: drivers then keep the state and the schedule in registers. Words are in
// SHA-256's order; `swap_block_bytes` and `swap_digest_bytes` convert from and to
// little-endian words of bytes.

// The working variables or a hash value.
struct Sha256State {
    a: u32,
    b: u32,
    c: u32,
    d: u32,
    e: u32,
    f: u32,
    g: u32,
    h: u32,
}

// A message block, or sixteen words of the schedule.
alias Block = array<u32, 16>;

// The round constants K (section 4.2.2), sixteen rounds each.
const SHA256_K0 = Block(
    0x428a2f98u, 0x71374491u, 0xb5c0fbcfu, 0xe9b5dba5u,
    0x3956c25bu, 0x59f111f1u, 0x923f82a4u, 0xab1c5ed5u,
    0xd807aa98u, 0x12835b01u, 0x243185beu, 0x550c7dc3u,
    0x72be5d74u, 0x80deb1feu, 0x9bdc06a7u, 0xc19bf174u,
);
const SHA256_K1 = Block(
    0xe49b69c1u, 0xefbe4786u, 0x0fc19dc6u, 0x240ca1ccu,
    0x2de92c6fu, 0x4a7484aau, 0x5cb0a9dcu, 0x76f988dau,
    0x983e5152u, 0xa831c66du, 0xb00327c8u, 0xbf597fc7u,
    0xc6e00bf3u, 0xd5a79147u, 0x06ca6351u, 0x14292967u,
);
const SHA256_K2 = Block(
    0x27b70a85u, 0x2e1b2138u, 0x4d2c6dfcu, 0x53380d13u,
    0x650a7354u, 0x766a0abbu, 0x81c2c92eu, 0x92722c85u,
    0xa2bfe8a1u, 0xa81a664bu, 0xc24b8b70u, 0xc76c51a3u,
    0xd192e819u, 0xd6990624u, 0xf40e3585u, 0x106aa070u,
);
const SHA256_K3 = Block(
    0x19a4c116u, 0x1e376c08u, 0x2748774cu, 0x34b0bcb5u,
    0x391c0cb3u, 0x4ed8aa4au, 0x5b9cca4fu, 0x682e6ff3u,
    0x748f82eeu, 0x78a5636fu, 0x84c87814u, 0x8cc70208u,
    0x90befffau, 0xa4506cebu, 0xbef9a3f7u, 0xc67178f2u,
);

// K_t + W_t for the padding block of a message of 64 bytes.
const SHA256_PADDING64_KW0 = Block(
    0xc28a2f98u, 0x71374491u, 0xb5c0fbcfu, 0xe9b5dba5u,
    0x3956c25bu, 0x59f111f1u, 0x923f82a4u, 0xab1c5ed5u,
    0xd807aa98u, 0x12835b01u, 0x243185beu, 0x550c7dc3u,
    0x72be5d74u, 0x80deb1feu, 0x9bdc06a7u, 0xc19bf374u,
);
const SHA256_PADDING64_KW1 = Block(
    0x649b69c1u, 0xf0fe4786u, 0x0fe1edc6u, 0x240cf254u,
    0x4fe9346fu, 0x6cc984beu, 0x61b9411eu, 0x16f988fau,
    0xf2c65152u, 0xa88e5a6du, 0xb019fc65u, 0xb9d99ec7u,
    0x9a1231c3u, 0xe70eeaa0u, 0xfdb1232bu, 0xc7353eb0u,
);
const SHA256_PADDING64_KW2 = Block(
    0x3069bad5u, 0xcb976d5fu, 0x5a0f118fu, 0xdc1eeefdu,
    0x0a35b689u, 0xde0b7a04u, 0x58f4ca9du, 0xe15d5b16u,
    0x007f3e86u, 0x37088980u, 0xa507ea32u, 0x6fab9537u,
    0x17406110u, 0x0d8cd6f1u, 0xcdaa3b6du, 0xc0bbbe37u,
);
const SHA256_PADDING64_KW3 = Block(
    0x83613bdau, 0xdb48a363u, 0x0b02e931u, 0x6fd15ca7u,
    0x521afacau, 0x31338431u, 0x6ed41a95u, 0x6d437890u,
    0xc39c91f2u, 0x9eccabbdu, 0xb5c9a0e6u, 0x532fb63cu,
    0xd2c741c6u, 0x07237ea3u, 0xa4954b68u, 0x4c191d76u,
);

// The initial hash value (section 5.3.3).
fn sha256_initial() -> Sha256State {
    return Sha256State(
        0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au,
        0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u,
    );
}

fn rotate_right(x: u32, n: u32) -> u32 {
    return (x >> n) | (x << (32u - n));
}

// One round (section 6.2.2, step 3); `kw` is K_t + W_t.
fn sha256_round(s: Sha256State, kw: u32) -> Sha256State {
    let big_sigma1 = rotate_right(s.e, 6u) ^ rotate_right(s.e, 11u) ^ rotate_right(s.e, 25u);
    let t1 = s.h + big_sigma1 + (s.g ^ (s.e & (s.f ^ s.g))) + kw;
    let big_sigma0 = rotate_right(s.a, 2u) ^ rotate_right(s.a, 13u) ^ rotate_right(s.a, 22u);
    let t2 = big_sigma0 + ((s.a & s.b) | (s.c & (s.a | s.b)));
    return Sha256State(t1 + t2, s.a, s.b, s.c, s.d + t1, s.e, s.f, s.g);
}

// Sixteen rounds with the constants k and the schedule words w.
fn sha256_sixteen_rounds(start: Sha256State, k: Block, w: Block) -> Sha256State {
    var s = start;
    s = sha256_round(s, k[0] + w[0]);
    s = sha256_round(s, k[1] + w[1]);
    s = sha256_round(s, k[2] + w[2]);
    s = sha256_round(s, k[3] + w[3]);
    s = sha256_round(s, k[4] + w[4]);
    s = sha256_round(s, k[5] + w[5]);
    s = sha256_round(s, k[6] + w[6]);
    s = sha256_round(s, k[7] + w[7]);
    s = sha256_round(s, k[8] + w[8]);
    s = sha256_round(s, k[9] + w[9]);
    s = sha256_round(s, k[10] + w[10]);
    s = sha256_round(s, k[11] + w[11]);
    s = sha256_round(s, k[12] + w[12]);
    s = sha256_round(s, k[13] + w[13]);
    s = sha256_round(s, k[14] + w[14]);
    s = sha256_round(s, k[15] + w[15]);
    return s;
}

// Sixteen rounds whose K_t + W_t are known.
fn sha256_sixteen_rounds_kw(start: Sha256State, kw: Block) -> Sha256State {
    var s = start;
    s = sha256_round(s, kw[0]);
    s = sha256_round(s, kw[1]);
    s = sha256_round(s, kw[2]);
    s = sha256_round(s, kw[3]);
    s = sha256_round(s, kw[4]);
    s = sha256_round(s, kw[5]);
    s = sha256_round(s, kw[6]);
    s = sha256_round(s, kw[7]);
    s = sha256_round(s, kw[8]);
    s = sha256_round(s, kw[9]);
    s = sha256_round(s, kw[10]);
    s = sha256_round(s, kw[11]);
    s = sha256_round(s, kw[12]);
    s = sha256_round(s, kw[13]);
    s = sha256_round(s, kw[14]);
    s = sha256_round(s, kw[15]);
    return s;
}

// σ0 and σ1 (section 4.1.2).
fn sha256_sigma0(x: u32) -> u32 {
    return rotate_right(x, 7u) ^ rotate_right(x, 18u) ^ (x >> 3u);
}

fn sha256_sigma1(x: u32) -> u32 {
    return rotate_right(x, 17u) ^ rotate_right(x, 19u) ^ (x >> 10u);
}

// The next sixteen words of the schedule, W_(t+16) to W_(t+31) from W_t to W_(t+15).
fn sha256_expand(w: Block) -> Block {
    let w16 = sha256_sigma1(w[14]) + w[9] + sha256_sigma0(w[1]) + w[0];
    let w17 = sha256_sigma1(w[15]) + w[10] + sha256_sigma0(w[2]) + w[1];
    let w18 = sha256_sigma1(w16) + w[11] + sha256_sigma0(w[3]) + w[2];
    let w19 = sha256_sigma1(w17) + w[12] + sha256_sigma0(w[4]) + w[3];
    let w20 = sha256_sigma1(w18) + w[13] + sha256_sigma0(w[5]) + w[4];
    let w21 = sha256_sigma1(w19) + w[14] + sha256_sigma0(w[6]) + w[5];
    let w22 = sha256_sigma1(w20) + w[15] + sha256_sigma0(w[7]) + w[6];
    let w23 = sha256_sigma1(w21) + w16 + sha256_sigma0(w[8]) + w[7];
    let w24 = sha256_sigma1(w22) + w17 + sha256_sigma0(w[9]) + w[8];
    let w25 = sha256_sigma1(w23) + w18 + sha256_sigma0(w[10]) + w[9];
    let w26 = sha256_sigma1(w24) + w19 + sha256_sigma0(w[11]) + w[10];
    let w27 = sha256_sigma1(w25) + w20 + sha256_sigma0(w[12]) + w[11];
    let w28 = sha256_sigma1(w26) + w21 + sha256_sigma0(w[13]) + w[12];
    let w29 = sha256_sigma1(w27) + w22 + sha256_sigma0(w[14]) + w[13];
    let w30 = sha256_sigma1(w28) + w23 + sha256_sigma0(w[15]) + w[14];
    let w31 = sha256_sigma1(w29) + w24 + sha256_sigma0(w16) + w[15];
    return Block(
        w16, w17, w18, w19, w20, w21, w22, w23,
        w24, w25, w26, w27, w28, w29, w30, w31,
    );
}

// The hash value before a block plus the working variables after its rounds.
fn sha256_feed_forward(x: Sha256State, y: Sha256State) -> Sha256State {
    return Sha256State(x.a + y.a, x.b + y.b, x.c + y.c, x.d + y.d, x.e + y.e, x.f + y.f, x.g + y.g, x.h + y.h);
}

// Compresses one block.
fn sha256_compress(chaining_value: Sha256State, w0: Block) -> Sha256State {
    let w16 = sha256_expand(w0);
    let w32 = sha256_expand(w16);
    let w48 = sha256_expand(w32);
    var s = sha256_sixteen_rounds(chaining_value, SHA256_K0, w0);
    s = sha256_sixteen_rounds(s, SHA256_K1, w16);
    s = sha256_sixteen_rounds(s, SHA256_K2, w32);
    s = sha256_sixteen_rounds(s, SHA256_K3, w48);
    return sha256_feed_forward(chaining_value, s);
}

// Compresses the padding block of a message of 64 bytes.
fn sha256_compress_padding64(chaining_value: Sha256State) -> Sha256State {
    var s = sha256_sixteen_rounds_kw(chaining_value, SHA256_PADDING64_KW0);
    s = sha256_sixteen_rounds_kw(s, SHA256_PADDING64_KW1);
    s = sha256_sixteen_rounds_kw(s, SHA256_PADDING64_KW2);
    s = sha256_sixteen_rounds_kw(s, SHA256_PADDING64_KW3);
    return sha256_feed_forward(chaining_value, s);
}

// SHA-256 of a digest.
fn sha256_hash_digest(d: Sha256State) -> Sha256State {
    return sha256_compress(
        sha256_initial(),
        Block(d.a, d.b, d.c, d.d, d.e, d.f, d.g, d.h, 0x80000000u, 0u, 0u, 0u, 0u, 0u, 0u, 256u),
    );
}

// Reverses the bytes of each word: from little-endian words to SHA-256's.
fn swap_block_bytes(b: Block) -> Block {
    return Block(
        swap_bytes(b[0]), swap_bytes(b[1]), swap_bytes(b[2]), swap_bytes(b[3]),
        swap_bytes(b[4]), swap_bytes(b[5]), swap_bytes(b[6]), swap_bytes(b[7]),
        swap_bytes(b[8]), swap_bytes(b[9]), swap_bytes(b[10]), swap_bytes(b[11]),
        swap_bytes(b[12]), swap_bytes(b[13]), swap_bytes(b[14]), swap_bytes(b[15]),
    );
}

fn sha256_to_digest(s: Sha256State) -> Digest {
    return Digest(vec4(s.a, s.b, s.c, s.d), vec4(s.e, s.f, s.g, s.h));
}

fn sha256_from_digest(d: Digest) -> Sha256State {
    return Sha256State(d.low.x, d.low.y, d.low.z, d.low.w, d.high.x, d.high.y, d.high.z, d.high.w);
}
