// The twisted Edwards curve −x² + y² = 1 + d·x²·y² over the field of
// `field25519_*.wgsl`, one point in each invocation. The formulas are complete: they
// hold for equal points, opposite points and the identity alike (Hisil, Wong, Carter,
// Dawson: Twisted Edwards Curves Revisited, 2008; RFC 8032, section 5.1.4). The point
// forms are those of curve25519-dalek.
//
// Multiplication takes limbs within 3 and within 2 (see the generator of the field's
// functions): `fe_tight` carries a sum or difference that would exceed them.

// The point (x/z, y/z).
struct Projective { x: Fe, y: Fe, z: Fe }

// The point (x/z, y/z), with t = x·y/z.
struct Extended { x: Fe, y: Fe, z: Fe, t: Fe }

// The point (x/z, y/t), in P1 × P1: a sum before its last products.
struct Completed { x: Fe, y: Fe, z: Fe, t: Fe }

// The point (x, y).
struct Affine { x: Fe, y: Fe }

// A decoded point, or the identity where the encoding is invalid.
struct Decoded { point: Affine, valid: bool }

fn identity() -> Projective {
    return Projective(FE_ZERO, FE_ONE, FE_ONE);
}

fn affine_to_extended(a: Affine) -> Extended {
    return Extended(a.x, a.y, FE_ONE, fe_mul(a.x, a.y));
}

// 3 M.
fn to_projective(p: Completed) -> Projective {
    return Projective(fe_mul(p.t, p.x), fe_mul(p.y, p.z), fe_mul(p.t, p.z));
}

// 4 M.
fn to_extended(p: Completed) -> Extended {
    return Extended(fe_mul(p.t, p.x), fe_mul(p.y, p.z), fe_mul(p.t, p.z), fe_mul(p.y, p.x));
}

// y + x, y − x and 2d·x·y.
fn to_affine_niels(a: Affine) -> AffineNiels {
    let y_plus_x = fe_tight(fe_add(a.y, a.x));
    let y_minus_x = fe_tight(fe_sub(a.y, a.x));
    return AffineNiels(y_plus_x, y_minus_x, fe_mul(fe_mul(a.x, a.y), FE_2D));
}

// Y + X, Y − X, 2d·T and 2Z.
fn to_projective_niels(p: Extended) -> ProjectiveNiels {
    let y_plus_x = fe_tight(fe_add(p.y, p.x));
    let y_minus_x = fe_tight(fe_sub(p.y, p.x));
    return ProjectiveNiels(y_plus_x, y_minus_x, fe_mul(p.t, FE_2D), fe_add(p.z, p.z));
}

// −q where `negative`, else q.
fn conditional_negate_affine_niels(q: AffineNiels, negative: bool) -> AffineNiels {
    return AffineNiels(
        fe_select(q.y_plus_x, q.y_minus_x, negative),
        fe_select(q.y_minus_x, q.y_plus_x, negative),
        fe_select(q.xy2d, fe_neg(q.xy2d), negative),
    );
}

// −q where `negative`, else q.
fn conditional_negate_projective_niels(q: ProjectiveNiels, negative: bool) -> ProjectiveNiels {
    let n = conditional_negate_affine_niels(AffineNiels(q.y_plus_x, q.y_minus_x, q.t2d), negative);
    return ProjectiveNiels(n.y_plus_x, n.y_minus_x, n.xy2d, q.z2);
}

// 2p; 4 S.
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

// p + q with q's z = 1; 3 M.
fn add_mixed(p: Extended, q: AffineNiels) -> Completed {
    return add_coordinates(p, q, fe_add(p.z, p.z));
}

// p + q; 4 M.
fn add_niels(p: Extended, q: ProjectiveNiels) -> Completed {
    return add_coordinates(p, AffineNiels(q.y_plus_x, q.y_minus_x, q.t2d), fe_mul(p.z, q.z2));
}

// p + q from q's first three elements and zz2 = 2·z_p·z_q.
fn add_coordinates(p: Extended, q: AffineNiels, zz2: Fe) -> Completed {
    let a = fe_mul(fe_sub(p.y, p.x), q.y_minus_x);
    let b = fe_mul(fe_add(p.y, p.x), q.y_plus_x);
    let c = fe_mul(p.t, q.xy2d);
    return Completed(fe_sub(b, a), fe_add(b, a), fe_add(zz2, c), fe_tight(fe_sub(zz2, c)));
}

// a^(2^k).
fn fe_pow2k(a: Fe, k: u32) -> Fe {
    var power = a;
    for (var i = 0u; i < k; i++) {
        power = fe_square(power);
    }
    return power;
}

struct Pow22501 { a11: Fe, a250: Fe }

// a^11 and a^(2^250 − 1), with which both addition chains below begin. With e(n) =
// a^(2^n − 1), the loop computes e(10), e(20), e(40), e(50) = e(40)^(2^10)·e(10),
// e(100), e(200), e(250) = e(200)^(2^50)·e(50). It is one loop to keep the code small.
fn fe_pow22501(a: Fe) -> Pow22501 {
    let a2 = fe_square(a);
    let a9 = fe_mul(fe_pow2k(a2, 2u), a);
    let a11 = fe_mul(a9, a2);
    var power = fe_mul(fe_square(a11), a9);
    // e(10), then e(50).
    var saved = power;
    var n = 5u;
    while n < 250u {
        let by_saved = n == 40u || n == 200u;
        let k = select(n, n / 4u, by_saved);
        power = fe_mul(fe_pow2k(power, k), fe_select(power, saved, by_saved));
        n += k;
        saved = fe_select(saved, power, n == 10u || n == 50u);
    }
    return Pow22501(a11, power);
}

// a^(p − 2): the inverse of a, and 0 for a = 0.
fn fe_invert(a: Fe) -> Fe {
    let powers = fe_pow22501(a);
    return fe_mul(fe_pow2k(powers.a250, 5u), powers.a11);
}

// a^((p − 5)/8), from which square roots follow.
fn fe_pow_p58(a: Fe) -> Fe {
    return fe_mul(fe_pow2k(fe_pow22501(a).a250, 2u), a);
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

// Decodes a point from 32 bytes (RFC 8032, section 5.1.3), but accepts y ≥ p and
// x = 0 with either sign, as ZIP 215 does. x is the square root of the ratio u/v with
// u = y² − 1 and v = d·y² + 1: u·v³·(u·v⁷)^((p − 5)/8), times √−1 where v·x² = −u.
fn decode(encoding: array<vec4<u32>, 2>) -> Decoded {
    let y = fe_from_words(encoding);
    let yy = fe_square(y);
    let u = fe_sub(yy, FE_ONE);
    let v = fe_add(fe_mul(yy, FE_D), FE_ONE);
    let v3 = fe_mul(fe_square(v), v);
    let v7 = fe_mul(fe_square(v3), v);
    var x = fe_mul(fe_mul(fe_pow_p58(fe_mul(v7, u)), v3), u);
    let vxx = fe_mul(fe_square(x), v);
    let is_root = fe_is_zero(fe_sub_loose(vxx, u));
    let valid = is_root || fe_is_zero(fe_add(u, vxx));
    x = fe_select(fe_mul(x, FE_SQRT_M1), x, is_root);
    let negative = (encoding[1].w >> 31u) == 1u;
    x = fe_select(x, fe_neg(x), fe_is_odd(x) != negative);
    return Decoded(Affine(fe_select(FE_ZERO, x, valid), fe_select(FE_ONE, y, valid)), valid);
}

// The canonical encoding: y, and the parity of x in the top bit.
fn encode(a: Affine) -> array<vec4<u32>, 2> {
    var words = fe_to_words(a.y);
    words[1].w |= select(0u, 0x80000000u, fe_is_odd(a.x));
    return words;
}

// Whether [8]P is the identity. x = 0 where P's order divides 2, y = 0 where it is 4,
// and x² + y² = 0 where it is 8: [2]P then has y = 0.
fn has_small_order(a: Affine) -> bool {
    let radius = fe_add(fe_square(a.x), fe_square(a.y));
    return fe_is_zero(fe_mul(fe_mul(radius, a.x), a.y));
}
