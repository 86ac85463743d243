// Gathers digests by index: output[i] = digests[indices[i]]. One digest in each invocation.
//
// Bindings: 0 the indices, 1 the digests, 2 the output.

struct Params {
    count: u32,
}

var<immediate> params: Params;
@group(0) @binding(0) var<storage, read> indices: array<u32>;
@group(0) @binding(1) var<storage, read> digests: array<Digest>;
@group(0) @binding(2) var<storage, read_write> output: array<Digest>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let index = workgroup_index(workgroup_id, num_workgroups) * 64u + local_index;
    if index < params.count {
        output[index] = digests[indices[index]];
    }
}
