// SHA-512 (FIPS 180-4, section 6.4) on 64-bit words held as vec2(low, high), so that
// adapters without 64-bit integers run it too. `sha512_compress` is generated
// (sha512_rounds.wgsl) and calls the functions below.

// The initial hash value (section 5.3.5).

fn sha512_initial() -> array<vec2<u32>, 8> {
    return array<vec2<u32>, 8>(
        vec2(0xf3bcc908u, 0x6a09e667u),
        vec2(0x84caa73bu, 0xbb67ae85u),
        vec2(0xfe94f82bu, 0x3c6ef372u),
        vec2(0x5f1d36f1u, 0xa54ff53au),
        vec2(0xade682d1u, 0x510e527fu),
        vec2(0x2b3e6c1fu, 0x9b05688cu),
        vec2(0xfb41bd6bu, 0x1f83d9abu),
        vec2(0x137e2179u, 0x5be0cd19u),
    );
}

fn add64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let low = a.x + b.x;
    return vec2(low, a.y + b.y + select(0u, 1u, low < a.x));
}

// Rotates right by `n`, from 1 to 31; with `a.yx` by n + 32.
fn rotate_right64(a: vec2<u32>, n: u32) -> vec2<u32> {
    return (a >> vec2(n)) | (a.yx << vec2(32u - n));
}

// Shifts right by `n`, from 1 to 31.
fn shift_right64(a: vec2<u32>, n: u32) -> vec2<u32> {
    return vec2((a.x >> n) | (a.y << (32u - n)), a.y >> n);
}

// W_t from W_(t−16), W_(t−15), W_(t−7) and W_(t−2).
fn sha512_schedule(w16: vec2<u32>, w15: vec2<u32>, w7: vec2<u32>, w2: vec2<u32>) -> vec2<u32> {
    let sigma0 = rotate_right64(w15, 1u) ^ rotate_right64(w15, 8u) ^ shift_right64(w15, 7u);
    let sigma1 = rotate_right64(w2, 19u) ^ rotate_right64(w2.yx, 29u) ^ shift_right64(w2, 6u);
    return add64(add64(w16, sigma0), add64(w7, sigma1));
}

// T1 = h + Σ1(e) + Ch(e, f, g) + K_t + W_t; `kw` is K_t + W_t.
fn sha512_t1(e: vec2<u32>, f: vec2<u32>, g: vec2<u32>, h: vec2<u32>, kw: vec2<u32>) -> vec2<u32> {
    let big_sigma1 = rotate_right64(e, 14u) ^ rotate_right64(e, 18u) ^ rotate_right64(e.yx, 9u);
    return add64(add64(h, kw), add64(big_sigma1, g ^ (e & (f ^ g))));
}

// T2 = Σ0(a) + Maj(a, b, c).
fn sha512_t2(a: vec2<u32>, b: vec2<u32>, c: vec2<u32>) -> vec2<u32> {
    let big_sigma0 = rotate_right64(a, 28u) ^ rotate_right64(a.yx, 2u) ^ rotate_right64(a.yx, 7u);
    return add64(big_sigma0, (a & b) | (c & (a | b)));
}

// Reverses the bytes of each word.
fn swap_bytes4(a: vec4<u32>) -> vec4<u32> {
    let even = a & vec4(0x00ff00ffu);
    let odd = a & vec4(0xff00ff00u);
    let pairs_swapped = (even << vec4(8u)) | (odd >> vec4(8u));
    return (pairs_swapped << vec4(16u)) | (pairs_swapped >> vec4(16u));
}
