// SHA-256 or SHA-256d of records of any lengths, one record in each invocation. A record
// with more blocks than a dispatch hashes leaves its hash value in `digests` for the next
// dispatch.
//
// Bindings: 0 to 2 as in lib/ragged_records.wgsl, 3 the digests.

// Whether the hash is SHA-256d, SHA-256 of the digest.
override TWICE: bool = false;

// Hash values in SHA-256's word order; complete digests in byte order.
@group(0) @binding(3) var<storage, read_write> digests: array<Digest>;

// The blocks of the padded record; the whole blocks where more bytes follow.
fn block_count(length: u32) -> u32 {
    if params.continues != 0u {
        return length / 64u;
    }
    return (length + 8u) / 64u + 1u;
}

// The message's length in bits, high word first.
fn length_in_bits(length: u32) -> vec2<u32> {
    let low = params.preceding_low + length;
    let high = params.preceding_high + u32(low < length);
    return vec2((high << 3u) | (low >> 29u), low << 3u);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let position = workgroup_index(workgroup_id, num_workgroups) * WORKGROUP_SIZE + local_index;
    let record = record_at(position);
    let in_range = position < params.count;
    let blocks = select(0u, block_count(record.length), in_range);
    let end = publish_record(local_index, record, blocks);
    var state = sha256_initial();
    if in_range && (params.first_block > 0u || params.preceding_low > 0u || params.preceding_high > 0u) {
        state = sha256_from_digest(digests[record.index]);
    }
    for (var block = params.first_block; block < end; block++) {
        load_blocks(local_index, block, select(0x80u, 0u, params.continues != 0u));
        workgroupBarrier();
        if block < blocks {
            var words = swap_block_bytes(local_block(local_index));
            if block + 1u == blocks && params.continues == 0u {
                let bits = length_in_bits(record.length);
                words[14] = bits.x;
                words[15] = bits.y;
            }
            state = sha256_compress(state, words);
        }
        workgroupBarrier();
    }
    if !in_range || blocks <= params.first_block {
        return;
    }
    if params.continues != 0u || blocks > params.end_block {
        digests[record.index] = sha256_to_digest(state);
        return;
    }
    if TWICE {
        state = sha256_hash_digest(state);
    }
    digests[record.index] = swap_digest_bytes(sha256_to_digest(state));
}
