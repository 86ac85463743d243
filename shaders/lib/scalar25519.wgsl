// Scalars modulo the group order L = 2^252 + c (RFC 8032, section 5.1), in limbs of
// 16 bits, so that products and carries fit in 32 bits. The curve's arithmetic takes
// far more time than this.

// c, in limbs.
const ORDER_TAIL = array<u32, 8>(0xd3edu, 0x5cf5u, 0x631au, 0x5812u, 0x9cd6u, 0xa2f7u, 0xf9deu, 0x14deu);

// A 512-bit number modulo L, limb by limb from the top: r ← r·2^16 + limb − q·L, where
// the quotient q = ⌊r·2^16 / 2^252⌋ is at most 1 too high.
fn reduce(x: array<vec4<u32>, 4>) -> array<vec4<u32>, 2> {
    var words = x;
    var tail = ORDER_TAIL;
    var r: array<u32, 16>;
    for (var limb = 32u; limb > 0u;) {
        limb--;
        let q = (r[15] << 4u) | (r[14] >> 12u);
        for (var i = 15u; i > 0u; i--) {
            r[i] = r[i - 1u];
        }
        r[0] = (words[limb / 8u][limb / 2u % 4u] >> (limb % 2u * 16u)) & 0xffffu;
        r[15] &= 0xfffu;
        // A product is at most 2^16·(2^16 − 1), and the carry is below 2^16.
        var product = 0u;
        var borrow = 0u;
        for (var i = 0u; i < 16u; i++) {
            product >>= 16u;
            if i < 8u {
                product += q * tail[i];
            }
            let difference = r[i] - (product & 0xffffu) - borrow;
            r[i] = difference & 0xffffu;
            borrow = difference >> 31u;
        }
        if borrow == 1u {
            var carry = 0u;
            for (var i = 0u; i < 16u; i++) {
                if i < 8u {
                    carry += tail[i];
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

// Recodes s into signed digits of w bits: s + Σ bias·2^(32·i) modulo 2^256, where `bias`
// has the top bit of each w-bit window of a word set. Each window of the result holds its
// digit plus 2^(w−1), so digits are from −2^(w−1) to 2^(w−1) − 1.
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
