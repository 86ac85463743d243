// Packed byte strings, 64 of them to a workgroup, one to a lane.
//
// Lanes that each read their own record would touch a cache line each. So the
// workgroup reads one block of all its records together into its own memory, where
// each lane finds its block: see `load_blocks` in bytes_any and bytes_aligned.

const LANES = 64u;
// A row's words, and one more so that lanes fall into different banks.
const ROW = 17u;

struct Params {
    count: u32,
    // The length of every record, or 0xffffffff where `offsets` say where each begins.
    width: u32,
    // Whether `order` says which record comes when.
    ordered: u32,
    // The blocks to hash, and the bytes hashed before these records.
    first_block: u32,
    end_block: u32,
    before_low: u32,
    before_high: u32,
    // Whether the records go on after these bytes.
    open: u32,
    // BLAKE3's: the mode's flags, whether items are chunks of longer records, the key.
    flags: u32,
    chunked: u32,
    key: Digest,
}

var<immediate> params: Params;
@group(0) @binding(1) var<storage, read> offsets: array<u32>;
@group(0) @binding(2) var<storage, read> order: array<u32>;

struct Record {
    index: u32,
    start: u32,
    length: u32,
}

var<workgroup> tile: array<u32, LANES * ROW>;
var<workgroup> starts: array<u32, LANES>;
var<workgroup> lengths: array<u32, LANES>;
var<workgroup> most_blocks: atomic<u32>;
var<workgroup> end_block: u32;

// The record of lane `lane`; past the last one, an empty record.
fn record_of(position: u32) -> Record {
    if position >= params.count {
        return Record(position, 0u, 0u);
    }
    var index = position;
    if params.ordered != 0u {
        index = order[position];
    }
    if params.width != 0xffffffffu {
        return Record(index, index * params.width, params.width);
    }
    let start = offsets[index];
    return Record(index, start, offsets[index + 1u] - start);
}

// Makes the record known to the workgroup, and says at which block all are done.
fn share(lane: u32, record: Record, blocks: u32) -> u32 {
    starts[lane] = record.start;
    lengths[lane] = record.length;
    if lane == 0u {
        atomicStore(&most_blocks, 0u);
    }
    workgroupBarrier();
    atomicMax(&most_blocks, blocks);
    workgroupBarrier();
    if lane == 0u {
        end_block = min(atomicLoad(&most_blocks), params.end_block);
    }
    return workgroupUniformLoad(&end_block);
}

// The lane's own block.
fn own_block(lane: u32) -> Block {
    let row = lane * ROW;
    return Block(
        tile[row], tile[row + 1u], tile[row + 2u], tile[row + 3u],
        tile[row + 4u], tile[row + 5u], tile[row + 6u], tile[row + 7u],
        tile[row + 8u], tile[row + 9u], tile[row + 10u], tile[row + 11u],
        tile[row + 12u], tile[row + 13u], tile[row + 14u], tile[row + 15u],
    );
}

// The word at byte `at` of a record: `end` after the record's last byte, zeros after that.
fn trimmed(word: u32, at: u32, length: u32, end: u32) -> u32 {
    if at + 4u <= length {
        return word;
    }
    if at > length {
        return 0u;
    }
    let shift = 8u * (length - at);
    return (word & ((1u << shift) - 1u)) | (end << shift);
}
