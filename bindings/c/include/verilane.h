/*
 * verilane: the heavy jobs of a ledger node on SIMD CPUs and on GPUs.
 *
 * Made by cbindgen from bindings/c/src: VERILANE_BLESS=1 cargo test -p verilane-c
 *
 * Every function returns a status that must be looked at; unless it is
 * VERILANE_STATUS_OK, no output was written, but for the length that comes with
 * VERILANE_STATUS_CAPACITY. verilane_last_error says in words what was wrong.
 *
 * The caller keeps all memory. It may be freed or written again as soon as the
 * call returns, and by no other thread before. Inputs are neither copied nor
 * changed; they may overlap one another, and outputs may overlap nothing. A
 * pointer may be null where its length is 0.
 *
 * The library cannot know how large a buffer really is: lengths must be true.
 * Offsets are checked against the length of their buffer. A call takes up to
 * VERILANE_MAX_ITEMS items. Functions may be called from any thread.
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
 * The version of this interface. It grows when a program compiled for an earlier
 * one would no longer work.
 */
#define VERILANE_ABI_VERSION 1

/**
 * Bytes of the text in a report, with the zero byte at its end.
 */
#define VERILANE_FAULT_SIZE 244

/**
 * The most items of one call.
 *
 * A count above it is refused before any memory is looked at. It is the largest
 * position that 32 bits hold.
 */
#define VERILANE_MAX_ITEMS 4294967295

/**
 * The most digests in a proof of membership.
 */
#define VERILANE_MAX_PATH 32

/**
 * How a call ended. Unless it is `VERILANE_STATUS_OK`, no output was written, and
 * `verilane_last_error` says what was wrong and what would be valid.
 */
typedef enum {
    /**
     * The outputs hold the answer.
     */
    VERILANE_STATUS_OK = 0,
    /**
     * There is no such engine, or it was freed.
     */
    VERILANE_STATUS_ENGINE = 1,
    /**
     * A pointer is null and its length is not zero.
     */
    VERILANE_STATUS_NULL = 2,
    /**
     * A pointer is not aligned for what it points to.
     */
    VERILANE_STATUS_MISALIGNED = 3,
    /**
     * An output shares bytes with an input or with another output.
     */
    VERILANE_STATUS_OVERLAP = 4,
    /**
     * A length is above `VERILANE_MAX_ITEMS`, or reaches past the address space.
     */
    VERILANE_STATUS_LENGTH = 5,
    /**
     * Offsets run backwards or past the end of their buffer.
     */
    VERILANE_STATUS_OFFSETS = 6,
    /**
     * A value that the call cannot take.
     */
    VERILANE_STATUS_ARGUMENT = 7,
    /**
     * The output is too small; the length it needs was written.
     */
    VERILANE_STATUS_CAPACITY = 8,
    /**
     * The back end asked for cannot be had on this machine.
     */
    VERILANE_STATUS_UNAVAILABLE = 9,
    /**
     * Every back end that could serve the call failed; nothing is known of its result.
     */
    VERILANE_STATUS_FAULT = 10,
    /**
     * A defect of the library itself.
     */
    VERILANE_STATUS_PANIC = 11,
} verilane_status;

/**
 * A kind of back end.
 */
typedef enum {
    /**
     * The CPU; and a hardware GPU for calls above the size from which it was
     * measured to be faster. Software adapters are never chosen.
     */
    VERILANE_BACKEND_AUTO = 0,
    /**
     * The field's own crates: the oracle that the others equal.
     */
    VERILANE_BACKEND_REFERENCE = 1,
    /**
     * SIMD lanes on all threads.
     */
    VERILANE_BACKEND_CPU = 2,
    /**
     * WGSL compute shaders. Calls go to the CPU after a fault, and the report says so.
     */
    VERILANE_BACKEND_GPU = 3,
} verilane_backend;

/**
 * An instruction set; each includes those before it.
 */
typedef enum {
    /**
     * No cap: what the processor has.
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
 * Which Ed25519 signatures are accepted. The rule is a part of the consensus, and
 * has no default.
 */
typedef enum {
    /**
     * RFC 8032 without the cofactor, as OpenSSL, Go and ed25519-dalek's `verify`.
     */
    VERILANE_RULE_RFC8032 = 1,
    /**
     * The same without keys and `R` of small order, as ed25519-dalek's
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
     * BLAKE3 under a key of 32 bytes. No tree takes it.
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
 * How an engine is set up. All zero but the size is what most callers want:
 * `verilane_options options = {.size = sizeof options};`
 */
typedef struct {
    /**
     * The size of this structure in bytes, which tells its version.
     */
    size_t size;
    /**
     * Host threads; 0 stands for one for each processor.
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
     * Part of the name of the GPU adapter to use, in any case, ended by a zero byte;
     * null for the environment variable `VERILANE_ADAPTER`, or else any hardware
     * adapter. It is read only by `verilane_engine_new`.
     */
    const char *adapter;
} verilane_options;

/**
 * An engine, by its number. Zero is never one, and no number is used twice.
 *
 * Calls on one engine may come from many threads at once. After `fork` a child
 * cannot use its parent's engines, whose threads it does not have.
 */
typedef struct {
    /**
     * The number.
     */
    uint64_t id;
} verilane_engine;

/**
 * Where a call ran, and where it should have run but could not. A call that ends
 * well on another back end than it was placed on has a `passed_over` above 0.
 */
typedef struct {
    /**
     * The back end that gave the answer, one of `verilane_backend`.
     */
    uint32_t backend;
    /**
     * 1 if it is a software adapter, a processor that poses as a GPU; else 0.
     */
    uint32_t software;
    /**
     * How many back ends came before it and faulted.
     */
    uint32_t passed_over;
    /**
     * What the first of them said, in UTF-8, ended by a zero byte; cut if it is
     * long, empty if there is none.
     */
    char fault[VERILANE_FAULT_SIZE];
} verilane_report;

/**
 * What a search has found.
 */
typedef struct {
    /**
     * 1 if a nonce of the window meets the target; 0 if none does, and then the
     * rest is 0.
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
 * The version of the interface that the library has: it must be equal to the
 * header's `VERILANE_ABI_VERSION`.
 */
VERILANE_MUST_USE uint32_t verilane_abi_version(void);

/**
 * Makes an engine. Its self-tests have run when this returns.
 *
 * - `options`: null for an engine that places calls by itself, on all processors.
 * - `engine`: the new engine, to be freed by `verilane_engine_free`.
 */
VERILANE_MUST_USE
verilane_status verilane_engine_new(const verilane_options *options,
                                    verilane_engine *engine);

/**
 * Frees an engine. Calls that run on it in other threads end as they would have;
 * later ones fail with `VERILANE_STATUS_ENGINE`, and so does freeing it again.
 */
VERILANE_MUST_USE verilane_status verilane_engine_free(verilane_engine engine);

/**
 * A verdict for each of `n` signatures; none depends on another's.
 *
 * - `rule`: one of `verilane_rule`.
 * - `keys`: `n` public keys of 32 bytes, end to end.
 * - `signatures`: `n` signatures of 64 bytes, end to end.
 * - `bytes`, `bytes_len`: the messages' buffer.
 * - `offsets`: `n + 1` of them; message `i` is `bytes[offsets[i]..offsets[i + 1]]`.
 * - `verdicts`: `n` bytes; 1 where the signature is valid, else 0.
 * - `report`: where the call ran; null if nobody asks.
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
 * - `bytes`, `bytes_len`: the strings' buffer.
 * - `offsets`: `n + 1` of them; string `i` is `bytes[offsets[i]..offsets[i + 1]]`.
 * - `digests`: `n` digests of 32 bytes, end to end.
 * - `report`: where the call ran; null if nobody asks.
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
 * The leaf nodes of a tree over `n` byte strings, as `verilane_merkle_root` takes them.
 *
 * - `tree`: one of `verilane_tree`.
 * - `hash`: the tree's, one of `verilane_digest`.
 * - `bytes`, `bytes_len`: the strings' buffer.
 * - `offsets`: `n + 1` of them; string `i` is `bytes[offsets[i]..offsets[i + 1]]`.
 * - `leaves`: `n` nodes of 32 bytes, end to end.
 * - `report`: where the call ran; null if nobody asks.
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
 * The root over `n` leaf nodes, which are not hashed again.
 *
 * - `tree`: one of `verilane_tree`.
 * - `hash`: the tree's, one of `verilane_digest`.
 * - `leaves`: `n` nodes of 32 bytes, end to end.
 * - `root`: 32 bytes.
 * - `mutated`: 1 byte. 1 if the tree is Bitcoin's and another list of leaves has the
 *   same root (CVE-2012-2459): refuse such a block without marking it as invalid for
 *   good. Else 0.
 * - `report`: where the call ran; null if nobody asks.
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
 * - `hash`: the tree's, one of `verilane_digest`.
 * - `leaves`: `n` nodes of 32 bytes, end to end.
 * - `index`: the leaf's position, from 0.
 * - `path`: room for `capacity` digests of 32 bytes: the siblings from the leaf to
 *   the root, lowest first. `VERILANE_MAX_PATH` always suffice.
 * - `path_len`: how many digests the path has. It is written too if they are more
 *   than `capacity`: the status is then `VERILANE_STATUS_CAPACITY`, and `path` is as
 *   it was.
 * - `report`: where the call ran; null if nobody asks.
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
 * Whether a proof leads from `leaf` to `root`. It needs no engine.
 *
 * - `tree`: one of `verilane_tree`.
 * - `hash`: the tree's, one of `verilane_digest`.
 * - `leaf`: the leaf node, 32 bytes.
 * - `index`: its position, from 0.
 * - `leaves`: the number of leaves in the tree.
 * - `path`: `path_len` digests of 32 bytes, end to end.
 * - `root`: 32 bytes.
 * - `valid`: 1 byte; 1 if it does, else 0.
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
 * For each of `n` fingerprints, the position of the first one equal to it.
 *
 * - `prints`: `n` fingerprints of 32 bytes, end to end.
 * - `firsts`: `n` positions, from 0; that of the fingerprint itself if it is the first.
 * - `report`: where the call ran; null if nobody asks.
 */
VERILANE_MUST_USE
verilane_status verilane_first_occurrences(verilane_engine engine,
                                           const uint8_t *prints,
                                           size_t n,
                                           uint32_t *firsts,
                                           verilane_report *report);

/**
 * The lowest nonce, of those from `first` to `last`, with which the SHA-256d of the
 * header, read as a little-endian number, is not above the target.
 *
 * - `header`, `header_len`: the header; of Bitcoin's, 80 bytes. The nonce's bytes in
 *   it are not looked at.
 * - `nonce_offset`: where its 32-bit little-endian nonce begins: a multiple of 4, in
 *   the last 64-byte block of the padded header; in Bitcoin's, 76.
 * - `target`: 32 bytes, most significant first.
 * - `first`, `last`: both are tried too.
 * - `found`: what was found.
 * - `report`: where the call ran; null if nobody asks.
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
 * The target of Bitcoin's compact form, as a header holds it.
 *
 * - `target`: 32 bytes, most significant first.
 */
VERILANE_MUST_USE verilane_status verilane_target_from_bits(uint32_t bits, uint8_t *target);

/**
 * What was wrong with the last call of this thread that did not end with
 * `VERILANE_STATUS_OK`: UTF-8, ended by a zero byte, empty if every call was in
 * order. Calls that succeed leave it as it is.
 *
 * The text belongs to the library and lives until the next call of this thread
 * fails, or until the thread ends. Where calls move between threads, as Go's do,
 * keep the thread from the call to this one.
 */
VERILANE_MUST_USE const char *verilane_last_error(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* VERILANE_H */
