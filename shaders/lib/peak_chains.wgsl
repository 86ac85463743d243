// Four chains of a probe's steps, of its own `Word`. Each step depends on three of the
// four, so that no two of them can be joined into one instruction.

struct Params {
    lanes: u32,
    turns: u32,
}

var<immediate> params: Params;
@group(0) @binding(0) var<storage, read_write> results: array<u32>;

// The ends of all chains, exclusive or.
fn chains(first: Word, second: Word, third: Word, fourth: Word) -> Word {
    var a = first;
    var b = second;
    var c = third;
    var d = fourth;
    for (var turn = 0u; turn < params.turns; turn++) {
        a = step(a, b, c);
        b = step(b, c, d);
        c = step(c, d, a);
        d = step(d, a, b);
        a = step(a, b, c);
        b = step(b, c, d);
        c = step(c, d, a);
        d = step(d, a, b);
    }
    return a ^ b ^ c ^ d;
}
