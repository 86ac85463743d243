// First occurrences, step 1: every print finds the slot of its value in an
// open-addressing table, and the lowest position stays there.
//
// A slot holds a print's position plus one, 0 while it is empty. Once filled it
// only ever changes to a lower position of an equal print, so its value is
// settled with the first write and the order of the threads does not matter.

struct Params {
    // This dispatch's prints.
    first: u32,
    count: u32,
    // Slots are a power of two above the number of prints: a probe always ends.
    slot_mask: u32,
    // Per call and secret, so that no input can be made to collide.
    seed: array<u32, 16>,
}

struct Print {
    low: vec4<u32>,
    high: vec4<u32>,
}

var<immediate> params: Params;
@group(0) @binding(0) var<storage, read> prints: array<Print>;
@group(0) @binding(1) var<storage, read_write> table: array<atomic<u32>>;
@group(0) @binding(2) var<storage, read_write> slots: array<u32>;

fn absorb(hash: u32, word: u32, add: u32, multiply: u32) -> u32 {
    let mixed = (word + add) * multiply;
    let next = (hash ^ mixed ^ (mixed >> 15u)) * 0x9e3779b1u;
    return next ^ (next >> 16u);
}

fn slot_of(print: Print) -> u32 {
    var hash = absorb(0u, print.low.x, params.seed[0], params.seed[1]);
    hash = absorb(hash, print.low.y, params.seed[2], params.seed[3]);
    hash = absorb(hash, print.low.z, params.seed[4], params.seed[5]);
    hash = absorb(hash, print.low.w, params.seed[6], params.seed[7]);
    hash = absorb(hash, print.high.x, params.seed[8], params.seed[9]);
    hash = absorb(hash, print.high.y, params.seed[10], params.seed[11]);
    hash = absorb(hash, print.high.z, params.seed[12], params.seed[13]);
    hash = absorb(hash, print.high.w, params.seed[14], params.seed[15]);
    return hash & params.slot_mask;
}

// The position in a slot, which becomes `own` if the slot is empty.
fn claim(slot: u32, own: u32) -> u32 {
    var held = atomicLoad(&table[slot]);
    while held == 0u {
        let claimed = atomicCompareExchangeWeak(&table[slot], 0u, own);
        if claimed.exchanged {
            return own;
        }
        held = claimed.old_value;
    }
    return held;
}

@compute @workgroup_size(128)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let place = flat_group(group, groups) * 128u + lane;
    if place >= params.count {
        return;
    }
    let index = params.first + place;
    let print = prints[index];
    var slot = slot_of(print);
    loop {
        let held = claim(slot, index + 1u);
        if held == index + 1u {
            break;
        }
        let other = prints[held - 1u];
        if all(other.low == print.low) && all(other.high == print.high) {
            if held > index + 1u {
                atomicMin(&table[slot], index + 1u);
            }
            break;
        }
        slot = (slot + 1u) & params.slot_mask;
    }
    slots[index] = slot;
}
