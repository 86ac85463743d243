// Nonce search: SHA-256d of a header whose nonce lies in its last block.
//
// The host has hashed the blocks before it and the rounds up to the nonce's. Of the
// schedule it has summed what the nonce does not reach: with v the words that the
// nonce reaches, and 0 in place of the others,
//     w[t] = constant[t] + small1(v[t-2]) + v[t-7] + small0(v[t-15]) + v[t-16].
// From word 48 on the nonce reaches everything. The second hash ends early: its last
// word, the number's highest, is settled three rounds before the end.

// The nonce's word in the last block, from 0 to 13.
override NONCE_WORD: u32;
// Bit t: whether the nonce reaches schedule word t.
override REACHED_LOW: u32;
override REACHED_HIGH: u32;

const NONCES = 32u;
const WORKGROUP = 128u;

struct Params {
    first: u32,
    count: u32,
    // Lanes of the dispatch.
    stride: u32,
}

struct Puzzle {
    // The chaining value before the last block.
    chain: Digest,
    // The state after the nonce's round, if the nonce were 0.
    start: Digest,
    // Lowest word first.
    bound: Digest,
    // constant[t], and the same plus the round's constant.
    constants: array<vec4<u32>, 16>,
    folded: array<vec4<u32>, 16>,
}

var<immediate> params: Params;
@group(0) @binding(0) var<uniform> puzzle: Puzzle;
// The complement of the lowest hit, counted from `first`; 0 while there is none.
@group(0) @binding(1) var<storage, read_write> best: atomic<u32>;

fn folded(t: u32) -> u32 {
    return puzzle.folded[t / 4u][t % 4u];
}

// Schedule word t if the nonce reaches it, else 0; `x` is its variable part.
fn variable(t: u32, x: u32) -> u32 {
    let reached = (select(REACHED_LOW, REACHED_HIGH, t >= 32u) >> (t % 32u)) & 1u;
    return select(0u, puzzle.constants[t / 4u][t % 4u] + x, reached != 0u);
}

// Round t of a word that the nonce does not reach; the host has done those before it.
fn known_round(s: Sha256, t: u32) -> Sha256 {
    if t > NONCE_WORD {
        return sha256_round(s, folded(t));
    }
    return s;
}

fn first_hash(nonce: u32) -> Sha256 {
    let word = byte_swap(nonce);
    var s = sha256_state(puzzle.start);
    s.a += word;
    s.e += word;
    s = known_round(s, 1u);
    s = known_round(s, 2u);
    s = known_round(s, 3u);
    s = known_round(s, 4u);
    s = known_round(s, 5u);
    s = known_round(s, 6u);
    s = known_round(s, 7u);
    s = known_round(s, 8u);
    s = known_round(s, 9u);
    s = known_round(s, 10u);
    s = known_round(s, 11u);
    s = known_round(s, 12u);
    s = known_round(s, 13u);
    s = known_round(s, 14u);
    s = known_round(s, 15u);
    let v0 = select(0u, word, NONCE_WORD == 0u);
    let v1 = select(0u, word, NONCE_WORD == 1u);
    let v2 = select(0u, word, NONCE_WORD == 2u);
    let v3 = select(0u, word, NONCE_WORD == 3u);
    let v4 = select(0u, word, NONCE_WORD == 4u);
    let v5 = select(0u, word, NONCE_WORD == 5u);
    let v6 = select(0u, word, NONCE_WORD == 6u);
    let v7 = select(0u, word, NONCE_WORD == 7u);
    let v8 = select(0u, word, NONCE_WORD == 8u);
    let v9 = select(0u, word, NONCE_WORD == 9u);
    let v10 = select(0u, word, NONCE_WORD == 10u);
    let v11 = select(0u, word, NONCE_WORD == 11u);
    let v12 = select(0u, word, NONCE_WORD == 12u);
    let v13 = select(0u, word, NONCE_WORD == 13u);
    let v14 = select(0u, word, NONCE_WORD == 14u);
    let v15 = select(0u, word, NONCE_WORD == 15u);
    let x16 = sha256_small1(v14) + v9 + sha256_small0(v1) + v0;
    s = sha256_round(s, folded(16u) + x16);
    let v16 = variable(16u, x16);
    let x17 = sha256_small1(v15) + v10 + sha256_small0(v2) + v1;
    s = sha256_round(s, folded(17u) + x17);
    let v17 = variable(17u, x17);
    let x18 = sha256_small1(v16) + v11 + sha256_small0(v3) + v2;
    s = sha256_round(s, folded(18u) + x18);
    let v18 = variable(18u, x18);
    let x19 = sha256_small1(v17) + v12 + sha256_small0(v4) + v3;
    s = sha256_round(s, folded(19u) + x19);
    let v19 = variable(19u, x19);
    let x20 = sha256_small1(v18) + v13 + sha256_small0(v5) + v4;
    s = sha256_round(s, folded(20u) + x20);
    let v20 = variable(20u, x20);
    let x21 = sha256_small1(v19) + v14 + sha256_small0(v6) + v5;
    s = sha256_round(s, folded(21u) + x21);
    let v21 = variable(21u, x21);
    let x22 = sha256_small1(v20) + v15 + sha256_small0(v7) + v6;
    s = sha256_round(s, folded(22u) + x22);
    let v22 = variable(22u, x22);
    let x23 = sha256_small1(v21) + v16 + sha256_small0(v8) + v7;
    s = sha256_round(s, folded(23u) + x23);
    let v23 = variable(23u, x23);
    let x24 = sha256_small1(v22) + v17 + sha256_small0(v9) + v8;
    s = sha256_round(s, folded(24u) + x24);
    let v24 = variable(24u, x24);
    let x25 = sha256_small1(v23) + v18 + sha256_small0(v10) + v9;
    s = sha256_round(s, folded(25u) + x25);
    let v25 = variable(25u, x25);
    let x26 = sha256_small1(v24) + v19 + sha256_small0(v11) + v10;
    s = sha256_round(s, folded(26u) + x26);
    let v26 = variable(26u, x26);
    let x27 = sha256_small1(v25) + v20 + sha256_small0(v12) + v11;
    s = sha256_round(s, folded(27u) + x27);
    let v27 = variable(27u, x27);
    let x28 = sha256_small1(v26) + v21 + sha256_small0(v13) + v12;
    s = sha256_round(s, folded(28u) + x28);
    let v28 = variable(28u, x28);
    let x29 = sha256_small1(v27) + v22 + sha256_small0(v14) + v13;
    s = sha256_round(s, folded(29u) + x29);
    let v29 = variable(29u, x29);
    let x30 = sha256_small1(v28) + v23 + sha256_small0(v15) + v14;
    s = sha256_round(s, folded(30u) + x30);
    let v30 = variable(30u, x30);
    let x31 = sha256_small1(v29) + v24 + sha256_small0(v16) + v15;
    s = sha256_round(s, folded(31u) + x31);
    let v31 = variable(31u, x31);
    let x32 = sha256_small1(v30) + v25 + sha256_small0(v17) + v16;
    s = sha256_round(s, folded(32u) + x32);
    let v32 = variable(32u, x32);
    let x33 = sha256_small1(v31) + v26 + sha256_small0(v18) + v17;
    s = sha256_round(s, folded(33u) + x33);
    let v33 = variable(33u, x33);
    let x34 = sha256_small1(v32) + v27 + sha256_small0(v19) + v18;
    s = sha256_round(s, folded(34u) + x34);
    let v34 = variable(34u, x34);
    let x35 = sha256_small1(v33) + v28 + sha256_small0(v20) + v19;
    s = sha256_round(s, folded(35u) + x35);
    let v35 = variable(35u, x35);
    let x36 = sha256_small1(v34) + v29 + sha256_small0(v21) + v20;
    s = sha256_round(s, folded(36u) + x36);
    let v36 = variable(36u, x36);
    let x37 = sha256_small1(v35) + v30 + sha256_small0(v22) + v21;
    s = sha256_round(s, folded(37u) + x37);
    let v37 = variable(37u, x37);
    let x38 = sha256_small1(v36) + v31 + sha256_small0(v23) + v22;
    s = sha256_round(s, folded(38u) + x38);
    let v38 = variable(38u, x38);
    let x39 = sha256_small1(v37) + v32 + sha256_small0(v24) + v23;
    s = sha256_round(s, folded(39u) + x39);
    let v39 = variable(39u, x39);
    let x40 = sha256_small1(v38) + v33 + sha256_small0(v25) + v24;
    s = sha256_round(s, folded(40u) + x40);
    let v40 = variable(40u, x40);
    let x41 = sha256_small1(v39) + v34 + sha256_small0(v26) + v25;
    s = sha256_round(s, folded(41u) + x41);
    let v41 = variable(41u, x41);
    let x42 = sha256_small1(v40) + v35 + sha256_small0(v27) + v26;
    s = sha256_round(s, folded(42u) + x42);
    let v42 = variable(42u, x42);
    let x43 = sha256_small1(v41) + v36 + sha256_small0(v28) + v27;
    s = sha256_round(s, folded(43u) + x43);
    let v43 = variable(43u, x43);
    let x44 = sha256_small1(v42) + v37 + sha256_small0(v29) + v28;
    s = sha256_round(s, folded(44u) + x44);
    let v44 = variable(44u, x44);
    let x45 = sha256_small1(v43) + v38 + sha256_small0(v30) + v29;
    s = sha256_round(s, folded(45u) + x45);
    let v45 = variable(45u, x45);
    let x46 = sha256_small1(v44) + v39 + sha256_small0(v31) + v30;
    s = sha256_round(s, folded(46u) + x46);
    let v46 = variable(46u, x46);
    let x47 = sha256_small1(v45) + v40 + sha256_small0(v32) + v31;
    s = sha256_round(s, folded(47u) + x47);
    let v47 = variable(47u, x47);
    let w48 = sha256_schedule(Block(
        v32, v33, v34, v35, v36, v37, v38, v39,
        v40, v41, v42, v43, v44, v45, v46, v47,
    ));
    s = sha256_sixteen_rounds(s, SHA256_K3, w48);
    return sha256_add(sha256_state(puzzle.chain), s);
}

// Whether SHA-256 of `d`, as a little-endian number, is not above the bound.
fn again_meets(d: Sha256) -> bool {
    let w0 = Block(d.a, d.b, d.c, d.d, d.e, d.f, d.g, d.h, 0x80000000u, 0u, 0u, 0u, 0u, 0u, 0u, 256u);
    let w16 = sha256_schedule(w0);
    let w32 = sha256_schedule(w16);
    let w48 = sha256_schedule(w32);
    let initial = sha256_initial();
    var s = sha256_sixteen_rounds(initial, SHA256_K0, w0);
    s = sha256_sixteen_rounds(s, SHA256_K1, w16);
    s = sha256_sixteen_rounds(s, SHA256_K2, w32);
    s = sha256_round(s, SHA256_K3[0] + w48[0]);
    s = sha256_round(s, SHA256_K3[1] + w48[1]);
    s = sha256_round(s, SHA256_K3[2] + w48[2]);
    s = sha256_round(s, SHA256_K3[3] + w48[3]);
    s = sha256_round(s, SHA256_K3[4] + w48[4]);
    s = sha256_round(s, SHA256_K3[5] + w48[5]);
    s = sha256_round(s, SHA256_K3[6] + w48[6]);
    s = sha256_round(s, SHA256_K3[7] + w48[7]);
    s = sha256_round(s, SHA256_K3[8] + w48[8]);
    s = sha256_round(s, SHA256_K3[9] + w48[9]);
    s = sha256_round(s, SHA256_K3[10] + w48[10]);
    s = sha256_round(s, SHA256_K3[11] + w48[11]);
    s = sha256_round(s, SHA256_K3[12] + w48[12]);
    if byte_swap(initial.h + s.e) > puzzle.bound.high.w {
        return false;
    }
    s = sha256_round(s, SHA256_K3[13] + w48[13]);
    s = sha256_round(s, SHA256_K3[14] + w48[14]);
    s = sha256_round(s, SHA256_K3[15] + w48[15]);
    return at_most(swapped(sha256_digest(sha256_add(initial, s))), puzzle.bound);
}

fn at_most(x: Digest, y: Digest) -> bool {
    var result = true;
    for (var i = 0u; i < 4u; i++) {
        if x.low[i] != y.low[i] {
            result = x.low[i] < y.low[i];
        }
    }
    for (var i = 0u; i < 4u; i++) {
        if x.high[i] != y.high[i] {
            result = x.high[i] < y.high[i];
        }
    }
    return result;
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    var offset = flat_group(group, groups) * WORKGROUP + lane;
    for (var i = 0u; i < NONCES; i++) {
        // Offsets only rise: past a hit, no lower one is to be found.
        if offset >= params.count || offset > ~atomicLoad(&best) {
            return;
        }
        if again_meets(first_hash(params.first + offset)) {
            atomicMax(&best, ~offset);
            return;
        }
        offset += params.stride;
    }
}
