// Nonce search: SHA-256d of a header whose nonce lies in its last block. Each invocation
// tries up to 32 nonces, `stride` apart, and stops at its first hit.
//
// The host has computed the midstate, the rounds up to the nonce's word, and the part of
// the schedule that does not depend on the nonce. With v_t = W_t where W_t depends on
// the nonce and v_t = 0 elsewhere,
//     W_t = constant_t + σ1(v_(t−2)) + v_(t−7) + σ0(v_(t−15)) + v_(t−16).
// From W_48 on all words depend on the nonce. The second hash ends early: the digest's
// last word, the most significant of the number, is known three rounds before the end
// and rejects nearly all nonces.
//
// Bindings: 0 the puzzle, 1 the best hit.

// The nonce's word in the last block, from 0 to 13.
override NONCE_WORD: u32;
// Bit t says whether W_t depends on the nonce.
override NONCE_DEPENDENT_LOW: u32;
override NONCE_DEPENDENT_HIGH: u32;

const NONCES_PER_INVOCATION = 32u;
const WORKGROUP_SIZE = 128u;

struct Params {
    // The range of nonces of this dispatch.
    first: u32,
    count: u32,
    // Invocations of the dispatch.
    stride: u32,
}

struct Puzzle {
    // The hash value before the last block.
    midstate: Digest,
    // The working variables after the round of the nonce's word, for nonce 0.
    state_after_nonce: Digest,
    // The target, least significant word first.
    target_words: Digest,
    // constant_t, and constant_t + K_t.
    schedule_constants: array<vec4<u32>, 16>,
    schedule_plus_k: array<vec4<u32>, 16>,
}

var<immediate> params: Params;
@group(0) @binding(0) var<uniform> puzzle: Puzzle;
// The complement of the lowest hit's offset from `first`; 0 without a hit.
@group(0) @binding(1) var<storage, read_write> best: atomic<u32>;

fn schedule_plus_k(t: u32) -> u32 {
    return puzzle.schedule_plus_k[t / 4u][t % 4u];
}

// v_t, where W_t is constant_t + x.
fn nonce_dependent(t: u32, x: u32) -> u32 {
    let depends = (select(NONCE_DEPENDENT_LOW, NONCE_DEPENDENT_HIGH, t >= 32u) >> (t % 32u)) & 1u;
    return select(0u, puzzle.schedule_constants[t / 4u][t % 4u] + x, depends != 0u);
}

// Round t for a word that does not depend on the nonce; the host has computed the rounds
// up to the nonce's word.
fn constant_round(s: Sha256State, t: u32) -> Sha256State {
    if t > NONCE_WORD {
        return sha256_round(s, schedule_plus_k(t));
    }
    return s;
}

// SHA-256 of the header with this nonce.
fn first_hash(nonce: u32) -> Sha256State {
    let word = swap_bytes(nonce);
    var s = sha256_from_digest(puzzle.state_after_nonce);
    s.a += word;
    s.e += word;
    s = constant_round(s, 1u);
    s = constant_round(s, 2u);
    s = constant_round(s, 3u);
    s = constant_round(s, 4u);
    s = constant_round(s, 5u);
    s = constant_round(s, 6u);
    s = constant_round(s, 7u);
    s = constant_round(s, 8u);
    s = constant_round(s, 9u);
    s = constant_round(s, 10u);
    s = constant_round(s, 11u);
    s = constant_round(s, 12u);
    s = constant_round(s, 13u);
    s = constant_round(s, 14u);
    s = constant_round(s, 15u);
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
    let x16 = sha256_sigma1(v14) + v9 + sha256_sigma0(v1) + v0;
    s = sha256_round(s, schedule_plus_k(16u) + x16);
    let v16 = nonce_dependent(16u, x16);
    let x17 = sha256_sigma1(v15) + v10 + sha256_sigma0(v2) + v1;
    s = sha256_round(s, schedule_plus_k(17u) + x17);
    let v17 = nonce_dependent(17u, x17);
    let x18 = sha256_sigma1(v16) + v11 + sha256_sigma0(v3) + v2;
    s = sha256_round(s, schedule_plus_k(18u) + x18);
    let v18 = nonce_dependent(18u, x18);
    let x19 = sha256_sigma1(v17) + v12 + sha256_sigma0(v4) + v3;
    s = sha256_round(s, schedule_plus_k(19u) + x19);
    let v19 = nonce_dependent(19u, x19);
    let x20 = sha256_sigma1(v18) + v13 + sha256_sigma0(v5) + v4;
    s = sha256_round(s, schedule_plus_k(20u) + x20);
    let v20 = nonce_dependent(20u, x20);
    let x21 = sha256_sigma1(v19) + v14 + sha256_sigma0(v6) + v5;
    s = sha256_round(s, schedule_plus_k(21u) + x21);
    let v21 = nonce_dependent(21u, x21);
    let x22 = sha256_sigma1(v20) + v15 + sha256_sigma0(v7) + v6;
    s = sha256_round(s, schedule_plus_k(22u) + x22);
    let v22 = nonce_dependent(22u, x22);
    let x23 = sha256_sigma1(v21) + v16 + sha256_sigma0(v8) + v7;
    s = sha256_round(s, schedule_plus_k(23u) + x23);
    let v23 = nonce_dependent(23u, x23);
    let x24 = sha256_sigma1(v22) + v17 + sha256_sigma0(v9) + v8;
    s = sha256_round(s, schedule_plus_k(24u) + x24);
    let v24 = nonce_dependent(24u, x24);
    let x25 = sha256_sigma1(v23) + v18 + sha256_sigma0(v10) + v9;
    s = sha256_round(s, schedule_plus_k(25u) + x25);
    let v25 = nonce_dependent(25u, x25);
    let x26 = sha256_sigma1(v24) + v19 + sha256_sigma0(v11) + v10;
    s = sha256_round(s, schedule_plus_k(26u) + x26);
    let v26 = nonce_dependent(26u, x26);
    let x27 = sha256_sigma1(v25) + v20 + sha256_sigma0(v12) + v11;
    s = sha256_round(s, schedule_plus_k(27u) + x27);
    let v27 = nonce_dependent(27u, x27);
    let x28 = sha256_sigma1(v26) + v21 + sha256_sigma0(v13) + v12;
    s = sha256_round(s, schedule_plus_k(28u) + x28);
    let v28 = nonce_dependent(28u, x28);
    let x29 = sha256_sigma1(v27) + v22 + sha256_sigma0(v14) + v13;
    s = sha256_round(s, schedule_plus_k(29u) + x29);
    let v29 = nonce_dependent(29u, x29);
    let x30 = sha256_sigma1(v28) + v23 + sha256_sigma0(v15) + v14;
    s = sha256_round(s, schedule_plus_k(30u) + x30);
    let v30 = nonce_dependent(30u, x30);
    let x31 = sha256_sigma1(v29) + v24 + sha256_sigma0(v16) + v15;
    s = sha256_round(s, schedule_plus_k(31u) + x31);
    let v31 = nonce_dependent(31u, x31);
    let x32 = sha256_sigma1(v30) + v25 + sha256_sigma0(v17) + v16;
    s = sha256_round(s, schedule_plus_k(32u) + x32);
    let v32 = nonce_dependent(32u, x32);
    let x33 = sha256_sigma1(v31) + v26 + sha256_sigma0(v18) + v17;
    s = sha256_round(s, schedule_plus_k(33u) + x33);
    let v33 = nonce_dependent(33u, x33);
    let x34 = sha256_sigma1(v32) + v27 + sha256_sigma0(v19) + v18;
    s = sha256_round(s, schedule_plus_k(34u) + x34);
    let v34 = nonce_dependent(34u, x34);
    let x35 = sha256_sigma1(v33) + v28 + sha256_sigma0(v20) + v19;
    s = sha256_round(s, schedule_plus_k(35u) + x35);
    let v35 = nonce_dependent(35u, x35);
    let x36 = sha256_sigma1(v34) + v29 + sha256_sigma0(v21) + v20;
    s = sha256_round(s, schedule_plus_k(36u) + x36);
    let v36 = nonce_dependent(36u, x36);
    let x37 = sha256_sigma1(v35) + v30 + sha256_sigma0(v22) + v21;
    s = sha256_round(s, schedule_plus_k(37u) + x37);
    let v37 = nonce_dependent(37u, x37);
    let x38 = sha256_sigma1(v36) + v31 + sha256_sigma0(v23) + v22;
    s = sha256_round(s, schedule_plus_k(38u) + x38);
    let v38 = nonce_dependent(38u, x38);
    let x39 = sha256_sigma1(v37) + v32 + sha256_sigma0(v24) + v23;
    s = sha256_round(s, schedule_plus_k(39u) + x39);
    let v39 = nonce_dependent(39u, x39);
    let x40 = sha256_sigma1(v38) + v33 + sha256_sigma0(v25) + v24;
    s = sha256_round(s, schedule_plus_k(40u) + x40);
    let v40 = nonce_dependent(40u, x40);
    let x41 = sha256_sigma1(v39) + v34 + sha256_sigma0(v26) + v25;
    s = sha256_round(s, schedule_plus_k(41u) + x41);
    let v41 = nonce_dependent(41u, x41);
    let x42 = sha256_sigma1(v40) + v35 + sha256_sigma0(v27) + v26;
    s = sha256_round(s, schedule_plus_k(42u) + x42);
    let v42 = nonce_dependent(42u, x42);
    let x43 = sha256_sigma1(v41) + v36 + sha256_sigma0(v28) + v27;
    s = sha256_round(s, schedule_plus_k(43u) + x43);
    let v43 = nonce_dependent(43u, x43);
    let x44 = sha256_sigma1(v42) + v37 + sha256_sigma0(v29) + v28;
    s = sha256_round(s, schedule_plus_k(44u) + x44);
    let v44 = nonce_dependent(44u, x44);
    let x45 = sha256_sigma1(v43) + v38 + sha256_sigma0(v30) + v29;
    s = sha256_round(s, schedule_plus_k(45u) + x45);
    let v45 = nonce_dependent(45u, x45);
    let x46 = sha256_sigma1(v44) + v39 + sha256_sigma0(v31) + v30;
    s = sha256_round(s, schedule_plus_k(46u) + x46);
    let v46 = nonce_dependent(46u, x46);
    let x47 = sha256_sigma1(v45) + v40 + sha256_sigma0(v32) + v31;
    s = sha256_round(s, schedule_plus_k(47u) + x47);
    let v47 = nonce_dependent(47u, x47);
    let w48 = sha256_expand(Block(
        v32, v33, v34, v35, v36, v37, v38, v39,
        v40, v41, v42, v43, v44, v45, v46, v47,
    ));
    s = sha256_sixteen_rounds(s, SHA256_K3, w48);
    return sha256_feed_forward(sha256_from_digest(puzzle.midstate), s);
}

// Whether SHA-256 of the digest d, as a little-endian number, is at most the target.
fn second_hash_meets_target(d: Sha256State) -> bool {
    let w0 = Block(d.a, d.b, d.c, d.d, d.e, d.f, d.g, d.h, 0x80000000u, 0u, 0u, 0u, 0u, 0u, 0u, 256u);
    let w16 = sha256_expand(w0);
    let w32 = sha256_expand(w16);
    let w48 = sha256_expand(w32);
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
    if swap_bytes(initial.h + s.e) > puzzle.target_words.high.w {
        return false;
    }
    s = sha256_round(s, SHA256_K3[13] + w48[13]);
    s = sha256_round(s, SHA256_K3[14] + w48[14]);
    s = sha256_round(s, SHA256_K3[15] + w48[15]);
    return less_or_equal(swap_digest_bytes(sha256_to_digest(sha256_feed_forward(initial, s))), puzzle.target_words);
}

// x ≤ y, for numbers of 8 words, least significant first.
fn less_or_equal(x: Digest, y: Digest) -> bool {
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

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    var offset = workgroup_index(workgroup_id, num_workgroups) * WORKGROUP_SIZE + local_index;
    for (var i = 0u; i < NONCES_PER_INVOCATION; i++) {
        // Offsets ascend: after a lower hit this invocation cannot find a better one.
        if offset >= params.count || offset > ~atomicLoad(&best) {
            return;
        }
        if second_hash_meets_target(first_hash(params.first + offset)) {
            atomicMax(&best, ~offset);
            return;
        }
        offset += params.stride;
    }
}
