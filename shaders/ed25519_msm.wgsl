// The verdict on one signature in each invocation: whether [v·S]B − [u]A − [v]R is the
// identity, multiplied by the cofactor 8 under zip215. The multi-scalar multiplication
// interleaves all terms over one chain of about 128 doublings (Straus): 33 additions
// for the digits of u, as many for those of v, and 16 for those of v·S.
//
// Bindings: 0 the recoded scalars, 1 the lookup tables of all A, then of all R, 2 the
// base point's table, 3 the verdicts: 1 on entry where all earlier checks passed.

const ZIP215 = 2u;

struct Params { count: u32, rule: u32 }

var<immediate> params: Params;

@group(0) @binding(0) var<storage, read> scalars: array<RecodedScalars>;
@group(0) @binding(1) var<storage, read> tables: array<array<ProjectiveNielsRow, 8>>;
@group(0) @binding(2) var<storage, read> base_table: array<AffineNielsRow>;
@group(0) @binding(3) var<storage, read_write> verdicts: array<u32>;

// q plus the point of `table` times the 4-bit digit at `position`, which lies in `word`.
fn add_table_entry(q: Completed, table: u32, word: u32, position: u32) -> Completed {
    let digit = i32((word >> (position % 8u * 4u)) & 0xfu) - 8;
    if digit == 0 {
        return q;
    }
    let entry = projective_niels_unpack(tables[table][abs(digit) - 1]);
    return add_niels(to_extended(q), conditional_negate_projective_niels(entry, digit < 0));
}

// q plus B (half 0) or [2^128]B (half 1) times 16-bit digit `digit_index` of that half
// of v·S.
fn add_base_entry(q: Completed, half: u32, i: u32, digit_index: u32) -> Completed {
    let index = 8u * half + digit_index;
    let word = scalars[i].vs[index / 8u][index / 2u % 4u];
    let digit = i32((word >> (index % 2u * 16u)) & 0xffffu) - 0x8000;
    if digit == 0 {
        return q;
    }
    let entry = affine_niels_unpack(base_table[half * 0x8000u + u32(abs(digit)) - 1u]);
    return add_mixed(to_extended(q), conditional_negate_affine_niels(entry, digit < 0));
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let i = workgroup_index(workgroup_id, num_workgroups) * 64u + local_index;
    if i >= params.count {
        return;
    }
    var q = Completed(FE_ZERO, FE_ONE, FE_ONE, FE_ONE);
    // Before the top digits q is the identity, which needs no doubling.
    var doublings = 0u;
    for (var position = scalars[i].digits; position > 0u;) {
        position--;
        for (var j = 0u; j < doublings; j++) {
            q = double(to_projective(q));
        }
        doublings = 4u;
        let word = position / 8u;
        for (var point = 0u; point < 2u; point++) {
            let words = select(scalars[i].u[word / 4u], scalars[i].v[word / 4u], point == 1u);
            q = add_table_entry(q, point * params.count + i, words[word % 4u], position);
        }
        if position % 4u == 0u && position < 32u {
            for (var half = 0u; half < 2u; half++) {
                q = add_base_entry(q, half, i, position / 4u);
            }
        }
    }
    if params.rule == ZIP215 {
        for (var j = 0u; j < 3u; j++) {
            q = double(to_projective(q));
        }
    }
    let p = to_projective(q);
    if !(fe_is_zero(p.x) && fe_is_zero(fe_sub(p.y, p.z))) {
        verdicts[i] = 0u;
    }
}
