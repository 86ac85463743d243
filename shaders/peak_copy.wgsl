// Copies, to see how many bytes of its own memory the adapter moves in a second.

struct Params {
    vectors: u32,
}

var<immediate> params: Params;
@group(0) @binding(0) var<storage, read> input: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4<u32>>;

@compute @workgroup_size(128)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_group(group, groups) * 128u + lane;
    if index < params.vectors {
        output[index] = input[index];
    }
}
