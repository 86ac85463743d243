// Measures the peak rate of copies in the adapter's memory: one vector of 16 bytes in
// each invocation.
//
// Bindings: 0 the input, 1 the output.

struct Params {
    vectors: u32,
}

var<immediate> params: Params;
@group(0) @binding(0) var<storage, read> input: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4<u32>>;

@compute @workgroup_size(128)
fn main(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let index = workgroup_index(workgroup_id, num_workgroups) * 128u + local_index;
    if index < params.vectors {
        output[index] = input[index];
    }
}
