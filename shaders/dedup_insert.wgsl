// First occurrences, step 1: inserts fingerprints into an open-addressing hash table
// with linear probing. One invocation inserts one fingerprint and stores its slot's number.
//
// A slot holds a fingerprint's position plus 1, or 0 where it is empty. A filled slot
// changes only to a lower position of an equal fingerprint: the first write settles
// which fingerprint the slot stands for, so the result does not depend on the order
// in which invocations run.
//
// Bindings: 0 the fingerprints, 1 the table, 2 each fingerprint's slot.

struct Params {
    // The range of fingerprints that this dispatch inserts.
    first: u32,
    count: u32,
    // The number of slots less 1. Slots are a power of two and more than all
    // fingerprints, so that every probe sequence ends.
    slot_mask: u32,
    // Secret, and drawn for each call: nobody can construct colliding inputs.
    seed: array<u32, 16>,
}

struct Fingerprint {
    low: vec4<u32>,
    high: vec4<u32>,
}

var<immediate> params: Params;
@group(0) @binding(0) var<storage, read> fingerprints: array<Fingerprint>;
@group(0) @binding(1) var<storage, read_write> table: array<atomic<u32>>;
@group(0) @binding(2) var<storage, read_write> slots: array<u32>;

// Multiply-xorshift hash of one word into `hash`.
fn mix(hash: u32, word: u32, add: u32, multiply: u32) -> u32 {
    let mixed = (word + add) * multiply;
    let next = (hash ^ mixed ^ (mixed >> 15u)) * 0x9e3779b1u;
    return next ^ (next >> 16u);
}

// The slot where the fingerprint's probe sequence begins.
fn first_slot(fingerprint: Fingerprint) -> u32 {
    var hash = mix(0u, fingerprint.low.x, params.seed[0], params.seed[1]);
    hash = mix(hash, fingerprint.low.y, params.seed[2], params.seed[3]);
    hash = mix(hash, fingerprint.low.z, params.seed[4], params.seed[5]);
    hash = mix(hash, fingerprint.low.w, params.seed[6], params.seed[7]);
    hash = mix(hash, fingerprint.high.x, params.seed[8], params.seed[9]);
    hash = mix(hash, fingerprint.high.y, params.seed[10], params.seed[11]);
    hash = mix(hash, fingerprint.high.z, params.seed[12], params.seed[13]);
    hash = mix(hash, fingerprint.high.w, params.seed[14], params.seed[15]);
    return hash & params.slot_mask;
}

// Puts `candidate` into the slot if it is empty. Returns what the slot then holds.
fn claim_slot(slot: u32, candidate: u32) -> u32 {
    var occupant = atomicLoad(&table[slot]);
    while occupant == 0u {
        let claimed = atomicCompareExchangeWeak(&table[slot], 0u, candidate);
        if claimed.exchanged {
            return candidate;
        }
        occupant = claimed.old_value;
    }
    return occupant;
}

@compute @workgroup_size(128)
fn main(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let offset = workgroup_index(workgroup_id, num_workgroups) * 128u + local_index;
    if offset >= params.count {
        return;
    }
    let index = params.first + offset;
    let fingerprint = fingerprints[index];
    var slot = first_slot(fingerprint);
    loop {
        let occupant = claim_slot(slot, index + 1u);
        if occupant == index + 1u {
            break;
        }
        let other = fingerprints[occupant - 1u];
        if all(other.low == fingerprint.low) && all(other.high == fingerprint.high) {
            if occupant > index + 1u {
                atomicMin(&table[slot], index + 1u);
            }
            break;
        }
        slot = (slot + 1u) & params.slot_mask;
    }
    slots[index] = slot;
}
