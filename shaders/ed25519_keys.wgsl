// A decoded, and the table [1](−A) to [8](−A) that the ladder adds from. An entry is
// one row of 160 bytes, whole sectors for a lane: the lanes of a group read entries
// of different numbers, so rows of one limb each would touch eight times the memory.

struct Params { count: u32, strict: u32 }

var<immediate> params: Params;

@group(0) @binding(0) var<storage, read> keys: array<array<vec4<u32>, 2>>;
@group(0) @binding(1) var<storage, read_write> tables: array<array<CachedRow, 8>>;
@group(0) @binding(2) var<storage, read_write> verdicts: array<u32>;

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
    let key = decode(keys[i]);
    if !key.valid || (params.strict == 1u && has_small_order(key.point)) {
        verdicts[i] = 0u;
    }
    let negated = Affine(fe_neg(key.point.x), key.point.y);
    let step = niels(negated);
    var multiple = affine_extended(negated);
    tables[i][0] = cached_pack(cached(multiple));
    for (var entry = 1u; entry < 8u; entry++) {
        multiple = extended(add_niels(multiple, step));
        tables[i][entry] = cached_pack(cached(multiple));
    }
}
