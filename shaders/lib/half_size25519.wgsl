// For a scalar k, numbers u and v of about half its length with u = v·k modulo 8·L,
// where v is odd. As src/cpu/ed25519/halves.rs has it: Euclid's algorithm from (8·L, 0)
// and (k, 1), where floats find the quotients and a round's whole matrix is applied to
// the long numbers. These stay exact, whatever the floats are: u and v get longer by a
// bad quotient, never wrong.
//
// Numbers are little-endian digits of 16 bits; the highest has the sign, and more room.

alias Long = array<i32, 16>;
alias Short = array<i32, 9>;

// An entry of a matrix is this at most: two products and a carry stay below 2^30.
const MOST = 4096;

// Lengths are floats in units of 2^140, from the digits that matter: no power of two
// between 2^80 and 2^256 is out of their range then.
const UNIT = 8.67361738e-19;
const SHORT_ENOUGH = 1.7263e-4;
const TOO_LONG = 8.0;

const ROUNDS = 64u;

struct Halves { u: Long, u_is_negative: bool, v: Short }

fn long_length(x: ptr<function, Long>) -> f32 {
    var length = 0.0;
    for (var i = 15u; i >= 5u; i--) {
        length = length * 65536.0 + f32((*x)[i]) * UNIT;
    }
    return length;
}

fn short_length(x: ptr<function, Short>) -> f32 {
    var length = 0.0;
    for (var i = 8u; i >= 5u; i--) {
        length = length * 65536.0 + f32((*x)[i]) * UNIT;
    }
    return length;
}

// a·x + b·y.
fn long_sum(a: i32, x: ptr<function, Long>, b: i32, y: ptr<function, Long>) -> Long {
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

fn short_sum(a: i32, x: ptr<function, Short>, b: i32, y: ptr<function, Short>) -> Short {
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

// Euclid's steps from numbers of these lengths, as the rows (a, b) and (c, d) that give
// the new x = a·x + b·y and y = c·x + d·y. Each has one step at least: a quotient that
// is too large is cut, and the next one, 0, exchanges the numbers back.
fn matrix(x_length: f32, y_length: f32) -> vec4<i32> {
    var x = x_length;
    var y = y_length;
    var a = 1;
    var b = 0;
    var c = 0;
    var d = 1;
    while abs(y) >= SHORT_ENOUGH {
        let quotient = clamp(round(x / y), -2047.0, 2047.0);
        let next_c = a - i32(quotient) * c;
        let next_d = b - i32(quotient) * d;
        if max(abs(next_c), abs(next_d)) > MOST {
            break;
        }
        a = c;
        b = d;
        c = next_c;
        d = next_d;
        let rest = x - quotient * y;
        x = y;
        y = rest;
    }
    return vec4(a, b, c, d);
}

fn halves(k: array<vec4<u32>, 2>) -> Halves {
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
    var y_length = long_length(&y);
    for (var round = 0u; round < ROUNDS && abs(y_length) >= SHORT_ENOUGH; round++) {
        let rows = matrix(long_length(&x), y_length);
        let new_x = long_sum(rows.x, &x, rows.y, &y);
        y = long_sum(rows.z, &x, rows.w, &y);
        x = new_x;
        let new_s = short_sum(rows.x, &s, rows.y, &t);
        t = short_sum(rows.z, &s, rows.w, &t);
        s = new_s;
        y_length = long_length(&y);
    }
    // (y, t) where t is odd. Where it is even, s is odd: then (x, s) less that multiple of
    // (y, t) which makes both of about one length.
    var row = vec2(0, 1);
    if (t[0] & 1) == 0 {
        let x_length = long_length(&x);
        let reach = max(abs(y_length) + abs(short_length(&t)), UNIT);
        let times = clamp(round((abs(x_length) - abs(short_length(&s))) / reach), -4095.0, 4095.0);
        row = vec2(1, select(-1, 1, (x_length < 0.0) != (y_length < 0.0)) * i32(times));
    }
    var u = long_sum(row.x, &x, row.y, &y);
    var v = short_sum(row.x, &s, row.y, &t);
    if max(abs(long_length(&u)), abs(short_length(&v))) > TOO_LONG {
        u = scalar;
        v = Short(1, 0, 0, 0, 0, 0, 0, 0, 0);
    }
    if v[8] < 0 {
        u = long_sum(-1, &u, 0, &u);
        v = short_sum(-1, &v, 0, &v);
    }
    let u_is_negative = u[15] < 0;
    if u_is_negative {
        u = long_sum(-1, &u, 0, &u);
    }
    return Halves(u, u_is_negative, v);
}

fn word(low: i32, high: i32) -> u32 {
    return u32(low) | (u32(high) << 16u);
}

fn long_words(x: Long) -> array<vec4<u32>, 2> {
    return array<vec4<u32>, 2>(
        vec4(word(x[0], x[1]), word(x[2], x[3]), word(x[4], x[5]), word(x[6], x[7])),
        vec4(word(x[8], x[9]), word(x[10], x[11]), word(x[12], x[13]), word(x[14], x[15])),
    );
}

fn short_words(x: Short) -> array<vec4<u32>, 2> {
    return long_words(Long(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8], 0, 0, 0, 0, 0, 0, 0));
}

// v·s, of 25 digits.
fn product(v: Short, s: array<vec4<u32>, 2>) -> array<vec4<u32>, 4> {
    var factors = v;
    var words = s;
    var digits: array<u32, 26>;
    for (var i = 0u; i < 9u; i++) {
        var carry = 0u;
        for (var j = 0u; j < 16u; j++) {
            let digit = (words[j / 8u][j / 2u % 4u] >> (j % 2u * 16u)) & 0xffffu;
            carry += digits[i + j] + u32(factors[i]) * digit;
            digits[i + j] = carry & 0xffffu;
            carry >>= 16u;
        }
        digits[i + 16u] = carry;
    }
    var out: array<vec4<u32>, 4>;
    for (var i = 0u; i < 13u; i++) {
        out[i / 4u][i % 4u] = digits[2u * i] | (digits[2u * i + 1u] << 16u);
    }
    return out;
}
