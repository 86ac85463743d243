/*
 * verilane: Merkle roots, Ed25519 verification, duplicate detection and nonce
 * search on SIMD CPUs and GPUs.
 *
 * Made by cbindgen from bindings/c/src: VERILANE_BLESS=1 cargo test -p verilane-c
 *
 * Every function that can fail returns a status, which the caller must check.
 * Unless it is VERILANE_STATUS_OK, the call has written no output, except the
 * length that comes with VERILANE_STATUS_CAPACITY. verilane_last_error describes
 * the failure.
 *
 * The caller owns all buffers. Until the call returns, no other thread may write
 * to its inputs or access its outputs; afterwards the library holds no pointer to
 * them. Inputs are neither copied nor modified, and may overlap one another. An
 * output may overlap no other buffer. A pointer may be null if its length is 0.
 *
 * The library cannot check the size of a buffer: the lengths passed must be true.
 * It checks offsets against the length of their buffer. A call takes at most
 * VERILANE_MAX_ITEMS items. Any thread may call any function.
 */

#ifndef VERILANE_H
#define VERILANE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define VERILANE_MUST_USE __attribute__((warn_unused_result))
#else
#define VERILANE_MUST_USE
#endif

/**
 * The version of this binary interface. It increases when a program compiled for an
 * earlier one would no longer work.
 */
#define VERILANE_ABI_VERSION 1

/**
 * The size of a report's `fault` in bytes, with the terminating NUL.
 */
#define VERILANE_FAULT_SIZE 244

/**
 * The largest number of items in one call: the largest position that 32 bits hold.
 *
 * A larger count is refused before any memory is read.
 */
#define VERILANE_MAX_ITEMS 4294967295

/**
 * The largest number of digests in a proof of membership.
 */
#define VERILANE_MAX_PATH 32

/**
 * How a call ended. Unless it is `VERILANE_STATUS_OK`, no output was written, and
 * `verilane_last_error` says what was wrong and what would be valid. Only
 * `VERILANE_STATUS_CAPACITY` comes with an output: the length needed.
 */
typedef enum {
    /**
     * The outputs hold the answer.
     */
    VERILANE_STATUS_OK = 0,
    /**
     * The engine was never created, or was freed.
     */
    VERILANE_STATUS_ENGINE = 1,
    /**
     * A pointer is null, but its length is not zero.
     */
    VERILANE_STATUS_NULL = 2,
    /**
     * A pointer is not aligned for its type.
     */
    VERILANE_STATUS_MISALIGNED = 3,
    /**
     * An output overlaps an input or another output.
     */
    VERILANE_STATUS_OVERLAP = 4,
    /**
     * A length is above `VERILANE_MAX_ITEMS`, or exceeds the address space.
     */
    VERILANE_STATUS_LENGTH = 5,
    /**
     * Offsets decrease, or lie past the end of their buffer.
     */
    VERILANE_STATUS_OFFSETS = 6,
    /**
     * A value is not valid for the call.
     */
    VERILANE_STATUS_ARGUMENT = 7,
    /**
     * The output is too small. The length needed was written.
     */
    VERILANE_STATUS_CAPACITY = 8,
    /**
     * The back end asked for is not available on this machine.
     */
    VERILANE_STATUS_UNAVAILABLE = 9,
    /**
     * Every back end that could serve the call faulted, and there is no result.
     */
    VERILANE_STATUS_FAULT = 10,
    /**
     * A defect of the library itself.
     */
    VERILANE_STATUS_PANIC = 11,
} verilane_status;

/**
 * A back end.
 */
typedef enum {
    /**
     * The CPU, and a hardware GPU for calls above the size from which it measured
     * faster. Software adapters are never chosen.
     */
    VERILANE_BACKEND_AUTO = 0,
    /**
     * The field's own crates, item by item: the oracle that the others equal.
     */
    VERILANE_BACKEND_REFERENCE = 1,
    /**
     * SIMD lanes on all threads.
     */
    VERILANE_BACKEND_CPU = 2,
    /**
     * WGSL compute shaders. After a fault a call runs on the CPU, and its report says
     * so.
     */
    VERILANE_BACKEND_GPU = 3,
} verilane_backend;

/**
 * An instruction set; each includes those before it.
 */
typedef enum {
    /**
     * No cap: the highest that the processor supports.
     */
    VERILANE_ISA_BEST = 0,
    /**
     * One item at a time.
     */
    VERILANE_ISA_SCALAR = 1,
    /**
     * AVX2.
     */
    VERILANE_ISA_AVX2 = 2,
    /**
     * AVX-512 F, BW, DQ and VL.
     */
    VERILANE_ISA_AVX512 = 3,
    /**
     * AVX-512 with IFMA.
     */
    VERILANE_ISA_AVX512_IFMA = 4,
} verilane_isa;

/**
 * An acceptance rule of Ed25519: which signatures are valid. It is part of a ledger's
 * consensus, and has no default.
 */
typedef enum {
    /**
     * RFC 8032 without the cofactor, as OpenSSL, Go and ed25519-dalek's `verify`.
     */
    VERILANE_RULE_RFC8032 = 1,
    /**
     * The same, but keys and `R` of small order are refused, as ed25519-dalek's
     * `verify_strict` and Solana.
     */
    VERILANE_RULE_STRICT = 2,
    /**
     * ZIP 215, with the cofactor, as Zcash and CometBFT. Anyone can sign for a key of
     * small order, the all-zero key among them: refuse those keys first.
     */
    VERILANE_RULE_ZIP215 = 3,
} verilane_rule;

/**
 * A hash function with a digest of 32 bytes.
 */
typedef enum {
    /**
     * SHA-256.
     */
    VERILANE_DIGEST_SHA256 = 1,
    /**
     * SHA-256 of the SHA-256.
     */
    VERILANE_DIGEST_SHA256D = 2,
    /**
     * BLAKE3.
     */
    VERILANE_DIGEST_BLAKE3 = 3,
    /**
     * BLAKE3 with a key of 32 bytes. No tree takes it.
     */
    VERILANE_DIGEST_KEYED_BLAKE3 = 4,
} verilane_digest;

/**
 * A rule by which leaves become a Merkle root.
 */
typedef enum {
    /**
     * Bitcoin's: node = SHA-256d(left, right), an odd last node is paired with
     * itself. Its hash is `VERILANE_DIGEST_SHA256D`.
     */
    VERILANE_TREE_BITCOIN = 1,
    /**
     * RFC 6962: leaf = H(0, data), node = H(1, left, right), an odd last node is
     * promoted. The only one with a root of no leaves.
     */
    VERILANE_TREE_RFC6962 = 2,
    /**
     * leaf = H(data), node = H(left, right), an odd last node is promoted.
     */
    VERILANE_TREE_PLAIN = 3,
} verilane_tree;

/**
 * The options of an engine. The defaults are zero in every field but `size`:
 * `verilane_options options = {.size = sizeof options};`
 */
typedef struct {
    /**
     * The size of this structure in bytes, which identifies its version.
     */
    size_t size;
    /**
     * Host threads; 0 means one for each processor.
     */
    size_t threads;
    /**
     * One of `verilane_backend`.
     */
    uint32_t backend;
    /**
     * The highest instruction set to use, one of `verilane_isa`. The environment
     * variable `VERILANE_ISA` caps it too.
     */
    uint32_t isa;
    /**
     * Part of the name of the GPU adapter to use: case-insensitive, NUL-terminated
     * UTF-8. Null means the environment variable `VERILANE_ADAPTER`, or any hardware
     * adapter if that is unset. Only `verilane_engine_new` reads it.
     */
    const char *adapter;
} verilane_options;

/**
 * A handle to an engine. Its id is never zero, and never used again.
 *
 * Any number of threads may call one engine at once. After `fork` the child cannot
 * use its parent's engines: it does not have their threads.
 */
typedef struct {
    /**
     * The engine's id.
     */
    uint64_t id;
} verilane_engine;

/**
 * Where a call ran. `passed_over` is above 0 if it was first placed on a back end
 * that faulted.
 */
typedef struct {
    /**
     * The back end that served the call, one of `verilane_backend`.
     */
    uint32_t backend;
    /**
     * 1 if it is a software adapter, which runs shaders on the CPU; else 0.
     */
    uint32_t software;
    /**
     * The number of back ends that faulted before it.
     */
    uint32_t passed_over;
    /**
     * The first of those faults: NUL-terminated UTF-8, truncated if it is too long,
     * empty if there was none.
     */
    char fault[VERILANE_FAULT_SIZE];
} verilane_report;

/**
 * The result of a search.
 */
typedef struct {
    /**
     * 1 if a nonce in the window meets the target; else 0, and all other fields are 0.
     */
    uint32_t found;
    /**
     * The lowest such nonce.
     */
    uint32_t nonce;
    /**
     * SHA-256d of the header with the nonce in place.
     */
    uint8_t digest[32];
} verilane_found;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The library's version of the interface. It must equal the header's
 * `VERILANE_ABI_VERSION`.
 */
VERILANE_MUST_USE uint32_t verilane_abi_version(void);

/**
 * Creates an engine and runs its self-tests.
 *
 * - `options`: null for the defaults: automatic placement, on all processors.
 * - `engine`: the new engine, which `verilane_engine_free` frees.
 */
VERILANE_MUST_USE
verilane_status verilane_engine_new(const verilane_options *options,
                                    verilane_engine *engine);

/**
 * Frees an engine. Calls that other threads have in progress on it complete; later
 * ones fail with `VERILANE_STATUS_ENGINE`, as does freeing it again.
 */
VERILANE_MUST_USE verilane_status verilane_engine_free(verilane_engine engine);

/**
 * A verdict for each of `n` signatures, independent of the others. Under
 * `VERILANE_RULE_ZIP215` that holds but for a probability of 2^-125, with which a batch
 * equation accepts an invalid signature.
 *
 * - `rule`: one of `verilane_rule`.
 * - `keys`: `n` public keys of 32 bytes, contiguous.
 * - `signatures`: `n` signatures of 64 bytes, contiguous.
 * - `bytes`, `bytes_len`: the buffer of the messages.
 * - `offsets`: `n + 1` offsets; message `i` is `bytes[offsets[i]..offsets[i + 1]]`.
 * - `verdicts`: `n` bytes; 1 where the signature is valid, else 0.
 * - `report`: where the call ran; may be null.
 */
VERILANE_MUST_USE
verilane_status verilane_verify(verilane_engine engine,
                                uint32_t rule,
                                const uint8_t *keys,
                                const uint8_t *signatures,
                                const uint8_t *bytes,
                                size_t bytes_len,
                                const uint64_t *offsets,
                                size_t n,
                                uint8_t *verdicts,
                                verilane_report *report);

/**
 * The digest of each of `n` byte strings.
 *
 * - `hash`: one of `verilane_digest`.
 * - `key`: 32 bytes for `VERILANE_DIGEST_KEYED_BLAKE3`, else null.
 * - `bytes`, `bytes_len`: the buffer of the strings.
 * - `offsets`: `n + 1` offsets; string `i` is `bytes[offsets[i]..offsets[i + 1]]`.
 * - `digests`: `n` digests of 32 bytes, contiguous.
 * - `report`: where the call ran; may be null.
 */
VERILANE_MUST_USE
verilane_status verilane_hash(verilane_engine engine,
                              uint32_t hash,
                              const uint8_t *key,
                              const uint8_t *bytes,
                              size_t bytes_len,
                              const uint64_t *offsets,
                              size_t n,
                              uint8_t *digests,
                              verilane_report *report);

/**
 * The leaf nodes of a tree over `n` byte strings, which `verilane_merkle_root` takes.
 *
 * - `tree`: one of `verilane_tree`.
 * - `hash`: the tree's hash, one of `verilane_digest`.
 * - `bytes`, `bytes_len`: the buffer of the strings.
 * - `offsets`: `n + 1` offsets; string `i` is `bytes[offsets[i]..offsets[i + 1]]`.
 * - `leaves`: `n` nodes of 32 bytes, contiguous.
 * - `report`: where the call ran; may be null.
 */
VERILANE_MUST_USE
verilane_status verilane_merkle_leaves(verilane_engine engine,
                                       uint32_t tree,
                                       uint32_t hash,
                                       const uint8_t *bytes,
                                       size_t bytes_len,
                                       const uint64_t *offsets,
                                       size_t n,
                                       uint8_t *leaves,
                                       verilane_report *report);

/**
 * The root over `n` leaf nodes, which are taken as they are and not hashed again.
 *
 * - `tree`: one of `verilane_tree`.
 * - `hash`: the tree's hash, one of `verilane_digest`.
 * - `leaves`: `n` nodes of 32 bytes, contiguous.
 * - `root`: 32 bytes.
 * - `mutated`: 1 byte. 1 if the tree is Bitcoin's and another list of leaves has the
 *   same root (CVE-2012-2459): refuse such a block, but do not mark it as permanently
 *   invalid. Else 0.
 * - `report`: where the call ran; may be null.
 */
VERILANE_MUST_USE
verilane_status verilane_merkle_root(verilane_engine engine,
                                     uint32_t tree,
                                     uint32_t hash,
                                     const uint8_t *leaves,
                                     size_t n,
                                     uint8_t *root,
                                     uint8_t *mutated,
                                     verilane_report *report);

/**
 * The proof that leaf `index` is in the tree over `n` leaf nodes.
 *
 * - `tree`: one of `verilane_tree`.
 * - `hash`: the tree's hash, one of `verilane_digest`.
 * - `leaves`: `n` nodes of 32 bytes, contiguous.
 * - `index`: the leaf's position, from 0.
 * - `path`: room for `capacity` digests of 32 bytes: the siblings from the leaf to
 *   the root, lowest first. `VERILANE_MAX_PATH` always suffice.
 * - `path_len`: the number of digests in the path. If it is above `capacity`, it is
 *   still written; the status is then `VERILANE_STATUS_CAPACITY`, and `path` is
 *   unchanged.
 * - `report`: where the call ran; may be null.
 */
VERILANE_MUST_USE
verilane_status verilane_merkle_proof(verilane_engine engine,
                                      uint32_t tree,
                                      uint32_t hash,
                                      const uint8_t *leaves,
                                      size_t n,
                                      size_t index,
                                      uint8_t *path,
                                      size_t capacity,
                                      size_t *path_len,
                                      verilane_report *report);

/**
 * Whether a proof leads from `leaf` to `root`. This needs no engine.
 *
 * - `tree`: one of `verilane_tree`.
 * - `hash`: the tree's hash, one of `verilane_digest`.
 * - `leaf`: the leaf node, 32 bytes.
 * - `index`: its position, from 0.
 * - `leaves`: the number of leaves in the tree.
 * - `path`: `path_len` digests of 32 bytes, contiguous.
 * - `root`: 32 bytes.
 * - `valid`: 1 byte; 1 if the proof is valid, else 0.
 */
VERILANE_MUST_USE
verilane_status verilane_merkle_proof_verify(uint32_t tree,
                                             uint32_t hash,
                                             const uint8_t *leaf,
                                             size_t index,
                                             size_t leaves,
                                             const uint8_t *path,
                                             size_t path_len,
                                             const uint8_t *root,
                                             uint8_t *valid);

/**
 * For each of `n` fingerprints, the position of its first occurrence.
 *
 * - `fingerprints`: `n` fingerprints of 32 bytes, contiguous.
 * - `first_occurrences`: `n` positions, from 0; a fingerprint's own if no earlier one is
 *   equal.
 * - `report`: where the call ran; may be null.
 */
VERILANE_MUST_USE
verilane_status verilane_first_occurrences(verilane_engine engine,
                                           const uint8_t *fingerprints,
                                           size_t n,
                                           uint32_t *first_occurrences,
                                           verilane_report *report);

/**
 * The lowest nonce from `first` to `last` for which the SHA-256d of the header, read
 * as a little-endian number, is not above the target.
 *
 * - `header`, `header_len`: the header; Bitcoin's has 80 bytes. The nonce in it is
 *   ignored.
 * - `nonce_offset`: where the 32-bit little-endian nonce begins: a multiple of 4, in
 *   the last 64-byte block of the padded header; 76 in Bitcoin's.
 * - `target`: 32 bytes, big-endian.
 * - `first`, `last`: the bounds of the window, both included.
 * - `found`: the result.
 * - `report`: where the call ran; may be null.
 */
VERILANE_MUST_USE
verilane_status verilane_search(verilane_engine engine,
                                const uint8_t *header,
                                size_t header_len,
                                size_t nonce_offset,
                                const uint8_t *target,
                                uint32_t first,
                                uint32_t last,
                                verilane_found *found,
                                verilane_report *report);

/**
 * Expands the compact target in a Bitcoin header.
 *
 * - `bits`: the compact target.
 * - `target`: 32 bytes, big-endian.
 */
VERILANE_MUST_USE verilane_status verilane_target_from_bits(uint32_t bits, uint8_t *target);

/**
 * The message of this thread's last call that did not end with `VERILANE_STATUS_OK`:
 * NUL-terminated UTF-8, empty if no call has failed. Calls that succeed do not change
 * it.
 *
 * The library owns the text, which is valid until the thread's next call fails or the
 * thread ends. Where a runtime moves calls between threads, as Go's does, lock the
 * thread from the failing call to this one.
 */
VERILANE_MUST_USE const char *verilane_last_error(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* VERILANE_H */
