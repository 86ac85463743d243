// Half-size scalars: for a scalar k, numbers u and v of about half its length with
// u = v·k modulo 8·L and v odd (Antipa and others, "Accelerated Verification of ECDSA
// Signatures", 2005). The CPU back end has the same algorithm.
//
// All such (u, v) form a lattice with the basis (8·L, 0) and (k, 1). Euclid's algorithm
// shortens the basis. As in Lehmer's variant, each round finds its quotients with
// floats from the leading limbs, then applies their matrix to the exact numbers. The
// numbers stay exact whatever the floats are: a bad quotient makes u and v longer,
// never wrong.
//
// Numbers are little-endian limbs of 16 bits; the top limb has the sign and may be
// larger.

alias Long = array<i32, 16>;
alias Short = array<i32, 9>;

// The largest magnitude of a matrix entry: two products with limbs and a carry stay
// below 2^30.
const MAX_MATRIX_ENTRY = 4096;

// Approximations are floats in units of 2^140, from limb 5 up, so that all powers of
// two from 2^80 to 2^256 are in a float's range.
const LIMB_5_UNIT = 8.67361738e-19;
// Euclid's algorithm ends below the square root of 8·L, about 2^127.5.
const SQRT_8L = 1.7263e-4;
// 2^143. Longer results are not used: they might not fit.
const MAX_LENGTH = 8.0;

const MAX_ROUNDS = 64u;

// The magnitude and sign of u, and v, which is positive.
struct HalfSizeScalars { u: Long, u_is_negative: bool, v: Short }

// x in units of 2^140.
fn approximate_long(x: ptr<function, Long>) -> f32 {
    var value = 0.0;
    for (var i = 15u; i >= 5u; i--) {
        value = value * 65536.0 + f32((*x)[i]) * LIMB_5_UNIT;
    }
    return value;
}

fn approximate_short(x: ptr<function, Short>) -> f32 {
    var value = 0.0;
    for (var i = 8u; i >= 5u; i--) {
        value = value * 65536.0 + f32((*x)[i]) * LIMB_5_UNIT;
    }
    return value;
}

// a·x + b·y.
fn linear_combination_long(a: i32, x: ptr<function, Long>, b: i32, y: ptr<function, Long>) -> Long {
    var sum: Long;
    var carry = 0;
    for (var i = 0u; i < 15u; i++) {
        carry += a * (*x)[i] + b * (*y)[i];
        sum[i] = carry & 0xffff;
        carry >>= 16u;
    }
    sum[15] = carry + a * (*x)[15] + b * (*y)[15];
    return sum;
}

fn linear_combination_short(a: i32, x: ptr<function, Short>, b: i32, y: ptr<function, Short>) -> Short {
    var sum: Short;
    var carry = 0;
    for (var i = 0u; i < 8u; i++) {
        carry += a * (*x)[i] + b * (*y)[i];
        sum[i] = carry & 0xffff;
        carry >>= 16u;
    }
    sum[8] = carry + a * (*x)[8] + b * (*y)[8];
    return sum;
}

// One round of Euclid's algorithm on the approximations x and y, as the matrix
// ((a, b), (c, d)) with the new x = a·x + b·y and y = c·x + d·y. A round has at least
// one step: a quotient that is too large is clamped, and the next one, 0, swaps x and y
// back.
fn lehmer_matrix(x_start: f32, y_start: f32) -> vec4<i32> {
    var x = x_start;
    var y = y_start;
    var a = 1;
    var b = 0;
    var c = 0;
    var d = 1;
    while abs(y) >= SQRT_8L {
        let quotient = clamp(round(x / y), -2047.0, 2047.0);
        let next_c = a - i32(quotient) * c;
        let next_d = b - i32(quotient) * d;
        if max(abs(next_c), abs(next_d)) > MAX_MATRIX_ENTRY {
            break;
        }
        a = c;
        b = d;
        c = next_c;
        d = next_d;
        let remainder = x - quotient * y;
        x = y;
        y = remainder;
    }
    return vec4(a, b, c, d);
}

// The half-size scalars of k, which must be below L. The basis vectors are (x, s) and
// (y, t).
fn half_size_scalars(k: array<vec4<u32>, 2>) -> HalfSizeScalars {
    var words = k;
    // 8·L.
    var x = Long(
        0x9f68, 0xe7ae, 0x18d2, 0xc093, 0xe6b2, 0x17bc, 0xcef5, 0xa6f7, 0, 0, 0, 0, 0, 0, 0, 0x8000,
    );
    var y: Long;
    for (var i = 0u; i < 16u; i++) {
        y[i] = i32((words[i / 8u][i / 2u % 4u] >> (i % 2u * 16u)) & 0xffffu);
    }
    var scalar = y;
    var s: Short;
    var t: Short;
    t[0] = 1;
    var y_approx = approximate_long(&y);
    for (var round = 0u; round < MAX_ROUNDS && abs(y_approx) >= SQRT_8L; round++) {
        let matrix = lehmer_matrix(approximate_long(&x), y_approx);
        let new_x = linear_combination_long(matrix.x, &x, matrix.y, &y);
        y = linear_combination_long(matrix.z, &x, matrix.w, &y);
        x = new_x;
        let new_s = linear_combination_short(matrix.x, &s, matrix.y, &t);
        t = linear_combination_short(matrix.z, &s, matrix.w, &t);
        s = new_s;
        y_approx = approximate_long(&y);
    }
    // The result is (y, t) where t is odd. Where t is even, s is odd: the result is then
    // (x, s) less the multiple of (y, t) that makes u and v about equally long.
    var coefficients = vec2(0, 1);
    if (t[0] & 1) == 0 {
        let x_approx = approximate_long(&x);
        let divisor = max(abs(y_approx) + abs(approximate_short(&t)), LIMB_5_UNIT);
        let multiple = clamp(round((abs(x_approx) - abs(approximate_short(&s))) / divisor), -4095.0, 4095.0);
        coefficients = vec2(1, select(-1, 1, (x_approx < 0.0) != (y_approx < 0.0)) * i32(multiple));
    }
    var u = linear_combination_long(coefficients.x, &x, coefficients.y, &y);
    var v = linear_combination_short(coefficients.x, &s, coefficients.y, &t);
    if max(abs(approximate_long(&u)), abs(approximate_short(&v))) > MAX_LENGTH {
        // u = k and v = 1 always hold.
        u = scalar;
        v = Short(1, 0, 0, 0, 0, 0, 0, 0, 0);
    }
    if v[8] < 0 {
        u = linear_combination_long(-1, &u, 0, &u);
        v = linear_combination_short(-1, &v, 0, &v);
    }
    let u_is_negative = u[15] < 0;
    if u_is_negative {
        u = linear_combination_long(-1, &u, 0, &u);
    }
    return HalfSizeScalars(u, u_is_negative, v);
}

fn word(low: i32, high: i32) -> u32 {
    return u32(low) | (u32(high) << 16u);
}

// The 256 bits of a non-negative number.
fn long_words(x: Long) -> array<vec4<u32>, 2> {
    return array<vec4<u32>, 2>(
        vec4(word(x[0], x[1]), word(x[2], x[3]), word(x[4], x[5]), word(x[6], x[7])),
        vec4(word(x[8], x[9]), word(x[10], x[11]), word(x[12], x[13]), word(x[14], x[15])),
    );
}

fn short_words(x: Short) -> array<vec4<u32>, 2> {
    return long_words(Long(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8], 0, 0, 0, 0, 0, 0, 0));
}

// v·s, unreduced: 25 limbs at most.
fn mul_wide(v: Short, s: array<vec4<u32>, 2>) -> array<vec4<u32>, 4> {
    var v_limbs = v;
    var words = s;
    var product: array<u32, 26>;
    for (var i = 0u; i < 9u; i++) {
        var carry = 0u;
        for (var j = 0u; j < 16u; j++) {
            let s_limb = (words[j / 8u][j / 2u % 4u] >> (j % 2u * 16u)) & 0xffffu;
            carry += product[i + j] + u32(v_limbs[i]) * s_limb;
            product[i + j] = carry & 0xffffu;
            carry >>= 16u;
        }
        product[i + 16u] = carry;
    }
    var out: array<vec4<u32>, 4>;
    for (var i = 0u; i < 13u; i++) {
        out[i / 4u][i % 4u] = product[2u * i] | (product[2u * i + 1u] << 16u);
    }
    return out;
}
