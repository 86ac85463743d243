// Decodes A and R and fills their lookup tables [1]P to [8]P, with P = −A (A where u is
// negative) and P = −R. One invocation takes one point: those of all A, then of all R.
// Clears the verdict where a point fails to decode or fails the rule.
//
// An entry is one row of 160 bytes, in whole sectors of 32 bytes. The invocations of a
// subgroup read different entries, so a row for each limb would touch eight times as
// many sectors.
//
// Bindings: 0 the keys A, 1 the signatures R ‖ S, 2 the recoded scalars, 3 the tables of
// all A, then of all R, 4 the verdicts.

const STRICT = 1u;
const ZIP215 = 2u;

struct Params { count: u32, rule: u32 }

var<immediate> params: Params;

@group(0) @binding(0) var<storage, read> keys: array<array<vec4<u32>, 2>>;
@group(0) @binding(1) var<storage, read> signatures: array<array<vec4<u32>, 4>>;
@group(0) @binding(2) var<storage, read> scalars: array<RecodedScalars>;
@group(0) @binding(3) var<storage, read_write> tables: array<array<ProjectiveNielsRow, 8>>;
@group(0) @binding(4) var<storage, read_write> verdicts: array<atomic<u32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let i = workgroup_index(workgroup_id, num_workgroups) * 64u + local_index;
    if i >= 2u * params.count {
        return;
    }
    let is_r = i >= params.count;
    let signature = select(i, i - params.count, is_r);
    var encoding = array<vec4<u32>, 2>(signatures[signature][0], signatures[signature][1]);
    if !is_r {
        encoding = keys[signature];
    }
    let decoded = decode(encoding);
    var valid = decoded.valid;
    if params.rule == STRICT {
        valid &= !has_small_order(decoded.point);
    }
    if is_r && params.rule != ZIP215 {
        // These rules compare encodings of R, and a point has one canonical encoding.
        valid &= words_equal(encode(decoded.point), encoding);
    }
    if !valid {
        atomicStore(&verdicts[signature], 0u);
    }
    let positive = !is_r && scalars[signature].u_is_negative == 1u;
    let x = fe_select(fe_neg(decoded.point.x), decoded.point.x, positive);
    let point = Affine(x, decoded.point.y);
    let addend = to_affine_niels(point);
    var multiple = affine_to_extended(point);
    tables[i][0] = projective_niels_pack(to_projective_niels(multiple));
    for (var entry = 1u; entry < 8u; entry++) {
        multiple = to_extended(add_mixed(multiple, addend));
        tables[i][entry] = projective_niels_pack(to_projective_niels(multiple));
    }
}
