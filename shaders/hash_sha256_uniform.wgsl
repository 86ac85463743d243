// SHA-256 or SHA-256d of uniform records of 16, 32, 48 or 64 bytes, one record in each
// invocation. Bindings as in lib/uniform_records.wgsl.

// Whether the hash is SHA-256d, SHA-256 of the digest.
override TWICE: bool = false;

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
    var words = swap_block_bytes(load_block(index, 0x80u));
    if params.width < 56u {
        words[15] = 8u * params.width;
    }
    var state = sha256_compress(sha256_initial(), words);
    if params.width == 64u {
        state = sha256_compress_padding64(state);
    }
    if TWICE {
        state = sha256_hash_digest(state);
    }
    digests[index] = swap_digest_bytes(sha256_to_digest(state));
}
