// Loads records that begin at multiples of 16 bytes: four words at a time.
//
// Binding 0: the records' bytes.

@group(0) @binding(0) var<storage, read> bytes: array<vec4<u32>>;

// Loads block `block` of each of the workgroup's records into the tile, padded.
fn load_blocks(local_index: u32, block: u32, padding: u32) {
    let column = 4u * (local_index % 4u);
    let offset = block * 64u + 4u * column;
    for (var row = local_index / 4u; row < WORKGROUP_SIZE; row += 16u) {
        let length = record_lengths[row];
        var words = vec4(0u);
        if offset < length {
            words = bytes[(record_starts[row] + offset) / 16u];
        }
        if offset + 16u > length {
            words = vec4(
                pad_word(words.x, offset, length, padding),
                pad_word(words.y, offset + 4u, length, padding),
                pad_word(words.z, offset + 8u, length, padding),
                pad_word(words.w, offset + 12u, length, padding),
            );
        }
        let tile_index = row * TILE_STRIDE + column;
        tile[tile_index] = words.x;
        tile[tile_index + 1u] = words.y;
        tile[tile_index + 2u] = words.z;
        tile[tile_index + 3u] = words.w;
    }
}
