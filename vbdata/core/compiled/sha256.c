/* SHA-256 of two messages that agree for a while, by the processor's own instructions.
 *
 * The instructions for four rounds wait for one another, so a second message costs nothing where it is
 * worked on in between; and where both take the same bytes their schedule is the same. Without the
 * instructions vbdata/core/sha256.py uses hashlib. Format: FIPS 180-4.
 */
#include <stdint.h>
#include <string.h>

/* A message so far: its hash value, its bytes, and those of its last block that are not hashed yet. */
typedef struct { uint32_t value[8]; uint64_t size; uint8_t rest[64]; } Message;

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#include <immintrin.h>

#define WITH_SHA __attribute__((target("sha,sse4.1,ssse3")))

static const uint32_t SHA_ROUNDS[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

int vb_sha256_able(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1) || !(c & bit_SSSE3)) return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1);
}

/* A hash value as the instructions take it, words a b e f and c d g h, the first highest; and back. */
WITH_SHA static void unpack_value(const uint32_t *value, __m128i *abef, __m128i *cdgh) {
    *abef = _mm_set_epi32((int)value[0], (int)value[1], (int)value[4], (int)value[5]);
    *cdgh = _mm_set_epi32((int)value[2], (int)value[3], (int)value[6], (int)value[7]);
}

WITH_SHA static void pack_value(uint32_t *value, __m128i abef, __m128i cdgh) {
    uint32_t first[4], second[4];
    memcpy(first, &abef, 16);
    memcpy(second, &cdgh, 16);
    for (int k = 0; k < 2; k++) {
        value[k] = first[3 - k];
        value[2 + k] = second[3 - k];
        value[4 + k] = first[1 - k];
        value[6 + k] = second[1 - k];
    }
}

/* Whole blocks into one hash value, or with `both` into two. */
WITH_SHA static inline __attribute__((always_inline)) void take_blocks(
    uint32_t *one, uint32_t *other, const uint8_t *data, uint64_t blocks, const int both) {
    const __m128i turn = _mm_set_epi64x(0x0c0d0e0f08090a0bll, 0x0405060700010203ll);
    __m128i a, c, p, q;
    unpack_value(one, &a, &c);
    unpack_value(other, &p, &q);
    for (; blocks; blocks--, data += 64) {
        const __m128i a_was = a, c_was = c, p_was = p, q_was = q;
        __m128i w[4];
        for (int k = 0; k < 4; k++)
            w[k] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(data + 16 * k)), turn);
        for (int round = 0; round < 16; round += 4) {
            for (int k = 0; k < 4; k++) {
                if (round) {
                    const __m128i seven = _mm_alignr_epi8(w[(k + 3) & 3], w[(k + 2) & 3], 4);
                    const __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w[k], w[(k + 1) & 3]), seven);
                    w[k] = _mm_sha256msg2_epu32(sum, w[(k + 3) & 3]);
                }
                const __m128i low = _mm_add_epi32(
                    w[k], _mm_load_si128((const __m128i *)(SHA_ROUNDS + 4 * (round + k))));
                const __m128i high = _mm_shuffle_epi32(low, 0x0e);
                c = _mm_sha256rnds2_epu32(c, a, low);
                if (both) q = _mm_sha256rnds2_epu32(q, p, low);
                a = _mm_sha256rnds2_epu32(a, c, high);
                if (both) p = _mm_sha256rnds2_epu32(p, q, high);
            }
        }
        a = _mm_add_epi32(a, a_was);
        c = _mm_add_epi32(c, c_was);
        if (both) {
            p = _mm_add_epi32(p, p_was);
            q = _mm_add_epi32(q, q_was);
        }
    }
    pack_value(one, a, c);
    if (both) pack_value(other, p, q);
}

WITH_SHA static void into_one(uint32_t *one, const uint8_t *data, uint64_t blocks) {
    take_blocks(one, one, data, blocks, 0);
}

WITH_SHA static void into_both(uint32_t *one, uint32_t *other, const uint8_t *data, uint64_t blocks) {
    take_blocks(one, other, data, blocks, 1);
}
#else
int vb_sha256_able(void) { return 0; }
static void into_one(uint32_t *one, const uint8_t *data, uint64_t blocks) { (void)one; (void)data; (void)blocks; }
static void into_both(uint32_t *one, uint32_t *other, const uint8_t *data, uint64_t blocks) {
    (void)one; (void)other; (void)data; (void)blocks;
}
#endif

void vb_sha256_begin(Message *message) {
    static const uint32_t first[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    };
    memcpy(message->value, first, sizeof first);
    message->size = 0;
}

/* Only where vb_sha256_able is true, here and below. */
void vb_sha256_add(Message *message, const uint8_t *data, uint64_t size) {
    const uint64_t begun = message->size & 63;
    message->size += size;
    if (begun) {
        const uint64_t lacks = 64 - begun, some = size < lacks ? size : lacks;
        memcpy(message->rest + begun, data, some);
        if (some < lacks) return;
        into_one(message->value, message->rest, 1);
        data += some;
        size -= some;
    }
    into_one(message->value, data, size / 64);
    memcpy(message->rest, data + (size & ~63ull), size & 63);
}

/* The same bytes to two messages: at once where both are at the beginning of a block. */
void vb_sha256_add_to_both(Message *one, Message *other, const uint8_t *data, uint64_t size) {
    const uint64_t whole = (one->size | other->size) & 63 ? 0 : size & ~63ull;
    into_both(one->value, other->value, data, whole / 64);
    one->size += whole;
    other->size += whole;
    vb_sha256_add(one, data + whole, size - whole);
    vb_sha256_add(other, data + whole, size - whole);
}

/* The digest of a message so far, 32 bytes; the message can go on. */
void vb_sha256_digest(const Message *message, uint8_t *digest) {
    static const uint8_t padding[64] = {0x80};
    Message end = *message;
    const uint64_t bits = message->size * 8, begun = message->size & 63;
    uint8_t length[8];
    for (int k = 0; k < 8; k++) length[k] = (uint8_t)(bits >> (56 - 8 * k));
    vb_sha256_add(&end, padding, (begun < 56 ? 56 : 120) - begun);
    vb_sha256_add(&end, length, 8);
    for (int k = 0; k < 32; k++) digest[k] = (uint8_t)(end.value[k / 4] >> (24 - 8 * (k % 4)));
}

/* The digests of texts that lie one after the other: 32 bytes each. bounds: where each begins, with
   one more. */
void vb_sha256_rows(const uint8_t *data, const int64_t *bounds, int64_t count, uint8_t *digests) {
    for (int64_t row = 0; row < count; row++) {
        Message message;
        vb_sha256_begin(&message);
        vb_sha256_add(&message, data + bounds[row], (uint64_t)(bounds[row + 1] - bounds[row]));
        vb_sha256_digest(&message, digests + 32 * row);
    }
}
