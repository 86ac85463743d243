// SHA-256 of records of any length, or of their next blocks.

// Whether the digest is hashed again.
override TWICE: bool = false;

// Chaining values in the hash's own order; digests, as bytes, once complete.
@group(0) @binding(3) var<storage, read_write> digests: array<Digest>;

// The blocks of the padded record; of an open one, those that are whole.
fn blocks_of(length: u32) -> u32 {
    if params.open != 0u {
        return length / 64u;
    }
    return (length + 8u) / 64u + 1u;
}

// The message's length in bits, high word first.
fn bits_of(length: u32) -> vec2<u32> {
    let low = params.before_low + length;
    let high = params.before_high + u32(low < length);
    return vec2((high << 3u) | (low >> 29u), low << 3u);
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let position = flat_group(group, groups) * LANES + lane;
    let record = record_of(position);
    let present = position < params.count;
    let blocks = select(0u, blocks_of(record.length), present);
    let end = share(lane, record, blocks);
    var state = sha256_initial();
    if present && (params.first_block > 0u || params.before_low > 0u || params.before_high > 0u) {
        state = sha256_state(digests[record.index]);
    }
    for (var block = params.first_block; block < end; block++) {
        load_blocks(lane, block, select(0x80u, 0u, params.open != 0u));
        workgroupBarrier();
        if block < blocks {
            var words = big_endian(own_block(lane));
            if block + 1u == blocks && params.open == 0u {
                let bits = bits_of(record.length);
                words[14] = bits.x;
                words[15] = bits.y;
            }
            state = sha256_compress(state, words);
        }
        workgroupBarrier();
    }
    if !present || blocks <= params.first_block {
        return;
    }
    if params.open != 0u || blocks > params.end_block {
        digests[record.index] = sha256_digest(state);
        return;
    }
    if TWICE {
        state = sha256_again(state);
    }
    digests[record.index] = swapped(sha256_digest(state));
}
