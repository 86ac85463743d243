// Records that begin anywhere: their blocks are read word by word.

@group(0) @binding(0) var<storage, read> bytes: array<u32>;

// Four bytes from any position on, low byte first.
fn word_at(position: u32) -> u32 {
    let index = position / 4u;
    let shift = 8u * (position % 4u);
    if shift == 0u {
        return bytes[index];
    }
    let next = min(index + 1u, arrayLength(&bytes) - 1u);
    return (bytes[index] >> shift) | (bytes[next] << (32u - shift));
}

// Puts block `block` of every record into the tile, `end` after a record's last byte.
fn load_blocks(lane: u32, block: u32, end: u32) {
    let column = lane % 16u;
    let at = block * 64u + 4u * column;
    for (var row = lane / 16u; row < LANES; row += 4u) {
        let length = lengths[row];
        var word = 0u;
        if at < length {
            word = word_at(starts[row] + at);
        }
        tile[row * ROW + column] = trimmed(word, at, length, end);
    }
}
