/*
 * The five operations from C, and the message of a call that is refused.
 *
 *   bindings/c/install --prefix "$HOME/.local"
 *   export PKG_CONFIG_PATH="$HOME/.local/lib/pkgconfig" LD_LIBRARY_PATH="$HOME/.local/lib"
 *   cc -std=c11 examples/c/operations.c $(pkg-config --cflags --libs verilane) -o operations
 *
 * For the static library, ask pkg-config with --static, and give the linker
 * -l:libverilane.a in place of -lverilane.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verilane.h"

/* RFC 8032, section 7.1, test 2: a signature over the one byte 0x72, "r". */
static const uint8_t KEY[32] =
    "\x3d\x40\x17\xc3\xe8\x43\x89\x5a\x92\xb7\x0a\xa7\x4d\x1b\x7e\xbc"
    "\x9c\x98\x2c\xcf\x2e\xc4\x96\x8c\xc0\xcd\x55\xf1\x2a\xf4\x66\x0c";
static const uint8_t SIGNATURE[64] =
    "\x92\xa0\x09\xa9\xf0\xd4\xca\xb8\x72\x0e\x82\x0b\x5f\x64\x25\x40"
    "\xa2\xb2\x7b\x54\x16\x50\x3f\x8f\xb3\x76\x22\x23\xeb\xdb\x69\xda"
    "\x08\x5a\xc1\xe4\x3e\x15\x99\x6e\x45\x8f\x36\x13\xd0\xf1\x1d\x8c"
    "\x38\x7b\x2e\xae\xb4\x30\x2a\xee\xb0\x0d\x29\x16\x12\xbb\x0c\x00";

/* Bitcoin's first header. */
static const uint8_t HEADER[80] =
    "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x3b\xa3\xed\xfd\x7a\x7b\x12\xb2\x7a\xc7\x2c\x3e"
    "\x67\x76\x8f\x61\x7f\xc8\x1b\xc3\x88\x8a\x51\x32\x3a\x9f\xb8\xaa"
    "\x4b\x1e\x5e\x4a\x29\xab\x5f\x49\xff\xff\x00\x1d\x1d\xac\x2b\x7c";

static void check(verilane_status status) {
    if (status == VERILANE_STATUS_OK)
        return;
    fprintf(stderr, "verilane: %s\n", verilane_last_error());
    exit(EXIT_FAILURE);
}

static void print_digest(const char *name, const uint8_t digest[32]) {
    printf("%s ", name);
    for (int i = 0; i < 32; i++)
        printf("%02x", digest[i]);
    putchar('\n');
}

/* A verdict for each signature; the second is over another message. */
static void verify(verilane_engine engine) {
    uint8_t keys[2 * 32], signatures[2 * 64], verdicts[2];
    for (int i = 0; i < 2; i++) {
        memcpy(keys + 32 * i, KEY, 32);
        memcpy(signatures + 64 * i, SIGNATURE, 64);
    }
    const uint8_t messages[] = {'r', 's'};
    const uint64_t offsets[] = {0, 1, 2};
    verilane_report report;
    check(verilane_verify(engine, VERILANE_RULE_STRICT, keys, signatures, messages, sizeof messages,
                          offsets, 2, verdicts, &report));
    printf("verdicts %d %d\n", verdicts[0], verdicts[1]);
    printf("served by back end %" PRIu32 ", after %" PRIu32 " that faulted\n", report.backend,
           report.passed_over);
}

/* Digests, their first occurrences, a Merkle root and a proof of membership. */
static void records(verilane_engine engine) {
    const uint8_t bytes[] = {'a', 'l', 'p', 'h', 'a', 'b', 'e', 't', 'a', 'a', 'l', 'p', 'h', 'a'};
    const uint64_t offsets[] = {0, 5, 9, 14};
    uint8_t digests[3 * 32];
    check(verilane_hash(engine, VERILANE_DIGEST_BLAKE3, NULL, bytes, sizeof bytes, offsets, 3, digests,
                        NULL));
    print_digest("alpha", digests);

    uint32_t first[3];
    check(verilane_first_occurrences(engine, digests, 3, first, NULL));
    printf("first occurrences %" PRIu32 " %" PRIu32 " %" PRIu32 "\n", first[0], first[1], first[2]);

    const uint32_t tree = VERILANE_TREE_RFC6962, hash = VERILANE_DIGEST_SHA256;
    uint8_t leaves[3 * 32], root[32], mutated;
    check(verilane_merkle_leaves(engine, tree, hash, bytes, sizeof bytes, offsets, 3, leaves, NULL));
    check(verilane_merkle_root(engine, tree, hash, leaves, 3, root, &mutated, NULL));
    print_digest("root", root);

    uint8_t path[VERILANE_MAX_PATH * 32], valid;
    size_t path_len;
    check(verilane_merkle_proof(engine, tree, hash, leaves, 3, 1, path, VERILANE_MAX_PATH, &path_len,
                                NULL));
    check(verilane_merkle_proof_verify(tree, hash, leaves + 32, 1, 3, path, path_len, root, &valid));
    printf("proof of %zu digests, valid %d\n", path_len, valid);
}

/* The lowest nonce in a window that meets the target. */
static void search(verilane_engine engine) {
    uint8_t target[32];
    check(verilane_target_from_bits(0x1d00ffff, target));
    verilane_found found;
    check(verilane_search(engine, HEADER, sizeof HEADER, 76, target, 2083230000, 2083240000, &found, NULL));
    printf("nonce %" PRIu32 "\n", found.nonce);
    print_digest("header", found.digest);
}

/* Offsets that decrease are refused, and the message says where. */
static void refused(verilane_engine engine) {
    const uint64_t offsets[] = {0, 4, 2};
    uint8_t digests[2 * 32];
    verilane_status status = verilane_hash(engine, VERILANE_DIGEST_SHA256, NULL, (const uint8_t *)"data", 4,
                                           offsets, 2, digests, NULL);
    printf("status %d: %s\n", status, verilane_last_error());
}

int main(void) {
    if (verilane_abi_version() != VERILANE_ABI_VERSION) {
        fprintf(stderr, "the library has version %" PRIu32 " of the interface, not %d\n", verilane_abi_version(),
                VERILANE_ABI_VERSION);
        return EXIT_FAILURE;
    }
    verilane_options options = {.size = sizeof options, .backend = VERILANE_BACKEND_CPU};
    verilane_engine engine;
    check(verilane_engine_new(&options, &engine));
    verify(engine);
    records(engine);
    search(engine);
    refused(engine);
    check(verilane_engine_free(engine));
    return EXIT_SUCCESS;
}
