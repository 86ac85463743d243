// Records that begin at multiples of 16 bytes: four words at once.

@group(0) @binding(0) var<storage, read> bytes: array<vec4<u32>>;

// Puts block `block` of every record into the tile, `end` after a record's last byte.
fn load_blocks(lane: u32, block: u32, end: u32) {
    let column = 4u * (lane % 4u);
    let at = block * 64u + 4u * column;
    for (var row = lane / 4u; row < LANES; row += 16u) {
        let length = lengths[row];
        var words = vec4(0u);
        if at < length {
            words = bytes[(starts[row] + at) / 16u];
        }
        if at + 16u > length {
            words = vec4(
                trimmed(words.x, at, length, end),
                trimmed(words.y, at + 4u, length, end),
                trimmed(words.z, at + 8u, length, end),
                trimmed(words.w, at + 12u, length, end),
            );
        }
        let place = row * ROW + column;
        tile[place] = words.x;
        tile[place + 1u] = words.y;
        tile[place + 2u] = words.z;
        tile[place + 3u] = words.w;
    }
}
