// Four chains of `operation` on `Word`, both defined by the kernel. Each operation
// depends on the results of three chains, so that compilers cannot merge two operations
// into one instruction.

struct Params {
    invocations: u32,
    // Rounds of 8 operations.
    rounds: u32,
}

var<immediate> params: Params;
@group(0) @binding(0) var<storage, read_write> results: array<u32>;

// The exclusive or of the chains' last values.
fn run_chains(first: Word, second: Word, third: Word, fourth: Word) -> Word {
    var a = first;
    var b = second;
    var c = third;
    var d = fourth;
    for (var round = 0u; round < params.rounds; round++) {
        a = operation(a, b, c);
        b = operation(b, c, d);
        c = operation(c, d, a);
        d = operation(d, a, b);
        a = operation(a, b, c);
        b = operation(b, c, d);
        c = operation(c, d, a);
        d = operation(d, a, b);
    }
    return a ^ b ^ c ^ d;
}
