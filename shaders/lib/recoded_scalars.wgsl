// A signature's scalars, recoded into signed digits. A window holds its digit plus half
// of its range, so that digit = window − 2^(w−1).
struct RecodedScalars {
    // The magnitude of u, and v, with w = 4.
    u: array<vec4<u32>, 2>,
    v: array<vec4<u32>, 2>,
    // v·S modulo L, with w = 16.
    vs: array<vec4<u32>, 2>,
    // The number of 4-bit digits that the multi-scalar multiplication starts from: up
    // to the highest nonzero one of u and v, and at least 29.
    digits: u32,
    u_is_negative: u32,
}
