// A and R decoded, and their tables [1]P to [8]P that the ladder adds from: of −A, or of A
// where u is below 0, and of −R. An entry is one row of 160 bytes, whole sectors for a
// lane: the lanes of a group read entries of different numbers, so rows of one limb each
// would touch eight times the memory.

const STRICT = 1u;
const ZIP215 = 2u;

struct Params { count: u32, rule: u32 }

var<immediate> params: Params;

@group(0) @binding(0) var<storage, read> keys: array<array<vec4<u32>, 2>>;
@group(0) @binding(1) var<storage, read> signatures: array<array<vec4<u32>, 4>>;
@group(0) @binding(2) var<storage, read> scalars: array<ShortScalars>;
// Those of all A, then those of all R.
@group(0) @binding(3) var<storage, read_write> tables: array<array<CachedRow, 8>>;
@group(0) @binding(4) var<storage, read_write> verdicts: array<atomic<u32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = flat_group(group, groups) * 64u + lane;
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
        // [S]B − [k]A is compared with R as it is encoded, in the one way there is.
        valid &= words_equal(encode(decoded.point), encoding);
    }
    if !valid {
        atomicStore(&verdicts[signature], 0u);
    }
    let positive = !is_r && scalars[signature].u_is_negative == 1u;
    let x = fe_select(fe_neg(decoded.point.x), decoded.point.x, positive);
    let point = Affine(x, decoded.point.y);
    let step = niels(point);
    var multiple = affine_extended(point);
    tables[i][0] = cached_pack(cached(multiple));
    for (var entry = 1u; entry < 8u; entry++) {
        multiple = extended(add_niels(multiple, step));
        tables[i][entry] = cached_pack(cached(multiple));
    }
}
