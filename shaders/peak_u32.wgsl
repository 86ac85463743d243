// Measures the peak rate of one 32-bit operation: chains of dependent operations on
// vectors of four words, without memory accesses. One invocation runs four chains.
//
// Binding 0: a word for each invocation, which the host compares.

// 0: a + b. 1: Ch(a, b, c). 2: (a <<< 7) ^ b. 3: a·b + c. 4: a + b + c.
// 5: (a <<< 7) ^ (b <<< 18) ^ (c <<< 30).
override OPERATION: u32;

alias Word = vec4<u32>;

fn rotate_left(a: Word, n: u32) -> Word {
    return (a << vec4(n)) | (a >> vec4(32u - n));
}

fn operation(a: Word, b: Word, c: Word) -> Word {
    switch OPERATION {
        case 0u: { return a + b; }
        case 1u: { return (a & b) | (~a & c); }
        case 2u: { return rotate_left(a, 7u) ^ b; }
        case 3u: { return a * b + c; }
        case 4u: { return a + b + c; }
        default: { return rotate_left(a, 7u) ^ rotate_left(b, 18u) ^ rotate_left(c, 30u); }
    }
}

@compute @workgroup_size(128)
fn main(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let index = workgroup_index(workgroup_id, num_workgroups) * 128u + local_index;
    if index >= params.invocations {
        return;
    }
    let a = vec4(index) * 0x9e3779b9u + vec4(1u, 2u, 3u, 4u);
    let b = a * 0x85ebca6bu + 1u;
    let c = b * 0x85ebca6bu + 1u;
    let d = c * 0x85ebca6bu + 1u;
    let all = run_chains(a, b, c, d);
    results[index] = all.x ^ all.y ^ all.z ^ all.w;
}
