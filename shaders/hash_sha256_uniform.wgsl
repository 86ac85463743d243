// SHA-256 of short records.

// Whether the digest is hashed again.
override TWICE: bool = false;

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
    var words = big_endian(block_of(index, 0x80u));
    if params.width < 56u {
        words[15] = 8u * params.width;
    }
    var state = sha256_compress(sha256_initial(), words);
    if params.width == 64u {
        state = sha256_pad64(state);
    }
    if TWICE {
        state = sha256_again(state);
    }
    digests[index] = swapped(sha256_digest(state));
}
