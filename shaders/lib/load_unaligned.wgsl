// Loads records that begin at any byte, word by word.
//
// Binding 0: the records' bytes as little-endian words.

@group(0) @binding(0) var<storage, read> bytes: array<u32>;

// The little-endian word at any byte position.
fn load_word(position: u32) -> u32 {
    let index = position / 4u;
    let shift = 8u * (position % 4u);
    if shift == 0u {
        return bytes[index];
    }
    let next = min(index + 1u, arrayLength(&bytes) - 1u);
    return (bytes[index] >> shift) | (bytes[next] << (32u - shift));
}

// Loads block `block` of each of the workgroup's records into the tile, padded.
fn load_blocks(local_index: u32, block: u32, padding: u32) {
    let column = local_index % 16u;
    let offset = block * 64u + 4u * column;
    for (var row = local_index / 16u; row < WORKGROUP_SIZE; row += 4u) {
        let length = record_lengths[row];
        var word = 0u;
        if offset < length {
            word = load_word(record_starts[row] + offset);
        }
        tile[row * TILE_STRIDE + column] = pad_word(word, offset, length, padding);
    }
}
