// Scalars modulo the group's order L = 2^252 + c, in 16-bit digits: all carries
// fit 32 bits, and beside the curve's arithmetic this is nothing.

const C = array<u32, 8>(0xd3edu, 0x5cf5u, 0x631au, 0x5812u, 0x9cd6u, 0xa2f7u, 0xf9deu, 0x14deu);

// A SHA-512 digest, as a little-endian number, modulo L. Digit by digit from the
// top: r ← r·2^16 + digit − q·L, with q = ⌊r·2^16 / 2^252⌋ at most one too high.
fn reduce(digest: array<vec4<u32>, 4>) -> array<vec4<u32>, 2> {
    var words = digest;
    var order = C;
    var r: array<u32, 16>;
    for (var digit = 32u; digit > 0u;) {
        digit--;
        let q = (r[15] << 4u) | (r[14] >> 12u);
        for (var i = 15u; i > 0u; i--) {
            r[i] = r[i - 1u];
        }
        r[0] = (words[digit / 8u][digit / 2u % 4u] >> (digit % 2u * 16u)) & 0xffffu;
        r[15] &= 0xfffu;
        // At most 2^16·(2^16 − 1) and a carry below 2^16.
        var product = 0u;
        var borrow = 0u;
        for (var i = 0u; i < 16u; i++) {
            product >>= 16u;
            if i < 8u {
                product += q * order[i];
            }
            let difference = r[i] - (product & 0xffffu) - borrow;
            r[i] = difference & 0xffffu;
            borrow = difference >> 31u;
        }
        if borrow == 1u {
            var carry = 0u;
            for (var i = 0u; i < 16u; i++) {
                if i < 8u {
                    carry += order[i];
                }
                carry += r[i] + select(0u, 0x1000u, i == 15u);
                r[i] = carry & 0xffffu;
                carry >>= 16u;
            }
        }
    }
    return array<vec4<u32>, 2>(
        vec4(r[0], r[2], r[4], r[6]) | (vec4(r[1], r[3], r[5], r[7]) << vec4(16u)),
        vec4(r[8], r[10], r[12], r[14]) | (vec4(r[9], r[11], r[13], r[15]) << vec4(16u)),
    );
}

// Whether S < L.
fn is_canonical(s: array<vec4<u32>, 2>) -> bool {
    var words = s;
    var order = array<u32, 8>(0x5cf5d3edu, 0x5812631au, 0xa2f79cd6u, 0x14def9deu, 0u, 0u, 0u, 0x10000000u);
    for (var i = 8u; i > 0u;) {
        i--;
        let word = words[i / 4u][i % 4u];
        if word != order[i] {
            return word < order[i];
        }
    }
    return false;
}

// s + Σ bias·2^(32·i), modulo 2^256: with the top bit of each digit set in `bias`,
// digits that count from 0 there count from −2^(w−1), and carry no further.
fn recode(s: array<vec4<u32>, 2>, bias: u32) -> array<vec4<u32>, 2> {
    var words = s;
    var carry = 0u;
    for (var i = 0u; i < 8u; i++) {
        let word = words[i / 4u][i % 4u];
        let sum = word + bias;
        words[i / 4u][i % 4u] = sum + carry;
        carry = select(0u, 1u, sum < word || sum + carry < sum);
    }
    return words;
}
