// k = SHA-512(R ‖ A ‖ M) mod L, and whether S < L (RFC 8032, section 5.1.7). One
// invocation takes one signature, in the order of `spans`, which the host sorts by
// block count: neighbouring invocations then finish together. A dispatch hashes blocks
// `first_block` to `end_block` − 1; where a message has more, its chaining state stays
// in `scalars` for the next dispatch.
//
// Bindings: 0 the keys A, 1 the signatures R ‖ S, 2 where each message lies, 3 the
// messages as little-endian words, 4 the scalars: 28 words for each signature, of which
// k takes the first 8, the state 16, 5 the verdicts, set to 1 where S < L, else to 0.

// A message's first byte in `message_words` (wrapping below 0 where its beginning is
// not there), its length in bytes, and its signature's index.
struct MessageSpan { start: u32, length: u32, index: u32 }

struct Params { count: u32, first_block: u32, end_block: u32 }

var<immediate> params: Params;

@group(0) @binding(0) var<storage, read> keys: array<array<vec4<u32>, 2>>;
@group(0) @binding(1) var<storage, read> signatures: array<array<vec4<u32>, 4>>;
@group(0) @binding(2) var<storage, read> spans: array<MessageSpan>;
@group(0) @binding(3) var<storage, read> message_words: array<u32>;
@group(0) @binding(4) var<storage, read_write> scalars: array<array<vec4<u32>, 7>>;
@group(0) @binding(5) var<storage, read_write> verdicts: array<u32>;

// The little-endian word at byte `position`, a multiple of 4, of R ‖ A ‖ M and the
// padding 0x80, 0, 0, …
fn padded_word(span: MessageSpan, position: u32) -> u32 {
    if position < 32u {
        return signatures[span.index][position / 16u][position / 4u % 4u];
    }
    if position < 64u {
        return keys[span.index][position / 16u - 2u][position / 4u % 4u];
    }
    let offset = position - 64u;
    if offset > span.length {
        return 0u;
    }
    let remaining = span.length - offset;
    if remaining == 0u {
        return 0x80u;
    }
    let begin = span.start + offset;
    let shift = begin % 4u * 8u;
    var bytes = message_words[begin / 4u] >> shift;
    // Reads the next word only if the message reaches into it.
    if begin % 4u + remaining > 4u && shift > 0u {
        bytes |= message_words[begin / 4u + 1u] << (32u - shift);
    }
    if remaining < 4u {
        let end = remaining * 8u;
        bytes = (bytes & ((1u << end) - 1u)) | (0x80u << end);
    }
    return bytes;
}

fn pack_state(state: array<vec2<u32>, 8>) -> array<vec4<u32>, 4> {
    return array<vec4<u32>, 4>(
        vec4(state[0], state[1]),
        vec4(state[2], state[3]),
        vec4(state[4], state[5]),
        vec4(state[6], state[7]),
    );
}

fn unpack_state(words: array<vec4<u32>, 4>) -> array<vec2<u32>, 8> {
    return array<vec2<u32>, 8>(
        words[0].xy, words[0].zw, words[1].xy, words[1].zw,
        words[2].xy, words[2].zw, words[3].xy, words[3].zw,
    );
}

// The digest's 64 bytes as a little-endian number, least significant word first.
fn digest_words(state: array<vec2<u32>, 8>) -> array<vec4<u32>, 4> {
    var words = pack_state(state);
    for (var i = 0u; i < 4u; i++) {
        words[i] = swap_bytes4(words[i].yxwz);
    }
    return words;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let i = workgroup_index(workgroup_id, num_workgroups) * 64u + local_index;
    if i >= params.count {
        return;
    }
    let span = spans[i];
    // R ‖ A are 64 bytes; 0x80 and the length, 17 bytes, follow the message.
    let blocks = (span.length + 80u) / 128u + 1u;
    if params.first_block >= blocks {
        return;
    }
    var state = sha512_initial();
    if params.first_block > 0u {
        let words = scalars[span.index];
        state = unpack_state(array<vec4<u32>, 4>(words[0], words[1], words[2], words[3]));
    }
    for (var block = params.first_block; block < min(blocks, params.end_block); block++) {
        var w: array<vec2<u32>, 16>;
        for (var j = 0u; j < 16u; j++) {
            let position = 128u * block + 8u * j;
            w[j] = swap_bytes4(vec4(padded_word(span, position + 4u), padded_word(span, position), 0u, 0u)).xy;
        }
        if block + 1u == blocks {
            let bytes = span.length + 64u;
            w[15] = vec2(bytes << 3u, bytes >> 29u);
        }
        state = sha512_compress(state, w);
    }
    if params.end_block < blocks {
        let words = pack_state(state);
        for (var j = 0u; j < 4u; j++) {
            scalars[span.index][j] = words[j];
        }
        return;
    }
    let signature = signatures[span.index];
    let s = array<vec4<u32>, 2>(signature[2], signature[3]);
    let k = reduce(digest_words(state));
    scalars[span.index][0] = k[0];
    scalars[span.index][1] = k[1];
    verdicts[span.index] = select(0u, 1u, is_canonical(s));
}
