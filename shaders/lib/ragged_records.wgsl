// Ragged records: byte strings of any lengths, packed in a column, 64 to a workgroup,
// one to an invocation.
//
// An invocation that read its own record would touch cache lines of its own. So the
// workgroup loads one block of 64 bytes of all its records together into workgroup
// memory, and each invocation takes its block from there. `load_blocks` is in
// load_unaligned.wgsl and load_aligned.wgsl. A workgroup runs until its longest record
// ends; the host can order records by their block counts.
//
// Bindings: 0 the bytes (in the load_* parts), 1 offsets, 2 order; the kernels add theirs.

const WORKGROUP_SIZE = 64u;
// Words of a row of the tile: one more than a block, so that the invocations' rows begin
// in different banks of workgroup memory.
const TILE_STRIDE = 17u;

struct Params {
    // Records of this dispatch.
    count: u32,
    // The length of every record, or 0xffffffff where `offsets` gives each record's start.
    width: u32,
    // Whether `order` lists the records in the order in which invocations take them.
    has_order: u32,
    // The range of blocks to hash.
    first_block: u32,
    end_block: u32,
    // What was hashed before these records: bytes for SHA-256, chunks for BLAKE3.
    preceding_low: u32,
    preceding_high: u32,
    // Whether more bytes of each record follow in a later dispatch: no padding then.
    continues: u32,
    // BLAKE3 alone: the mode's flags, whether records are chunks of longer ones, with
    // counters of their own, and the key words.
    flags: u32,
    has_counters: u32,
    key: Digest,
}

var<immediate> params: Params;
@group(0) @binding(1) var<storage, read> offsets: array<u32>;
@group(0) @binding(2) var<storage, read> order: array<u32>;

// A record's number in the column, its first byte and its length in bytes.
struct Record {
    index: u32,
    start: u32,
    length: u32,
}

var<workgroup> tile: array<u32, WORKGROUP_SIZE * TILE_STRIDE>;
var<workgroup> record_starts: array<u32, WORKGROUP_SIZE>;
var<workgroup> record_lengths: array<u32, WORKGROUP_SIZE>;
var<workgroup> max_blocks: atomic<u32>;
var<workgroup> end_block: u32;

// The record that the invocation at `position` takes; an empty one past the last.
fn record_at(position: u32) -> Record {
    if position >= params.count {
        return Record(position, 0u, 0u);
    }
    var index = position;
    if params.has_order != 0u {
        index = order[position];
    }
    if params.width != 0xffffffffu {
        return Record(index, index * params.width, params.width);
    }
    let start = offsets[index];
    return Record(index, start, offsets[index + 1u] - start);
}

// Publishes the invocation's record to the workgroup. Returns the block at which the
// workgroup ends, the same for all invocations.
fn publish_record(local_index: u32, record: Record, blocks: u32) -> u32 {
    record_starts[local_index] = record.start;
    record_lengths[local_index] = record.length;
    if local_index == 0u {
        atomicStore(&max_blocks, 0u);
    }
    workgroupBarrier();
    atomicMax(&max_blocks, blocks);
    workgroupBarrier();
    if local_index == 0u {
        end_block = min(atomicLoad(&max_blocks), params.end_block);
    }
    return workgroupUniformLoad(&end_block);
}

// The invocation's block of the tile.
fn local_block(local_index: u32) -> Block {
    let row = local_index * TILE_STRIDE;
    return Block(
        tile[row], tile[row + 1u], tile[row + 2u], tile[row + 3u],
        tile[row + 4u], tile[row + 5u], tile[row + 6u], tile[row + 7u],
        tile[row + 8u], tile[row + 9u], tile[row + 10u], tile[row + 11u],
        tile[row + 12u], tile[row + 13u], tile[row + 14u], tile[row + 15u],
    );
}

// The word at byte `offset` of a record, padded: the byte `padding` after the record's
// last byte, then zeros.
fn pad_word(word: u32, offset: u32, length: u32, padding: u32) -> u32 {
    if offset + 4u <= length {
        return word;
    }
    if offset > length {
        return 0u;
    }
    let shift = 8u * (length - offset);
    return (word & ((1u << shift) - 1u)) | (padding << shift);
}
