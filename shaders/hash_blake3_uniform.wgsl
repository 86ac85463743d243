// BLAKE3 of uniform records of 16, 32, 48 or 64 bytes: one compression, one record in
// each invocation. Bindings as in lib/uniform_records.wgsl.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let index = workgroup_index(workgroup_id, num_workgroups) * 64u + local_index;
    if index >= params.count {
        return;
    }
    let flags = params.flags | BLAKE3_CHUNK_START | BLAKE3_CHUNK_END | BLAKE3_ROOT;
    digests[index] = blake3_compress(params.key, load_block(index, 0u), vec2(0u), params.width, flags);
}
