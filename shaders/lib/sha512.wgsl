// SHA-512 (FIPS 180-4) on 64-bit words held as vec2(low, high), so that adapters
// without 64-bit integers run it too. `sha512_compress` is generated.

fn sha512_start() -> array<vec2<u32>, 8> {
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

// Right by `n`, from 1 to 31; by n + 32 with the halves of `a` swapped.
fn rotate64(a: vec2<u32>, n: u32) -> vec2<u32> {
    return (a >> vec2(n)) | (a.yx << vec2(32u - n));
}

fn shift64(a: vec2<u32>, n: u32) -> vec2<u32> {
    return vec2((a.x >> n) | (a.y << (32u - n)), a.y >> n);
}

fn schedule(w16: vec2<u32>, w15: vec2<u32>, w7: vec2<u32>, w2: vec2<u32>) -> vec2<u32> {
    let s0 = rotate64(w15, 1u) ^ rotate64(w15, 8u) ^ shift64(w15, 7u);
    let s1 = rotate64(w2, 19u) ^ rotate64(w2.yx, 29u) ^ shift64(w2, 6u);
    return add64(add64(w16, s0), add64(w7, s1));
}

// T1 of a round.
fn mix1(e: vec2<u32>, f: vec2<u32>, g: vec2<u32>, h: vec2<u32>, kw: vec2<u32>) -> vec2<u32> {
    let s1 = rotate64(e, 14u) ^ rotate64(e, 18u) ^ rotate64(e.yx, 9u);
    return add64(add64(h, kw), add64(s1, g ^ (e & (f ^ g))));
}

// T2 of a round.
fn mix2(a: vec2<u32>, b: vec2<u32>, c: vec2<u32>) -> vec2<u32> {
    let s0 = rotate64(a, 28u) ^ rotate64(a.yx, 2u) ^ rotate64(a.yx, 7u);
    return add64(s0, (a & b) | (c & (a | b)));
}

fn swap_bytes(a: vec4<u32>) -> vec4<u32> {
    let odd = a & vec4(0x00ff00ffu);
    let even = a & vec4(0xff00ff00u);
    let swapped = (odd << vec4(8u)) | (even >> vec4(8u));
    return (swapped << vec4(16u)) | (swapped >> vec4(16u));
}
