// The twisted Edwards curve −x² + y² = 1 + d·x²·y² over the field of
// `field25519`, one point in each invocation. The formulas are complete: they hold
// for equal points, opposite points and the identity alike (Hisil, Wong, Carter,
// Dawson: Twisted Edwards Curves Revisited, 2008; RFC 8032, section 5.1.4).
//
// A sum or difference is made tight where a product would not take it otherwise.

// x = x/z, y = y/z.
struct Projective { x: Fe, y: Fe, z: Fe }

// Likewise, and x·y = t/z.
struct Extended { x: Fe, y: Fe, z: Fe, t: Fe }

// x = x/z, y = y/t: a sum before its four last products.
struct Completed { x: Fe, y: Fe, z: Fe, t: Fe }

struct Affine { x: Fe, y: Fe }

struct Decoded { point: Affine, valid: bool }

fn identity() -> Projective {
    return Projective(FE_ZERO, FE_ONE, FE_ONE);
}

fn affine_extended(a: Affine) -> Extended {
    return Extended(a.x, a.y, FE_ONE, fe_mul(a.x, a.y));
}

fn projective(p: Completed) -> Projective {
    return Projective(fe_mul(p.t, p.x), fe_mul(p.y, p.z), fe_mul(p.t, p.z));
}

fn extended(p: Completed) -> Extended {
    return Extended(fe_mul(p.t, p.x), fe_mul(p.y, p.z), fe_mul(p.t, p.z), fe_mul(p.y, p.x));
}

// y + x, y − x, 2d·x·y: what an addition wants of a point with z = 1.
fn niels(a: Affine) -> Niels {
    let plus = fe_tight(fe_add(a.y, a.x));
    let minus = fe_tight(fe_sub(a.y, a.x));
    return Niels(plus, minus, fe_mul(fe_mul(a.x, a.y), FE_2D));
}

// Likewise of any point, with 2z.
fn cached(p: Extended) -> Cached {
    let plus = fe_tight(fe_add(p.y, p.x));
    let minus = fe_tight(fe_sub(p.y, p.x));
    return Cached(plus, minus, fe_mul(p.t, FE_2D), fe_add(p.z, p.z));
}

fn niels_negated(q: Niels, negative: bool) -> Niels {
    return Niels(
        fe_select(q.plus, q.minus, negative),
        fe_select(q.minus, q.plus, negative),
        fe_select(q.t2d, fe_neg(q.t2d), negative),
    );
}

fn cached_negated(q: Cached, negative: bool) -> Cached {
    let n = niels_negated(Niels(q.plus, q.minus, q.t2d), negative);
    return Cached(n.plus, n.minus, n.t2d, q.z2);
}

// 4 squares.
fn double(p: Projective) -> Completed {
    let xx = fe_square(p.x);
    let yy = fe_square(p.y);
    let zz = fe_square(p.z);
    let sum = fe_square(fe_add(p.x, p.y));
    let y = fe_add(yy, xx);
    let z = fe_sub(yy, xx);
    let t = fe_sub_loose(fe_add(zz, zz), z);
    return Completed(fe_tight(fe_sub_loose(sum, y)), y, z, fe_tight(t));
}

// 3 products.
fn add_niels(p: Extended, q: Niels) -> Completed {
    return sum(p, q, fe_add(p.z, p.z));
}

// 4 products.
fn add_cached(p: Extended, q: Cached) -> Completed {
    return sum(p, Niels(q.plus, q.minus, q.t2d), fe_mul(p.z, q.z2));
}

fn sum(p: Extended, q: Niels, zz2: Fe) -> Completed {
    let a = fe_mul(fe_sub(p.y, p.x), q.minus);
    let b = fe_mul(fe_add(p.y, p.x), q.plus);
    let c = fe_mul(p.t, q.t2d);
    return Completed(fe_sub(b, a), fe_add(b, a), fe_add(zz2, c), fe_tight(fe_sub(zz2, c)));
}

fn square_times(a: Fe, times: u32) -> Fe {
    var power = a;
    for (var i = 0u; i < times; i++) {
        power = fe_square(power);
    }
    return power;
}

struct Powers { p11: Fe, p250: Fe }

// a^11 and a^(2^250 − 1), where the chains of both powers below begin. One loop, so
// that its code is there once: exponents 2^5 − 1, 2^10 − 1, then of 20, 40, 50 (by
// that of 10), 100, 200 and 250 (by that of 50) ones.
fn powers(a: Fe) -> Powers {
    let a2 = fe_square(a);
    let a9 = fe_mul(square_times(a2, 2u), a);
    let a11 = fe_mul(a9, a2);
    var power = fe_mul(fe_square(a11), a9);
    var kept = power;
    var ones = 5u;
    while ones < 250u {
        let by_kept = ones == 40u || ones == 200u;
        let times = select(ones, ones / 4u, by_kept);
        power = fe_mul(square_times(power, times), fe_select(power, kept, by_kept));
        ones += times;
        kept = fe_select(kept, power, ones == 10u || ones == 50u);
    }
    return Powers(a11, power);
}

// a^(p − 2): the inverse, or 0 of 0.
fn fe_invert(a: Fe) -> Fe {
    let p = powers(a);
    return fe_mul(square_times(p.p250, 5u), p.p11);
}

// a^((p − 5)/8), for square roots.
fn fe_root_power(a: Fe) -> Fe {
    return fe_mul(square_times(powers(a).p250, 2u), a);
}

fn words_equal(a: array<vec4<u32>, 2>, b: array<vec4<u32>, 2>) -> bool {
    return all(a[0] == b[0]) && all(a[1] == b[1]);
}

fn fe_is_zero(a: Fe) -> bool {
    let w = fe_to_words(a);
    return all((w[0] | w[1]) == vec4(0u));
}

fn fe_is_odd(a: Fe) -> bool {
    return (fe_to_words(a)[0].x & 1u) == 1u;
}

// The point that 32 bytes stand for (RFC 8032, section 5.1.3), but y need not be
// below p and x = 0 may have a sign. Where there is none, the identity.
fn decode(encoding: array<vec4<u32>, 2>) -> Decoded {
    let y = fe_from_words(encoding);
    let yy = fe_square(y);
    let u = fe_sub(yy, FE_ONE);
    let v = fe_add(fe_mul(yy, FE_D), FE_ONE);
    let v3 = fe_mul(fe_square(v), v);
    let v7 = fe_mul(fe_square(v3), v);
    var x = fe_mul(fe_mul(fe_root_power(fe_mul(v7, u)), v3), u);
    let vxx = fe_mul(fe_square(x), v);
    let right = fe_is_zero(fe_sub_loose(vxx, u));
    let valid = right || fe_is_zero(fe_add(u, vxx));
    x = fe_select(fe_mul(x, FE_SQRT_M1), x, right);
    let negative = (encoding[1].w >> 31u) == 1u;
    x = fe_select(x, fe_neg(x), fe_is_odd(x) != negative);
    return Decoded(Affine(fe_select(FE_ZERO, x, valid), fe_select(FE_ONE, y, valid)), valid);
}

fn encode(a: Affine) -> array<vec4<u32>, 2> {
    var words = fe_to_words(a.y);
    words[1].w |= select(0u, 0x80000000u, fe_is_odd(a.x));
    return words;
}

// Whether [8]P is the identity: x = 0 where [2]P is, y = 0 where [4]P is and
// [2]P is not, x² + y² = 0 where [2]P has y = 0.
fn has_small_order(a: Affine) -> bool {
    let radius = fe_add(fe_square(a.x), fe_square(a.y));
    return fe_is_zero(fe_mul(fe_mul(radius, a.x), a.y));
}
