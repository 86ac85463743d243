// One operation again and again, to see how many the adapter does in a second.

// 0: a + b. 1: bits of b where a has ones, of c where it has zeros. 2: a rotated by
// 7, exclusive or b. 3: a * b + c.
override OPERATION: u32;

alias Word = vec4<u32>;

fn step(a: Word, b: Word, c: Word) -> Word {
    switch OPERATION {
        case 0u: { return a + b; }
        case 1u: { return (a & b) | (~a & c); }
        case 2u: { return ((a << vec4(7u)) | (a >> vec4(25u))) ^ b; }
        default: { return a * b + c; }
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
