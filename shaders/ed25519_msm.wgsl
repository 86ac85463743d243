// The verdict: whether [v·S]B − [u]A − [v]R is the identity, times 8 under zip215. About
// 128 doublings, with 33 additions for the digits of u and as many for those of v, and 16
// for the digits of v·S: 8 of them times B, and 8 times [2^128]B.

const ZIP215 = 2u;

struct Params { count: u32, rule: u32 }

var<immediate> params: Params;

@group(0) @binding(0) var<storage, read> scalars: array<ShortScalars>;
@group(0) @binding(1) var<storage, read> tables: array<array<CachedRow, 8>>;
@group(0) @binding(2) var<storage, read> base: array<NielsRow>;
@group(0) @binding(3) var<storage, read_write> verdicts: array<u32>;

fn with_table(q: Completed, table: u32, word: u32, place: u32) -> Completed {
    let digit = i32((word >> (place % 8u * 4u)) & 0xfu) - 8;
    if digit == 0 {
        return q;
    }
    let entry = cached_unpack(tables[table][abs(digit) - 1]);
    return add_cached(extended(q), cached_negated(entry, digit < 0));
}

fn with_base(q: Completed, part: u32, i: u32, half: u32) -> Completed {
    let index = 8u * part + half;
    let word = scalars[i].s[index / 8u][index / 2u % 4u];
    let digit = i32((word >> (index % 2u * 16u)) & 0xffffu) - 0x8000;
    if digit == 0 {
        return q;
    }
    let entry = niels_unpack(base[part * 0x8000u + u32(abs(digit)) - 1u]);
    return add_niels(extended(q), niels_negated(entry, digit < 0));
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = flat_group(group, groups) * 64u + lane;
    if i >= params.count {
        return;
    }
    var q = Completed(FE_ZERO, FE_ONE, FE_ONE, FE_ONE);
    // The first digits find the identity, which need not be doubled.
    var doublings = 0u;
    for (var place = scalars[i].places; place > 0u;) {
        place--;
        for (var j = 0u; j < doublings; j++) {
            q = double(projective(q));
        }
        doublings = 4u;
        let word = place / 8u;
        for (var part = 0u; part < 2u; part++) {
            let words = select(scalars[i].u[word / 4u], scalars[i].v[word / 4u], part == 1u);
            q = with_table(q, part * params.count + i, words[word % 4u], place);
        }
        if place % 4u == 0u && place < 32u {
            for (var part = 0u; part < 2u; part++) {
                q = with_base(q, part, i, place / 4u);
            }
        }
    }
    if params.rule == ZIP215 {
        for (var j = 0u; j < 3u; j++) {
            q = double(projective(q));
        }
    }
    let p = projective(q);
    if !(fe_is_zero(p.x) && fe_is_zero(fe_sub(p.y, p.z))) {
        verdicts[i] = 0u;
    }
}
