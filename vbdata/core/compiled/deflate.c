/* Deflate for filtered PNG rows: fast, and the same bytes on every processor.
 *
 * Matches: drawn maps are flat areas, so a match covers whole pixels and is looked for in two places
 * only: at the pixel before (a run), else where the same eight bytes were last seen (a hash table
 * without chains), and there only as long as that pays. Blocks: every BLOCK tokens get Huffman codes
 * of their own counts. Integers only, and no choice depends on the processor.
 * vbdata/core/deflate.py writes the same bytes in Python. Format: RFC 1951.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
    BLOCK = 1 << 15,      /* tokens that share Huffman codes */
    HASH_BITS = 14,
    LONGEST = 258,        /* bytes of a match */
    WINDOW = 32768,
    FAR = 9,              /* bytes of the shortest match that is not a run */
    END = 256,            /* the symbol that ends a block */
    LITERALS = 286, DISTANCES = 30, LENGTHS = 19,
    PATIENCE = 16,        /* pixels without a match after which only one in four is looked up */
    RETRY = 8,            /* blocks after which looking up is tried again where it did not pay */
};
/* A token is a pixel as it is (below 2^24), one byte (BYTE), or a match (MATCH): length, distance. */
#define BYTE (1u << 30)
#define MATCH (2u << 30)

/* Where the next byte goes, and `count` bits that do not fill one yet, the first lowest. */
typedef struct { uint8_t *to; uint64_t bits; int count; } Out;
/* literal: counts of symbols, apart for each byte of a pixel so that three increments never wait for
 * one another; looked_up: whether distant matches are looked for; number: of the block, from 0. */
typedef struct {
    uint32_t tokens[BLOCK + 1], size, number, literal[3][LITERALS], distance[DISTANCES];
    uint8_t of_length[LONGEST + 1]; /* the symbol of each match length */
    int looked_up;
} Block;
typedef struct { uint32_t weight; uint16_t symbol; } Leaf;

static uint64_t load64(const uint8_t *at) { uint64_t v; memcpy(&v, at, 8); return v; }

static void put(Out *out, uint64_t value, int count) {
    out->bits |= value << out->count;
    out->count += count;
}

/* Write all whole bytes. At most 7 bits stay; fewer than 57 may be put before the next flush. */
static void flush(Out *out) {
    memcpy(out->to, &out->bits, 8);
    out->to += out->count >> 3;
    out->bits >>= out->count & ~7;
    out->count &= 7;
}

/* The symbol of a match length, from 0; its extra bits and their number. */
static int length_symbol(int length, int *extra, int *bits) {
    int v = length - 3, top;
    *extra = *bits = 0;
    if (length == LONGEST) return 28;
    if (v < 8) return v;
    top = 31 - __builtin_clz((uint32_t)v);
    *bits = top - 2;
    *extra = v & ((1 << *bits) - 1);
    return 4 * (top - 1) + ((v >> *bits) & 3);
}

/* The symbol of a match distance; its extra bits and their number. */
static int distance_symbol(uint32_t distance, uint32_t *extra, int *bits) {
    uint32_t v = distance - 1;
    *extra = 0; *bits = 0;
    if (v < 4) return (int)v;
    int top = 31 - __builtin_clz(v);
    *bits = top - 1;
    *extra = v & ((1u << *bits) - 1);
    return 2 * top + (int)((v >> *bits) & 1);
}

static int by_weight(const void *a, const void *b) {
    const Leaf *x = a, *y = b;
    if (x->weight != y->weight) return x->weight < y->weight ? -1 : 1;
    return (int)x->symbol - (int)y->symbol;
}

/* Huffman code lengths of at most `limit` bits, by two queues: leaves by weight, and inner nodes in
 * the order of their making. Ties go to the leaf, then to the lower symbol. Lengths that were cut to
 * the limit make too many words: each step takes one away (see _shorten in vbdata/core/deflate.py). */
static void code_lengths(const uint32_t *weights, int symbols, int limit, uint8_t *lengths) {
    Leaf leaves[LITERALS];
    uint32_t weight[2 * LITERALS];
    int parent[2 * LITERALS], depth[2 * LITERALS], of_length[64] = {0};
    int n = 0, leaf = 0, node, end;
    memset(lengths, 0, symbols);
    for (int s = 0; s < symbols; s++)
        if (weights[s]) leaves[n++] = (Leaf){weights[s], (uint16_t)s};
    for (int s = 0; n < 2; s++) /* decoders want a complete code: two words, needed or not */
        if (!weights[s]) leaves[n++] = (Leaf){0, (uint16_t)s};
    qsort(leaves, n, sizeof(Leaf), by_weight);
    for (int k = 0; k < n; k++) weight[k] = leaves[k].weight;
    for (node = end = n; end < 2 * n - 1; end++) {
        int pair[2];
        for (int k = 0; k < 2; k++)
            pair[k] = leaf < n && (node >= end || weight[leaf] <= weight[node]) ? leaf++ : node++;
        weight[end] = weight[pair[0]] + weight[pair[1]];
        parent[pair[0]] = parent[pair[1]] = end;
    }
    depth[2 * n - 2] = 0;
    for (int k = 2 * n - 3; k >= 0; k--) {
        depth[k] = depth[parent[k]] + 1;
        if (k < n) of_length[depth[k] < limit ? depth[k] : limit]++;
    }
    uint32_t used = 0;
    for (int k = 1; k <= limit; k++) used += (uint32_t)of_length[k] << (limit - k);
    for (; used > 1u << limit; used--) {
        int k = limit - 1;
        while (!of_length[k]) k--;
        of_length[limit]--; of_length[k]--; of_length[k + 1] += 2;
    }
    for (int k = limit, at = 0; k > 0; k--)
        for (int left = of_length[k]; left > 0; left--) lengths[leaves[at++].symbol] = (uint8_t)k;
}

/* Canonical Huffman codes, the first bit lowest, as `put` takes them. */
static void code_words(const uint8_t *lengths, int symbols, uint16_t *words) {
    int of_length[16] = {0}, next[16] = {0};
    for (int s = 0; s < symbols; s++) of_length[lengths[s]]++;
    of_length[0] = 0;
    for (int k = 1; k < 16; k++) next[k] = (next[k - 1] + of_length[k - 1]) << 1;
    for (int s = 0; s < symbols; s++) {
        int word = lengths[s] ? next[lengths[s]]++ : 0, turned = 0;
        for (int k = 0; k < lengths[s]; k++) turned |= ((word >> k) & 1) << (lengths[s] - 1 - k);
        words[s] = (uint16_t)turned;
    }
}

/* The code lengths themselves, run-length coded: symbols 16, 17 and 18 repeat. */
static int packed_lengths(const uint8_t *all, int n, uint8_t *symbols, uint8_t *extras) {
    int count = 0;
    for (int i = 0, run; i < n; i += run) {
        for (run = 1; i + run < n && all[i + run] == all[i];) run++;
        int left = run;
        if (all[i]) { symbols[count] = all[i]; extras[count++] = 0; left--; }
        while (left >= 3) {
            int most = all[i] ? 6 : 138, part = left < most ? left : most;
            int symbol = all[i] ? 16 : part > 10 ? 18 : 17;
            symbols[count] = (uint8_t)symbol;
            extras[count++] = (uint8_t)(part - (symbol == 18 ? 11 : 3));
            left -= part;
        }
        for (; left > 0; left--) { symbols[count] = all[i]; extras[count++] = 0; }
    }
    return count;
}

/* A block's header: its kind and its codes, as run-length coded lengths (RFC 1951, 3.2.7). */
static void put_head(Out *out, const uint8_t *literal, const uint8_t *distance, int final) {
    static const uint8_t order[LENGTHS] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    static const uint8_t extra_bits[3] = {2, 3, 7};
    uint8_t all[LITERALS + DISTANCES], symbols[LITERALS + DISTANCES], extras[LITERALS + DISTANCES];
    uint8_t lengths[LENGTHS];
    uint16_t words[LENGTHS];
    uint32_t weights[LENGTHS] = {0};
    int literals = LITERALS, distances = DISTANCES, kept = LENGTHS;
    while (literals > 257 && !literal[literals - 1]) literals--;
    while (distances > 1 && !distance[distances - 1]) distances--;
    memcpy(all, literal, literals);
    memcpy(all + literals, distance, distances);
    int n = packed_lengths(all, literals + distances, symbols, extras);
    for (int k = 0; k < n; k++) weights[symbols[k]]++;
    code_lengths(weights, LENGTHS, 7, lengths);
    code_words(lengths, LENGTHS, words);
    while (kept > 4 && !lengths[order[kept - 1]]) kept--;
    put(out, (uint64_t)(final | 2 << 1), 3);
    put(out, literals - 257, 5); put(out, distances - 1, 5); put(out, kept - 4, 4);
    flush(out);
    for (int k = 0; k < kept; k++) { put(out, lengths[order[k]], 3); flush(out); }
    for (int k = 0; k < n; k++) {
        put(out, words[symbols[k]], lengths[symbols[k]]);
        if (symbols[k] > 15) put(out, extras[k], extra_bits[symbols[k] - 16]);
        flush(out);
    }
}

/* Code words and their lengths in one number, word << 5 | bits, so that a token costs one load. */
static void join(const uint16_t *words, const uint8_t *lengths, int symbols, uint32_t *joined) {
    for (int s = 0; s < symbols; s++) joined[s] = (uint32_t)words[s] << 5 | lengths[s];
}

/* By match length: its symbol's code word and its extra bits as one word. */
static void join_matches(const uint16_t *words, const uint8_t *lengths, uint32_t *joined) {
    for (int length = 3; length <= LONGEST; length++) {
        int extra, bits, s = END + 1 + length_symbol(length, &extra, &bits);
        joined[length] = ((uint32_t)words[s] | (uint32_t)extra << lengths[s]) << 5 | (lengths[s] + bits);
    }
}

static void put_joined(Out *out, uint32_t joined) { put(out, joined >> 5, joined & 31); }

/* Write a block and empty it. pixel: bytes of a pixel. */
static void put_block(Out *whole, Block *block, int pixel, int final) {
    Out here = *whole, *out = &here; /* kept in registers: a store through `to` may alias *whole */
    uint8_t literal_length[LITERALS], distance_length[DISTANCES];
    uint16_t literal[LITERALS], distance[DISTANCES];
    uint32_t weights[LITERALS];
    for (int s = 0; s < LITERALS; s++) weights[s] = block->literal[0][s] + block->literal[1][s] + block->literal[2][s];
    weights[END] = 1;
    code_lengths(weights, LITERALS, 15, literal_length);
    code_lengths(block->distance, DISTANCES, 15, distance_length);
    code_words(literal_length, LITERALS, literal);
    code_words(distance_length, DISTANCES, distance);
    put_head(out, literal_length, distance_length, final);
    uint32_t literals[LITERALS], distances[DISTANCES], matches[LONGEST + 1];
    join(literal, literal_length, LITERALS, literals);
    join(distance, distance_length, DISTANCES, distances);
    join_matches(literal, literal_length, matches);
    uint64_t far_bits = 0, far_bytes = 0;
    for (uint32_t k = 0; k < block->size; k++) {
        const uint32_t token = block->tokens[k];
        if (token < BYTE && pixel == 3) {
            /* three words joined first, then put at once: only that last step depends on the token before */
            const uint32_t r = literals[token & 255], g = literals[token >> 8 & 255], b = literals[token >> 16];
            const int to_g = r & 31, to_b = to_g + (g & 31);
            put(out, r >> 5 | (uint64_t)(g >> 5) << to_g | (uint64_t)(b >> 5) << to_b, to_b + (b & 31));
        } else if (token < BYTE) {
            for (int c = 0; c < pixel; c++) put_joined(out, literals[token >> 8 * c & 255]);
        } else if (token < MATCH) {
            put_joined(out, literals[token & 255]);
        } else {
            uint32_t extra;
            int bits, symbol = distance_symbol((token & 0xffff) + 1, &extra, &bits);
            const uint32_t match = matches[token >> 16 & 0x1ff], far = distances[symbol];
            const int to_far = match & 31, to_extra = to_far + (far & 31);
            put(out, match >> 5 | (uint64_t)(far >> 5) << to_far | (uint64_t)extra << to_extra, to_extra + bits);
            if ((token & 0xffff) != (uint32_t)pixel - 1) {
                far_bits += to_extra + bits;
                far_bytes += token >> 16 & 0x1ff;
            }
        }
        flush(out);
    }
    put(out, literal[END], literal_length[END]);
    flush(out);
    uint64_t bits = 0, bytes = 0;
    for (int s = 0; s < END; s++) { bits += (uint64_t)weights[s] * literal_length[s]; bytes += weights[s]; }
    /* Bytes that come again and again have short codes, so they are cheap without matches, too: a
     * match has to cost less than 2/5 of what as many bytes of this block cost on average. */
    block->looked_up = ++block->number % RETRY == 0 || 5 * far_bits * bytes < 2 * far_bytes * bits;
    *whole = here;
    block->size = 0;
    memset(block->literal, 0, sizeof block->literal);
    memset(block->distance, 0, sizeof block->distance);
}

/* How many bytes agree, at most `most`; 32 or eight are compared at a time. */
static inline int agreeing(const uint8_t *a, const uint8_t *b, int most) {
    int n = 0;
#ifdef __SSE2__
    for (; n + 32 <= most; n += 32) {
        const __m128i *x = (const __m128i *)(a + n), *y = (const __m128i *)(b + n);
        const __m128i low = _mm_cmpeq_epi8(_mm_loadu_si128(x), _mm_loadu_si128(y));
        const __m128i high = _mm_cmpeq_epi8(_mm_loadu_si128(x + 1), _mm_loadu_si128(y + 1));
        const uint32_t apart = ~((uint32_t)_mm_movemask_epi8(high) << 16 | (uint32_t)_mm_movemask_epi8(low));
        if (apart) return n + __builtin_ctz(apart);
    }
#endif
    for (; n + 8 <= most; n += 8) {
        uint64_t apart = load64(a + n) ^ load64(b + n);
        if (apart) return n + (__builtin_ctzll(apart) >> 3);
    }
    while (n < most && a[n] == b[n]) n++;
    return n;
}

/* One row: its filter's byte, then pixels. The eight bytes after the last row can be read. `pixel` is
 * a constant at each call, so that the compiler unrolls what depends on it. */
static inline __attribute__((always_inline)) uint64_t put_row(
    Out *out, Block *block, const uint8_t *stream, uint64_t at, uint64_t end, const int pixel,
    uint32_t *last_seen, int *missed) {
    const int shortest = pixel > 2 ? 2 * pixel : 4; /* bytes of a run */
    const uint32_t mask = (1u << 8 * pixel) - 1;
    const uint64_t run = (1ull << 8 * shortest) - 1;
    uint32_t size = block->size; /* in a register: in memory, each token would wait for the one before */
    block->tokens[size++] = BYTE | stream[at];
    block->literal[0][stream[at++]]++;
    while (at < end) {
        if (size >= BLOCK - 1) {
            block->size = size;
            put_block(out, block, pixel, 0);
            size = 0;
        }
        const uint64_t here = load64(stream + at);
        const uint32_t value = (uint32_t)here & mask;
        const int most = end - at < LONGEST ? (int)(end - at) : LONGEST;
        int length = 0;
        uint64_t distance = pixel;
        if (at > (uint64_t)pixel && most >= shortest && !((here ^ load64(stream + at - pixel)) & run)) {
            length = agreeing(stream + at, stream + at - pixel, most);
            length -= length % pixel;
        }
        if (block->looked_up && length < 2 * FAR && (*missed < PATIENCE || !(at & 3))) {
            uint32_t *place = last_seen + (here * 0x9E3779B185EBCA87ull >> (64 - HASH_BITS));
            const uint64_t back = at - *place;
            const uint8_t *there = stream + *place;
            if (*place && back <= WINDOW && most >= FAR
                && !((load64(there) ^ here) | (there[FAR - 1] ^ stream[at + FAR - 1]))) {
                /* a distance costs up to 13 extra bits, a run's none: only for 4 bytes more */
                int far = agreeing(stream + at, there, most);
                far -= far % pixel;
                if (far >= FAR && far > length + 3) { length = far; distance = back; }
            }
            *place = (uint32_t)at;
        }
        if (length) {
            int bits;
            uint32_t more;
            block->tokens[size++] = MATCH | (uint32_t)length << 16 | (uint32_t)(distance - 1);
            block->literal[0][END + 1 + block->of_length[length]]++;
            block->distance[distance_symbol((uint32_t)distance, &more, &bits)]++;
            at += length;
            *missed = 0;
        } else {
            block->tokens[size++] = value;
            for (int c = 0; c < pixel; c++) block->literal[c][value >> 8 * c & 255]++;
            at += pixel;
            ++*missed;
        }
    }
    block->size = size;
    return at;
}

static void put_rows(Out *out, Block *block, const uint8_t *stream, uint64_t rows, uint64_t length,
                     int pixel, uint32_t *last_seen) {
    uint64_t at = 0;
    int missed = 0;
    for (uint64_t row = 0; row < rows; row++) {
        const uint64_t end = at + length;
        if (block->size >= BLOCK - 1) put_block(out, block, pixel, 0);
        switch (pixel) {
        case 1: at = put_row(out, block, stream, at, end, 1, last_seen, &missed); break;
        case 2: at = put_row(out, block, stream, at, end, 2, last_seen, &missed); break;
        default: at = put_row(out, block, stream, at, end, 3, last_seen, &missed); break;
        }
    }
}

/* Deflate `rows` rows of `length` bytes: the filter's byte, then pixels of 1 to 3 bytes.
 *
 * `stream` is followed by 8 bytes of 0; `to` has room for 5/4 of its size and 4096 bytes. Returns the
 * size of the raw stream, without zlib's header and checksum; 0 if there is no memory. */
uint64_t vb_deflate(const uint8_t *stream, uint64_t rows, uint64_t length, int pixel, uint8_t *to) {
    Block *block = calloc(1, sizeof *block);
    uint32_t *last_seen = calloc(1 << HASH_BITS, sizeof *last_seen);
    Out out = {to, 0, 0};
    if (block && last_seen) {
        int extra, bits;
        block->looked_up = 1;
        for (int k = 3; k <= LONGEST; k++) block->of_length[k] = (uint8_t)length_symbol(k, &extra, &bits);
        put_rows(&out, block, stream, rows, length, pixel, last_seen);
        put_block(&out, block, pixel, 1);
        put(&out, 0, 7);
        flush(&out);
    }
    uint64_t size = block && last_seen ? (uint64_t)(out.to - to) : 0;
    free(block);
    free(last_seen);
    return size;
}
