/* Every kind of invalid call, with its status and message; and many threads on one
 * engine, which is freed while they use it. */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verilane.h"

enum { ITEMS = 24, THREADS = 4, ROUNDS = 6 };

/* RFC 8032, section 7.1, test 2: a signature over "r". */
static const uint8_t KEY[32] =
    "\x3d\x40\x17\xc3\xe8\x43\x89\x5a\x92\xb7\x0a\xa7\x4d\x1b\x7e\xbc"
    "\x9c\x98\x2c\xcf\x2e\xc4\x96\x8c\xc0\xcd\x55\xf1\x2a\xf4\x66\x0c";
static const uint8_t SIGNATURE[64] =
    "\x92\xa0\x09\xa9\xf0\xd4\xca\xb8\x72\x0e\x82\x0b\x5f\x64\x25\x40"
    "\xa2\xb2\x7b\x54\x16\x50\x3f\x8f\xb3\x76\x22\x23\xeb\xdb\x69\xda"
    "\x08\x5a\xc1\xe4\x3e\x15\x99\x6e\x45\x8f\x36\x13\xd0\xf1\x1d\x8c"
    "\x38\x7b\x2e\xae\xb4\x30\x2a\xee\xb0\x0d\x29\x16\x12\xbb\x0c\x00";

#define FAIL(...)                                     \
    do {                                              \
        fprintf(stderr, "line %d: ", __LINE__);       \
        fprintf(stderr, __VA_ARGS__);                 \
        fputc('\n', stderr);                          \
        exit(EXIT_FAILURE);                           \
    } while (0)

#define SERVED(call)                                                          \
    do {                                                                      \
        verilane_status status = (call);                                      \
        if (status != VERILANE_STATUS_OK)                                     \
            FAIL("status %d: %s", status, verilane_last_error());             \
    } while (0)

#define REFUSED(call, expected, text)                                         \
    do {                                                                      \
        verilane_status status = (call);                                      \
        if (status != (expected))                                             \
            FAIL("status %d, not %d: %s", status, (expected), verilane_last_error()); \
        if (!strstr(verilane_last_error(), (text)))                           \
            FAIL("\"%s\" does not contain \"%s\"", verilane_last_error(), (text)); \
        refusals++;                                                           \
    } while (0)

static int refusals;

/* Valid columns, in which every third signature is over another message. */
typedef struct {
    uint8_t keys[ITEMS * 32], signatures[ITEMS * 64], bytes[ITEMS], verdicts[ITEMS];
    uint64_t offsets[ITEMS + 1];
} columns;

static void fill(columns *c) {
    for (size_t i = 0; i < ITEMS; i++) {
        memcpy(c->keys + 32 * i, KEY, 32);
        memcpy(c->signatures + 64 * i, SIGNATURE, 64);
        c->bytes[i] = i % 3 == 0 ? 's' : 'r';
        c->offsets[i] = i;
    }
    c->offsets[ITEMS] = ITEMS;
    memset(c->verdicts, 7, ITEMS);
}

static verilane_status verify(verilane_engine engine, columns *c, verilane_report *report) {
    return verilane_verify(engine, VERILANE_RULE_RFC8032, c->keys, c->signatures, c->bytes, ITEMS, c->offsets,
                           ITEMS, c->verdicts, report);
}

static void expect_verdicts(const columns *c) {
    for (size_t i = 0; i < ITEMS; i++)
        if (c->verdicts[i] != (i % 3 != 0))
            FAIL("verdict %zu is %d", i, c->verdicts[i]);
}

static void expect_untouched(const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != 7)
            FAIL("byte %zu was written by a call that failed", i);
}

static void engines(void) {
    verilane_engine engine = {42};
    REFUSED(verilane_engine_free(engine), VERILANE_STATUS_ENGINE, "0x2a is no engine");
    engine.id = 0;
    REFUSED(verilane_first_occurrences(engine, NULL, 0, NULL, NULL), VERILANE_STATUS_ENGINE, "0x0 is no engine");
    REFUSED(verilane_engine_new(NULL, NULL), VERILANE_STATUS_NULL, "engine is null");

    struct {
        verilane_options known;
        uint64_t later;
    } longer = {{.size = sizeof longer, .threads = 1, .backend = VERILANE_BACKEND_REFERENCE}, 0};
    SERVED(verilane_engine_new(&longer.known, &engine));
    SERVED(verilane_engine_free(engine));
    REFUSED(verilane_engine_free(engine), VERILANE_STATUS_ENGINE, "or was freed");
    longer.later = 1;
    REFUSED(verilane_engine_new(&longer.known, &engine), VERILANE_STATUS_ARGUMENT, "the rest must be 0");

    verilane_options options = {.size = 0};
    REFUSED(verilane_engine_new(&options, &engine), VERILANE_STATUS_ARGUMENT, "options.size cannot be 0");
    options.size = SIZE_MAX;
    REFUSED(verilane_engine_new(&options, &engine), VERILANE_STATUS_ARGUMENT, "options.size");
    options.size = sizeof options;
    options.backend = 4;
    REFUSED(verilane_engine_new(&options, &engine), VERILANE_STATUS_ARGUMENT, "4 stands for no back end");
    options.backend = VERILANE_BACKEND_CPU;
    options.isa = 99;
    REFUSED(verilane_engine_new(&options, &engine), VERILANE_STATUS_ARGUMENT, "99 stands for no instruction set");
    options.isa = VERILANE_ISA_SCALAR;
    options.adapter = "\xff";
    REFUSED(verilane_engine_new(&options, &engine), VERILANE_STATUS_ARGUMENT, "not UTF-8");
    options.backend = VERILANE_BACKEND_GPU;
    options.adapter = "no adapter is called so";
    REFUSED(verilane_engine_new(&options, &engine), VERILANE_STATUS_UNAVAILABLE, "gpu back end is not available");
}

static void signatures(verilane_engine engine) {
    static columns c;
    fill(&c);
    verilane_report report;
    SERVED(verify(engine, &c, &report));
    expect_verdicts(&c);
    if (report.backend != VERILANE_BACKEND_CPU || report.passed_over != 0 || report.fault[0] != 0)
        FAIL("the report says back end %u after %u: %s", report.backend, report.passed_over, report.fault);
    SERVED(verilane_verify(engine, VERILANE_RULE_STRICT, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL));

    fill(&c);
#define VERIFY(rule, keys, signatures, bytes, offsets, n, verdicts)                                    \
    verilane_verify(engine, rule, keys, signatures, bytes, ITEMS, offsets, n, verdicts, NULL)
    const uint32_t rule = VERILANE_RULE_RFC8032;
    REFUSED(VERIFY(0, c.keys, c.signatures, c.bytes, c.offsets, ITEMS, c.verdicts), VERILANE_STATUS_ARGUMENT,
            "0 stands for no rule: numbers go from 1 to 3");
    REFUSED(VERIFY(rule, NULL, c.signatures, c.bytes, c.offsets, ITEMS, c.verdicts), VERILANE_STATUS_NULL,
            "keys is null");
    REFUSED(VERIFY(rule, c.keys, NULL, c.bytes, c.offsets, ITEMS, c.verdicts), VERILANE_STATUS_NULL,
            "signatures is null");
    REFUSED(VERIFY(rule, c.keys, c.signatures, NULL, c.offsets, ITEMS, c.verdicts), VERILANE_STATUS_NULL,
            "bytes is null");
    REFUSED(VERIFY(rule, c.keys, c.signatures, c.bytes, NULL, ITEMS, c.verdicts), VERILANE_STATUS_NULL,
            "offsets is null");
    REFUSED(VERIFY(rule, c.keys, c.signatures, c.bytes, c.offsets, ITEMS, NULL), VERILANE_STATUS_NULL,
            "verdicts is null");
    REFUSED(VERIFY(rule, c.keys, c.signatures, c.bytes, c.offsets, (size_t)1 << 40, c.verdicts),
            VERILANE_STATUS_LENGTH, "1099511627776 items are too many");
    REFUSED(VERIFY(rule, c.keys, c.signatures, c.bytes, c.offsets, SIZE_MAX, c.verdicts), VERILANE_STATUS_LENGTH,
            "too many");
    REFUSED(VERIFY(rule, c.keys, c.signatures, c.bytes, (const uint64_t *)(const void *)(c.keys + 1), 2, c.verdicts),
            VERILANE_STATUS_MISALIGNED, "offsets at");
    REFUSED(VERIFY(rule, c.keys, c.signatures, c.bytes, c.offsets, ITEMS, c.bytes), VERILANE_STATUS_OVERLAP,
            "verdicts and bytes overlap");
    REFUSED(VERIFY(rule, c.keys, c.signatures, c.bytes, c.offsets, ITEMS, c.keys + sizeof c.keys - 1),
            VERILANE_STATUS_OVERLAP, "verdicts and keys overlap");
    REFUSED(verilane_verify(engine, rule, c.keys, c.signatures, c.bytes, SIZE_MAX, c.offsets, ITEMS, c.verdicts, NULL),
            VERILANE_STATUS_LENGTH, "bytes: 18446744073709551615 items of 1 bytes");
    REFUSED(verify(engine, &c, (verilane_report *)(void *)c.signatures), VERILANE_STATUS_OVERLAP,
            "report and signatures overlap");

    c.offsets[5] = ITEMS;
    REFUSED(verify(engine, &c, NULL), VERILANE_STATUS_OFFSETS, "offset 6 of the column is not valid: it is lower");
    fill(&c);
    c.offsets[ITEMS]++;
    REFUSED(verify(engine, &c, NULL), VERILANE_STATUS_OFFSETS, "offset 24 of the column is not valid: it lies past");
    c.offsets[ITEMS] = UINT64_MAX;
    REFUSED(verify(engine, &c, NULL), VERILANE_STATUS_OFFSETS, "past the end");
    expect_untouched(c.verdicts, ITEMS);
}

static void hashes(verilane_engine engine) {
    const uint64_t offsets[] = {0, 3};
    const uint8_t *bytes = (const uint8_t *)"abc";
    uint8_t key[32] = {0}, digest[32];
    memset(digest, 7, 32);
    REFUSED(verilane_hash(engine, 5, NULL, bytes, 3, offsets, 1, digest, NULL), VERILANE_STATUS_ARGUMENT,
            "5 stands for no hash");
    REFUSED(verilane_hash(engine, VERILANE_DIGEST_SHA256, key, bytes, 3, offsets, 1, digest, NULL),
            VERILANE_STATUS_ARGUMENT, "must be null");
    REFUSED(verilane_hash(engine, VERILANE_DIGEST_KEYED_BLAKE3, NULL, bytes, 3, offsets, 1, digest, NULL),
            VERILANE_STATUS_NULL, "key is null");
    REFUSED(verilane_hash(engine, VERILANE_DIGEST_KEYED_BLAKE3, digest, bytes, 3, offsets, 1, digest, NULL),
            VERILANE_STATUS_OVERLAP, "digests and key overlap");
    expect_untouched(digest, 32);
    SERVED(verilane_hash(engine, VERILANE_DIGEST_SHA256, NULL, bytes, 3, offsets, 1, digest, NULL));
    if (memcmp(digest, "\xba\x78\x16\xbf\x8f\x01\xcf\xea", 8) != 0)
        FAIL("the SHA-256 of \"abc\" is another");
}

static void trees(verilane_engine engine) {
    const uint32_t bitcoin = VERILANE_TREE_BITCOIN, plain = VERILANE_TREE_PLAIN;
    const uint32_t sha256 = VERILANE_DIGEST_SHA256, sha256d = VERILANE_DIGEST_SHA256D;
    uint8_t leaves[5 * 32] = {0}, root[32], path[3 * 32], mutated = 7, valid = 7;
    size_t length = 7;
    REFUSED(verilane_merkle_root(engine, 0, sha256, leaves, 5, root, &mutated, NULL), VERILANE_STATUS_ARGUMENT,
            "0 stands for no tree");
    REFUSED(verilane_merkle_root(engine, bitcoin, sha256, leaves, 5, root, &mutated, NULL),
            VERILANE_STATUS_ARGUMENT, "takes no other hash than SHA-256d");
    REFUSED(verilane_merkle_root(engine, plain, VERILANE_DIGEST_KEYED_BLAKE3, leaves, 5, root, &mutated, NULL),
            VERILANE_STATUS_ARGUMENT, "4 stands for no hash here");
    REFUSED(verilane_merkle_root(engine, plain, sha256, NULL, 0, root, &mutated, NULL), VERILANE_STATUS_ARGUMENT,
            "a plain tree needs at least one leaf");
    REFUSED(verilane_merkle_root(engine, plain, sha256, leaves, 5, root, root + 31, NULL), VERILANE_STATUS_OVERLAP,
            "mutated and root overlap");
    expect_untouched(&mutated, 1);
    SERVED(verilane_merkle_root(engine, bitcoin, sha256d, leaves, 5, root, &mutated, NULL));
    if (mutated != 1)
        FAIL("five equal leaves are mutated");

    memset(path, 7, sizeof path);
    REFUSED(verilane_merkle_proof(engine, plain, sha256, leaves, 5, 5, path, 3, &length, NULL),
            VERILANE_STATUS_ARGUMENT, "leaf 5 does not exist");
    REFUSED(verilane_merkle_proof(engine, plain, sha256, leaves, 5, 0, path, 2, &length, NULL),
            VERILANE_STATUS_CAPACITY, "the path has 3 digests, and there is room for 2");
    expect_untouched(path, sizeof path);
    if (length != 3)
        FAIL("the length needed is %zu", length);
    length = 7;
    REFUSED(verilane_merkle_proof(engine, plain, sha256, leaves, 5, 0, NULL, 0, &length, NULL),
            VERILANE_STATUS_CAPACITY, "room for 0");
    SERVED(verilane_merkle_proof(engine, bitcoin, sha256d, leaves, 5, 4, path, length, &length, NULL));
    SERVED(verilane_merkle_proof_verify(bitcoin, sha256d, leaves, 4, 5, path, length, root, &valid));
    if (valid != 1)
        FAIL("the proof holds");
    SERVED(verilane_merkle_proof_verify(bitcoin, sha256d, leaves, SIZE_MAX - 1, SIZE_MAX, path, length, root, &valid));
    if (valid != 0)
        FAIL("no tree has so many leaves");
}

static void nonces(verilane_engine engine) {
    uint8_t header[80] = {0}, target[32];
    verilane_found found;
    memset(&found, 7, sizeof found);
    memset(target, 0xff, 32);
    REFUSED(verilane_search(engine, header, 80, 77, target, 0, 9, &found, NULL), VERILANE_STATUS_ARGUMENT,
            "the nonce takes four bytes inside the header");
    REFUSED(verilane_search(engine, header, 80, SIZE_MAX, target, 0, 9, &found, NULL), VERILANE_STATUS_ARGUMENT,
            "inside the header");
    REFUSED(verilane_search(engine, NULL, 0, 0, target, 0, 9, &found, NULL), VERILANE_STATUS_ARGUMENT,
            "a header of 0 bytes");
    REFUSED(verilane_search(engine, header, 80, 76, target, 9, 8, &found, NULL), VERILANE_STATUS_ARGUMENT,
            "the nonce window from 9 to 8 is empty");
    REFUSED(verilane_search(engine, header, 80, 76, NULL, 0, 9, &found, NULL), VERILANE_STATUS_NULL,
            "target is null");
    expect_untouched((const uint8_t *)&found, sizeof found);
    SERVED(verilane_search(engine, header, 80, 76, target, 5, 9, &found, NULL));
    if (found.found != 1 || found.nonce != 5)
        FAIL("every nonce meets the highest target");
    memset(target, 0, 32);
    SERVED(verilane_search(engine, header, 80, 76, target, 5, 9, &found, NULL));
    if (found.found != 0 || found.nonce != 0)
        FAIL("none meets the lowest");
    REFUSED(verilane_target_from_bits(0, target), VERILANE_STATUS_ARGUMENT, "it is zero");
}

/* Shared by the threads that use one engine. */
typedef struct {
    verilane_engine engine;
    pthread_barrier_t half_way;
} shared;

/* Each thread has its own last error. Once the engine is freed, calls say so. */
static void *caller(void *argument) {
    shared *s = argument;
    columns *c = malloc(sizeof *c);
    fill(c);
    for (int round = 0; round < ROUNDS; round++) {
        SERVED(verify(s->engine, c, NULL));
        expect_verdicts(c);
        uint64_t id = (uint64_t)(uintptr_t)c;
        char text[32];
        snprintf(text, sizeof text, "0x%llx is no engine", (unsigned long long)id);
        verilane_engine none = {id};
        if (verify(none, c, NULL) != VERILANE_STATUS_ENGINE || !strstr(verilane_last_error(), text))
            FAIL("another thread's message: %s", verilane_last_error());
    }
    pthread_barrier_wait(&s->half_way);
    for (;;) {
        fill(c);
        verilane_status status = verify(s->engine, c, NULL);
        if (status == VERILANE_STATUS_ENGINE)
            break;
        if (status != VERILANE_STATUS_OK)
            FAIL("status %d: %s", status, verilane_last_error());
        expect_verdicts(c);
    }
    expect_untouched(c->verdicts, ITEMS);
    free(c);
    return NULL;
}

static void threads(verilane_engine engine) {
    static shared s;
    s.engine = engine;
    pthread_barrier_init(&s.half_way, NULL, THREADS + 1);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, caller, &s) != 0)
            FAIL("no thread could be started");
    pthread_barrier_wait(&s.half_way);
    SERVED(verilane_engine_free(engine));
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&s.half_way);
}

int main(void) {
    if (strlen(verilane_last_error()) != 0)
        FAIL("nothing has failed yet");
    engines();
    verilane_options options = {.size = sizeof options, .threads = 2, .backend = VERILANE_BACKEND_CPU};
    verilane_engine engine;
    SERVED(verilane_engine_new(&options, &engine));
    signatures(engine);
    hashes(engine);
    trees(engine);
    nonces(engine);
    threads(engine);
    printf("%d calls were refused\n", refusals);
    return EXIT_SUCCESS;
}
