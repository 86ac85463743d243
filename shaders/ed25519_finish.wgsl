// The verdict: R' made affine, encoded and compared with R. Each invocation takes
// every `threads`-th signature and inverts all their z at once (Montgomery's trick).
// Any z is other than 0: the formulas are complete, and what does not decode was
// replaced by the identity.

const RFC8032 = 0u;
const STRICT = 1u;
const ZIP215 = 2u;

struct Params { count: u32, threads: u32, rule: u32 }

var<immediate> params: Params;

@group(0) @binding(0) var<storage, read> signatures: array<array<vec4<u32>, 4>>;
@group(0) @binding(1) var<storage, read> points: array<ProjectiveRow>;
@group(0) @binding(2) var<storage, read_write> products: array<ElementRow>;
@group(0) @binding(3) var<storage, read_write> verdicts: array<u32>;

// [8](R − R') = 0, where R decodes.
fn equal_up_to_torsion(r: array<vec4<u32>, 2>, computed: Affine) -> bool {
    let decoded = decode(r);
    let computed_negated = niels(Affine(fe_neg(computed.x), computed.y));
    var difference = add_niels(affine_extended(decoded.point), computed_negated);
    for (var i = 0u; i < 3u; i++) {
        difference = double(projective(difference));
    }
    // [8] leaves the subgroup of prime order, where only the identity has x = 0.
    return decoded.valid && fe_is_zero(projective(difference).x);
}

fn accepts(r: array<vec4<u32>, 2>, computed: Affine) -> bool {
    let equal = words_equal(r, encode(computed));
    switch params.rule {
        case STRICT: {
            return equal && !has_small_order(computed);
        }
        case ZIP215: {
            return equal || equal_up_to_torsion(r, computed);
        }
        default: {
            return equal;
        }
    }
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let thread = flat_group(group, groups) * 64u + lane;
    if thread >= params.threads {
        return;
    }
    // products[i]: of the z before z_i.
    var product = FE_ONE;
    var steps = 0u;
    for (var i = thread; i < params.count; i += params.threads) {
        products[i] = element_pack(Element(product));
        product = fe_mul(product, projective_unpack(points[i]).z);
        steps++;
    }
    var inverse = fe_invert(product);
    for (; steps > 0u; steps--) {
        let i = thread + (steps - 1u) * params.threads;
        let p = projective_unpack(points[i]);
        let z = fe_mul(inverse, element_unpack(products[i]).value);
        inverse = fe_mul(inverse, p.z);
        if verdicts[i] == 1u {
            let r = array<vec4<u32>, 2>(signatures[i][0], signatures[i][1]);
            let valid = accepts(r, Affine(fe_mul(p.x, z), fe_mul(p.y, z)));
            verdicts[i] = select(0u, 1u, valid);
        }
    }
}
