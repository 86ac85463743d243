// BLAKE3 of chunks: of records of up to 1,024 bytes, or of the pieces of longer ones.

const CHAINING = 0u;
const WHOLE_RECORD = 0x80000000u;

// For each item its number in the record; WHOLE_RECORD if it is the only one.
@group(0) @binding(3) var<storage, read> numbers: array<u32>;
@group(0) @binding(4) var<storage, read_write> digests: array<Digest>;

fn number_of(index: u32) -> u32 {
    if params.chunked != 0u {
        return numbers[index];
    }
    return WHOLE_RECORD;
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
    let blocks = select(0u, max(1u, (record.length + 63u) / 64u), present);
    let end = share(lane, record, blocks);
    var root = CHAINING;
    var counter = vec2(0u);
    if present {
        let number = number_of(record.index);
        root = select(CHAINING, BLAKE3_ROOT, (number & WHOLE_RECORD) != 0u);
        let low = params.before_low + (number & ~WHOLE_RECORD);
        counter = vec2(low, params.before_high + u32(low < params.before_low));
    }
    var chain = params.key;
    for (var block = 0u; block < end; block++) {
        load_blocks(lane, block, 0u);
        workgroupBarrier();
        if block < blocks {
            let is_last = block + 1u == blocks;
            let first = select(0u, BLAKE3_CHUNK_START, block == 0u);
            let last = select(0u, BLAKE3_CHUNK_END | root, is_last);
            let length = select(64u, record.length - 64u * block, is_last);
            chain = blake3_compress(chain, own_block(lane), counter, length, params.flags | first | last);
        }
        workgroupBarrier();
    }
    if present {
        digests[record.index] = chain;
    }
}
