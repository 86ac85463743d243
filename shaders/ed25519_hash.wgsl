// k = SHA-512(R ‖ A ‖ M) mod L and whether S < L, one signature in each
// invocation, in the order of `items`: those of equally many blocks stand together.
// A dispatch hashes the blocks from `first` to before `end`; where a message has
// more, the state waits in `scalars`.

struct Item { start: u32, length: u32, index: u32 }

struct Params { count: u32, first: u32, end: u32 }

var<immediate> params: Params;

@group(0) @binding(0) var<storage, read> keys: array<array<vec4<u32>, 2>>;
@group(0) @binding(1) var<storage, read> signatures: array<array<vec4<u32>, 4>>;
@group(0) @binding(2) var<storage, read> items: array<Item>;
@group(0) @binding(3) var<storage, read> messages: array<u32>;
@group(0) @binding(4) var<storage, read_write> scalars: array<array<vec4<u32>, 7>>;
@group(0) @binding(5) var<storage, read_write> verdicts: array<u32>;

// Four bytes of R ‖ A ‖ M and its padding, from a position divisible by 4.
fn stream(item: Item, position: u32) -> u32 {
    if position < 32u {
        return signatures[item.index][position / 16u][position / 4u % 4u];
    }
    if position < 64u {
        return keys[item.index][position / 16u - 2u][position / 4u % 4u];
    }
    let offset = position - 64u;
    if offset > item.length {
        return 0u;
    }
    let left = item.length - offset;
    if left == 0u {
        return 0x80u;
    }
    let begin = item.start + offset;
    let shift = begin % 4u * 8u;
    var bytes = messages[begin / 4u] >> shift;
    // The next word is read only if the message reaches into it.
    if begin % 4u + left > 4u && shift > 0u {
        bytes |= messages[begin / 4u + 1u] << (32u - shift);
    }
    if left < 4u {
        let end = left * 8u;
        bytes = (bytes & ((1u << end) - 1u)) | (0x80u << end);
    }
    return bytes;
}

fn words_of(state: array<vec2<u32>, 8>) -> array<vec4<u32>, 4> {
    return array<vec4<u32>, 4>(
        vec4(state[0], state[1]),
        vec4(state[2], state[3]),
        vec4(state[4], state[5]),
        vec4(state[6], state[7]),
    );
}

fn state_of(words: array<vec4<u32>, 4>) -> array<vec2<u32>, 8> {
    return array<vec2<u32>, 8>(
        words[0].xy, words[0].zw, words[1].xy, words[1].zw,
        words[2].xy, words[2].zw, words[3].xy, words[3].zw,
    );
}

// The digest's 64 bytes as a number, least significant word first.
fn digest_of(state: array<vec2<u32>, 8>) -> array<vec4<u32>, 4> {
    var words = words_of(state);
    for (var i = 0u; i < 4u; i++) {
        words[i] = swap_bytes(words[i].yxwz);
    }
    return words;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = flat_group(group, groups) * 64u + lane;
    if i >= params.count {
        return;
    }
    let item = items[i];
    // 64 bytes before the message; 0x80 and 16 bytes of length after it.
    let blocks = (item.length + 80u) / 128u + 1u;
    if params.first >= blocks {
        return;
    }
    var state = sha512_start();
    if params.first > 0u {
        let words = scalars[item.index];
        state = state_of(array<vec4<u32>, 4>(words[0], words[1], words[2], words[3]));
    }
    for (var block = params.first; block < min(blocks, params.end); block++) {
        var w: array<vec2<u32>, 16>;
        for (var j = 0u; j < 16u; j++) {
            let position = 128u * block + 8u * j;
            w[j] = swap_bytes(vec4(stream(item, position + 4u), stream(item, position), 0u, 0u)).xy;
        }
        if block + 1u == blocks {
            let bytes = item.length + 64u;
            w[15] = vec2(bytes << 3u, bytes >> 29u);
        }
        state = sha512_compress(state, w);
    }
    if params.end < blocks {
        let words = words_of(state);
        for (var j = 0u; j < 4u; j++) {
            scalars[item.index][j] = words[j];
        }
        return;
    }
    let signature = signatures[item.index];
    let s = array<vec4<u32>, 2>(signature[2], signature[3]);
    let k = reduce(digest_of(state));
    scalars[item.index][0] = k[0];
    scalars[item.index][1] = k[1];
    verdicts[item.index] = select(0u, 1u, is_canonical(s));
}
