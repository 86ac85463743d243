// What the points of a signature are multiplied by.
struct ShortScalars {
    // u and v, with digits of 4 bits that count from −8.
    u: array<vec4<u32>, 2>,
    v: array<vec4<u32>, 2>,
    // v·S modulo L, with digits of 16 bits that count from −32768.
    s: array<vec4<u32>, 2>,
    // The digits of u and v up to the highest that is not 0, and at least as many as
    // those of half of s have bits for.
    places: u32,
    u_is_negative: u32,
}
