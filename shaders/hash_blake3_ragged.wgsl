// BLAKE3 of chunks (the BLAKE3 paper, section 2.3): of records of up to 1,024 bytes, or
// of the chunks of longer records. One chunk in each invocation; the result is the
// record's digest, or the chunk's chaining value.
//
// Bindings: 0 to 2 as in lib/ragged_records.wgsl, 3 chunk counters, 4 the results.

const NO_FLAGS = 0u;
const SINGLE_CHUNK = 0x80000000u;

// Each chunk's number in its record; with SINGLE_CHUNK where it is the record's only
// chunk.
@group(0) @binding(3) var<storage, read> chunk_counters: array<u32>;
@group(0) @binding(4) var<storage, read_write> digests: array<Digest>;

fn chunk_counter(index: u32) -> u32 {
    if params.has_counters != 0u {
        return chunk_counters[index];
    }
    return SINGLE_CHUNK;
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
    let blocks = select(0u, max(1u, (record.length + 63u) / 64u), in_range);
    let end = publish_record(local_index, record, blocks);
    var root_flag = NO_FLAGS;
    var counter = vec2(0u);
    if in_range {
        let entry = chunk_counter(record.index);
        root_flag = select(NO_FLAGS, BLAKE3_ROOT, (entry & SINGLE_CHUNK) != 0u);
        let low = params.preceding_low + (entry & ~SINGLE_CHUNK);
        counter = vec2(low, params.preceding_high + u32(low < params.preceding_low));
    }
    var chaining_value = params.key;
    for (var block = 0u; block < end; block++) {
        load_blocks(local_index, block, 0u);
        workgroupBarrier();
        if block < blocks {
            let is_last = block + 1u == blocks;
            let first = select(0u, BLAKE3_CHUNK_START, block == 0u);
            let last = select(0u, BLAKE3_CHUNK_END | root_flag, is_last);
            let length = select(64u, record.length - 64u * block, is_last);
            chaining_value = blake3_compress(
                chaining_value,
                local_block(local_index),
                counter,
                length,
                params.flags | first | last,
            );
        }
        workgroupBarrier();
    }
    if in_range {
        digests[record.index] = chaining_value;
    }
}
