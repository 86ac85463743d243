// BLAKE3 of short records: each is one block.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_group(group, groups) * 64u + lane;
    if index >= params.count {
        return;
    }
    let flags = params.flags | BLAKE3_CHUNK_START | BLAKE3_CHUNK_END | BLAKE3_ROOT;
    digests[index] = blake3_compress(params.key, block_of(index, 0u), vec2(0u), params.width, flags);
}
