// One operation again and again, to see how many the adapter does in a second.

// 0: a + b. 1: bits of b where a has ones, of c where it has zeros. 2: a rotated by
// 7, exclusive or b. 3: a * b + c. 4: a + b + c. 5: the exclusive or of all three, each
// rotated.
override OPERATION: u32;

alias Word = vec4<u32>;

fn rotated(a: Word, n: u32) -> Word {
    return (a << vec4(n)) | (a >> vec4(32u - n));
}

fn step(a: Word, b: Word, c: Word) -> Word {
    switch OPERATION {
        case 0u: { return a + b; }
        case 1u: { return (a & b) | (~a & c); }
        case 2u: { return rotated(a, 7u) ^ b; }
        case 3u: { return a * b + c; }
        case 4u: { return a + b + c; }
        default: { return rotated(a, 7u) ^ rotated(b, 18u) ^ rotated(c, 30u); }
    }
}

@compute @workgroup_size(128)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = flat_group(group, groups) * 128u + lane;
    if index >= params.lanes {
        return;
    }
    let a = vec4(index) * 0x9e3779b9u + vec4(1u, 2u, 3u, 4u);
    let b = a * 0x85ebca6bu + 1u;
    let c = b * 0x85ebca6bu + 1u;
    let d = c * 0x85ebca6bu + 1u;
    let all = chains(a, b, c, d);
    results[index] = all.x ^ all.y ^ all.z ^ all.w;
}
