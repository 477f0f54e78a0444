/* Plain annotations of a COCO-format file, read from its JSON text into columns.
 *
 * An annotation is plain if it is as nearly all are: a mask with whole numbers as ids, an area above 0
 * and polygons or run lengths, or a caption with the id of an image. A run of plain ones is read, up to
 * the first object that is anything else, which is left to the caller. What is taken is valid JSON in
 * ASCII (RFC 8259); what is left need not be wrong.
 *
 * Functions `past_...` return the place after what begins at a place, or NULL if something else does,
 * or if the text ends before it does.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <immintrin.h>
#endif

enum {
    CORNERS_LEAST = 6,  /* numbers of a polygon of three corners */
    WIDEST = 300,       /* bytes of a number without an exponent, so few that the sum of any is finite */
    LONGEST_KEY = 256,
    MOST_DIGITS = 19,   /* of an area: such a number fits 64 bits */
    ID_DIGITS = 18,
    DEEPEST = 16,       /* lists and objects within one another */
};

/* Keys that decide; each at most once in an object. */
enum {
    KEY_ID = 1, KEY_IMAGE = 2, KEY_KIND = 4, KEY_CROWD = 8,
    KEY_AREA = 16, KEY_SHAPE = 32, KEY_CAPTION = 64, KEY_SEGMENTS = 128,
};

static const uint8_t *past_space(const uint8_t *at, const uint8_t *end) {
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) at++;
    return at;
}

static int is_digit(uint8_t sign) { return (uint8_t)(sign - '0') < 10; }

static const uint8_t *past_digits(const uint8_t *at, const uint8_t *end) {
    const uint8_t *first = at;
    while (at < end && is_digit(*at)) at++;
    return at > first ? at : NULL;
}

/* A number without an exponent. */
static const uint8_t *past_decimal(const uint8_t *at, const uint8_t *end) {
    if (at < end && *at == '-') at++;
    const uint8_t *first = at;
    at = past_digits(at, end);
    if (!at || (*first == '0' && at - first > 1)) return NULL;
    return at < end && *at == '.' ? past_digits(at + 1, end) : at;
}

static const uint8_t *past_number(const uint8_t *at, const uint8_t *end) {
    at = past_decimal(at, end);
    if (!at || at == end || (*at | 32) != 'e') return at;
    at++;
    if (at < end && (*at == '+' || *at == '-')) at++;
    return past_digits(at, end);
}

#ifdef __SSE2__
#ifdef __AVX2__
typedef __m256i Lanes;
static Lanes lanes_at(const uint8_t *at) { return _mm256_loadu_si256((const __m256i *)at); }
static Lanes lanes_of(char sign) { return _mm256_set1_epi8(sign); }
static Lanes equal(Lanes a, Lanes b) { return _mm256_cmpeq_epi8(a, b); }
static Lanes either(Lanes a, Lanes b) { return _mm256_or_si256(a, b); }
static Lanes digits_of(Lanes bytes) {
    const Lanes value = _mm256_sub_epi8(bytes, lanes_of('0'));
    return equal(_mm256_min_epu8(value, lanes_of(9)), value);
}
static uint64_t bits_of(Lanes set) { return (uint32_t)_mm256_movemask_epi8(set); }
#else
typedef __m128i Lanes;
static Lanes lanes_at(const uint8_t *at) { return _mm_loadu_si128((const __m128i *)at); }
static Lanes lanes_of(char sign) { return _mm_set1_epi8(sign); }
static Lanes equal(Lanes a, Lanes b) { return _mm_cmpeq_epi8(a, b); }
static Lanes either(Lanes a, Lanes b) { return _mm_or_si128(a, b); }
static Lanes digits_of(Lanes bytes) {
    const Lanes value = _mm_sub_epi8(bytes, lanes_of('0'));
    return equal(_mm_min_epu8(value, lanes_of(9)), value);
}
static uint64_t bits_of(Lanes set) { return (uint32_t)_mm_movemask_epi8(set); }
#endif

/* Which of 64 bytes are what, a bit each, the lowest for the first. */
typedef struct { uint64_t digits, zeros, points, minuses, commas, spaces, closes; } Marks;

static Marks marks_of(const uint8_t *at) {
    Marks marks = {0};
    for (int shift = 0; shift < 64; shift += (int)sizeof(Lanes)) {
        const Lanes bytes = lanes_at(at + shift);
        marks.digits |= bits_of(digits_of(bytes)) << shift;
        marks.zeros |= bits_of(equal(bytes, lanes_of('0'))) << shift;
        marks.points |= bits_of(equal(bytes, lanes_of('.'))) << shift;
        marks.minuses |= bits_of(equal(bytes, lanes_of('-'))) << shift;
        marks.commas |= bits_of(equal(bytes, lanes_of(','))) << shift;
        const Lanes spaces = either(equal(bytes, lanes_of(' ')), equal(bytes, lanes_of('\n')));
        marks.spaces |= bits_of(spaces) << shift;
        marks.closes |= bits_of(equal(bytes, lanes_of(']'))) << shift;
    }
    return marks;
}

/* How many of 64 bytes of a list, from the beginning of a number on, are numbers without exponents,
 * each with the comma or bracket after it; 0 if they are to be looked at one by one.
 *
 * A sum of a mask and the first bits of some of its runs carries each of these to the bit after it. */
static int past_block(const uint8_t *at, int64_t *count, int *closed) {
    const Marks marks = marks_of(at);
    *closed = marks.closes != 0;
    if (!(marks.closes | marks.commas)) return 0;
    const int last = *closed ? __builtin_ctzll(marks.closes) : 63 - __builtin_clzll(marks.commas);
    const uint64_t below = ((uint64_t)1 << last) - 1;
    const uint64_t digits = marks.digits & below, points = marks.points & below;
    const uint64_t minuses = marks.minuses & below, spaces = marks.spaces & below;
    const uint64_t separators = (marks.commas & below) | (uint64_t)1 << last;
    const uint64_t numbers = digits | points | minuses;
    const uint64_t starts = numbers & ~(numbers << 1), ends = (numbers + starts) & ~numbers;
    const uint64_t next = (ends & ~spaces) | ((spaces + (spaces & ends)) & ~spaces); /* past spaces */
    const uint64_t after_fraction = (digits + (points << 1 & digits)) & ~digits;
    const uint64_t whole = digits & ~((digits | points) << 1); /* first digits of whole parts */
    uint64_t wrong = below & ~(numbers | spaces | separators);
    wrong |= next & ~separators;
    wrong |= points & ~(digits << 1 & digits >> 1);
    wrong |= points & after_fraction;
    wrong |= minuses & (numbers << 1 | ~(digits >> 1));
    wrong |= (whole & marks.zeros) << 1 & digits;
    const int found = __builtin_popcountll(starts);
    if (wrong || found != __builtin_popcountll(separators)) return 0;
    *count += found;
    return last + 1;
}
#endif

/* A list of numbers, from after its bracket on. exponents: whether they may have any. */
static const uint8_t *past_numbers(const uint8_t *at, const uint8_t *end, int exponents, int64_t *count) {
    *count = 0;
    for (;;) {
#ifdef __SSE2__
        int closed = 0;
        for (int size = 1; size && end - at >= 64; at += size) {
            size = past_block(at, count, &closed);
            if (size && closed) return at + size;
        }
#endif
        at = past_space(at, end);
        if (!*count && at < end && *at == ']') return at + 1;
        const uint8_t *first = at;
        at = exponents ? past_number(at, end) : past_decimal(at, end);
        if (!at || at - first >= WIDEST) return NULL;
        ++*count;
        at = past_space(at, end);
        if (at == end || (*at != ',' && *at != ']')) return NULL;
        if (*at++ == ']') return at;
    }
}

static int is_hex(uint8_t sign) { return is_digit(sign) || (uint8_t)((sign | 32) - 'a') < 6; }

/* A text, from after its quote on. escapes: whether it has any; halves: whether some of these are of
 * surrogates, which may lack their other half. */
static const uint8_t *past_text(const uint8_t *at, const uint8_t *end, int *escapes, int *halves) {
    for (*escapes = *halves = 0; at < end && *at >= ' ' && *at < 128; at++) {
        if (*at == '"') return at + 1;
        if (*at != '\\') continue;
        *escapes = 1;
        if (++at == end || !memchr("\"\\/bfnrtu", *at, 9)) return NULL;
        if (*at != 'u') continue;
        if (end - at < 5) return NULL;
        for (int k = 1; k < 5; k++)
            if (!is_hex(at[k])) return NULL;
        *halves |= (at[1] | 32) == 'd' && at[2] >= '8';
        at += 4;
    }
    return NULL;
}

static int is_key(const uint8_t *name, const char *known, int key, int64_t size) {
    return memcmp(name, known, size) ? 0 : key;
}

/* Which of the keys that decide a key is, 0 for any other. */
static int key_of(const uint8_t *name, int64_t size) {
    switch (size) {
    case 2: return is_key(name, "id", KEY_ID, size);
    case 4: return is_key(name, "area", KEY_AREA, size);
    case 7: return is_key(name, "iscrowd", KEY_CROWD, size) | is_key(name, "caption", KEY_CAPTION, size);
    case 8: return is_key(name, "image_id", KEY_IMAGE, size);
    case 11: return is_key(name, "category_id", KEY_KIND, size);
    case 12: return is_key(name, "segmentation", KEY_SHAPE, size);
    case 13: return is_key(name, "segments_info", KEY_SEGMENTS, size);
    default: return 0;
    }
}

/* A key and the colon after it, up to its value. key: see key_of; it has no escapes. */
static const uint8_t *past_key(const uint8_t *at, const uint8_t *end, int *key) {
    if (at == end || *at != '"') return NULL;
    const uint8_t *name = at + 1;
    const int64_t most = end - name < LONGEST_KEY ? end - name : LONGEST_KEY;
    const uint8_t *close = memchr(name, '"', most);
    if (!close) return NULL;
    *key = key_of(name, close - name);
    for (at = name; !*key && at < close; at++)
        if (*at < ' ' || *at > '~' || *at == '\\') return NULL;
    at = past_space(close + 1, end);
    return at < end && *at == ':' ? past_space(at + 1, end) : NULL;
}

static const uint8_t *past_value(const uint8_t *at, const uint8_t *end, int depth);

/* What is after an item of a list or object: the next item, or NULL; closed: the place after it all. */
static const uint8_t *past_comma(const uint8_t *at, const uint8_t *end, uint8_t close,
                                 const uint8_t **closed) {
    at = past_space(at, end);
    *closed = at < end && *at == close ? at + 1 : NULL;
    return at < end && *at == ',' ? past_space(at + 1, end) : NULL;
}

/* A list or an object, from after its bracket on. */
static const uint8_t *past_items(const uint8_t *at, const uint8_t *end, int is_object, int depth) {
    const uint8_t close = is_object ? '}' : ']', *closed;
    int key;
    at = past_space(at, end);
    if (at < end && *at == close) return at + 1;
    do {
        if (is_object) at = past_key(at, end, &key);
        if (at) at = past_value(at, end, depth);
        if (!at) return NULL;
        at = past_comma(at, end, close, &closed);
    } while (at);
    return closed;
}

static const uint8_t *past_word(const uint8_t *at, const uint8_t *end, const char *word, int64_t size) {
    return end - at >= size && !memcmp(at, word, size) ? at + size : NULL;
}

/* Any value, if it is ASCII and not too deep. */
static const uint8_t *past_value(const uint8_t *at, const uint8_t *end, int depth) {
    int64_t count;
    int escapes, halves;
    if (at == end || depth == DEEPEST) return NULL;
    switch (*at) {
    case '"': return past_text(at + 1, end, &escapes, &halves);
    case '{': return past_items(at + 1, end, 1, depth + 1);
    case '[': {
        const uint8_t *after = past_numbers(at + 1, end, 1, &count);
        return after ? after : past_items(at + 1, end, 0, depth + 1);
    }
    case 't': return past_word(at, end, "true", 4);
    case 'f': return past_word(at, end, "false", 5);
    case 'n': return past_word(at, end, "null", 4);
    default: return past_number(at, end);
    }
}

/* Polygons of three corners or more, or an object that is not empty. */
static const uint8_t *past_shape(const uint8_t *at, const uint8_t *end) {
    const uint8_t *closed = NULL;
    int64_t count;
    if (at == end) return NULL;
    if (*at == '{') {
        const uint8_t *first = past_space(at + 1, end);
        return first < end && *first == '"' ? past_value(at, end, 0) : NULL;
    }
    if (*at != '[') return NULL;
    at = past_space(at + 1, end);
    do {
        if (at == end || *at != '[') return NULL;
        at = past_numbers(at + 1, end, 0, &count);
        if (!at || count < CORNERS_LEAST || count & 1) return NULL;
        at = past_comma(at, end, ']', &closed);
    } while (at);
    return closed;
}

/* An integer of 0 or more. */
static const uint8_t *past_whole(const uint8_t *at, const uint8_t *end, int64_t *value) {
    const uint8_t *first = at;
    at = past_digits(at, end);
    if (!at || at - first > ID_DIGITS || (*first == '0' && at - first > 1)) return NULL;
    for (*value = 0; first < at; first++) *value = *value * 10 + (*first - '0');
    return at;
}

/* number / 10**places as the nearest double, the even one of two that are as near; 0 if unknown.
 *
 * Both are shifted until their highest bit is set; then the quotient has 63 bits or more, ten more
 * than a double, and its lowest bit can say whether anything is left. Nothing here is rounded but once,
 * where the quotient becomes a double; it is never so small that a double would have fewer bits. */
static double quotient(uint64_t number, int places) {
#ifdef __SIZEOF_INT128__
    uint64_t divisor = 1;
    for (int k = 0; k < places; k++) divisor *= 10;
    if (!number) return 0;
    const int up = __builtin_clzll(number), also = __builtin_clzll(divisor);
    const unsigned __int128 dividend = (unsigned __int128)(number << up) << 63;
    divisor <<= also;
    const uint64_t whole = (uint64_t)(dividend / divisor);
    const uint64_t rest = dividend != (unsigned __int128)whole * divisor;
    return ldexp((double)(whole | rest), also - up - 63);
#else
    return 0;
#endif
}

/* A number above 0 with few enough digits. whole: whether it is written as an integer. */
static const uint8_t *past_area(const uint8_t *at, const uint8_t *end, double *area, uint8_t *whole) {
    const uint8_t *first = at, *point = NULL;
    at = at < end && *at != '-' ? past_decimal(at, end) : NULL;
    if (!at || at - first > MOST_DIGITS + 1) return NULL;
    uint64_t number = 0;
    int digits = 0;
    for (; first < at; first++) {
        if (*first == '.') { point = first; continue; }
        number = number * 10 + (*first - '0');
        digits++;
    }
    if (digits > MOST_DIGITS) return NULL;
    *whole = !point;
    *area = quotient(number, point ? (int)(at - point - 1) : 0);
    return at;
}

/* An annotation as it is read. keys: those that it has; text, text_end: of its caption. */
typedef struct {
    int keys;
    int64_t id, image, kind, crowd;
    double area;
    uint8_t whole, escapes;
    const uint8_t *text, *text_end;
} Note;

static const uint8_t *past_told(const uint8_t *at, const uint8_t *end, Note *note) {
    int escapes, halves;
    if (at == end || *at != '"') return NULL;
    note->text = ++at;
    at = past_text(at, end, &escapes, &halves);
    if (!at || halves) return NULL;
    note->text_end = at - 1;
    note->escapes = (uint8_t)escapes;
    return at;
}

/* The value of a key of a mask. */
static const uint8_t *past_of_mask(const uint8_t *at, const uint8_t *end, int key, Note *note) {
    switch (key) {
    case KEY_ID: return past_whole(at, end, &note->id);
    case KEY_IMAGE: return past_whole(at, end, &note->image);
    case KEY_KIND: return past_whole(at, end, &note->kind);
    case KEY_CROWD: return past_whole(at, end, &note->crowd);
    case KEY_AREA: return past_area(at, end, &note->area, &note->whole);
    case KEY_SHAPE: return past_shape(at, end);
    case 0: return past_value(at, end, 0);
    default: return NULL;
    }
}

/* The value of a key of a caption, for which masks do not count. */
static const uint8_t *past_of_caption(const uint8_t *at, const uint8_t *end, int key, Note *note) {
    switch (key) {
    case KEY_IMAGE: return past_whole(at, end, &note->image);
    case KEY_CAPTION: return past_told(at, end, note);
    case KEY_KIND: case KEY_SEGMENTS: return NULL;
    default: return past_value(at, end, 0);
    }
}

typedef const uint8_t *PastOf(const uint8_t *, const uint8_t *, int, Note *);

/* An annotation. past_of: what reads the values of its keys. */
static const uint8_t *past_note(const uint8_t *at, const uint8_t *end, PastOf *past_of, Note *note) {
    const uint8_t *closed;
    int key;
    *note = (Note){0};
    if (at == end || *at != '{') return NULL;
    at = past_space(at + 1, end);
    do {
        at = past_key(at, end, &key);
        if (at) at = note->keys & key ? NULL : past_of(at, end, key, note);
        if (!at) return NULL;
        note->keys |= key;
        at = past_comma(at, end, '}', &closed);
    } while (at);
    return closed;
}

/* Where the item after an annotation begins, or the text after the list ends: *ended. */
static const uint8_t *next_note(const uint8_t *at, const uint8_t *end, int64_t *ended) {
    const uint8_t *closed;
    at = past_comma(at, end, ']', &closed);
    *ended = closed != NULL;
    return closed ? closed : at && at < end ? at : NULL;
}

/* Masks from the item of a list that begins at `start` on, at most `room`. most: of an area. after: gets
 * where the next item begins, or where the list ends, and whether it does. Returns how many there are. */
int64_t vb_masks(const uint8_t *text, int64_t size, int64_t start, double most, int64_t room,
                 int64_t *ids, int64_t *images, int64_t *kinds, double *areas, uint8_t *crowds,
                 uint8_t *wholes, int64_t *starts, int64_t *ends, int64_t *after) {
    const int wanted = KEY_ID | KEY_IMAGE | KEY_KIND | KEY_AREA | KEY_SHAPE;
    const uint8_t *at = text + start, *end = text + size;
    int64_t n = 0;
    for (after[1] = 0; n < room && !after[1]; n++) {
        Note note;
        const uint8_t *close = past_note(at, end, past_of_mask, &note);
        if (!close || (note.keys & wanted) != wanted || note.crowd > 1) break;
        if (!(note.area > 0 && note.area <= most)) break;
        const uint8_t *next = next_note(close, end, after + 1);
        if (!next) break;
        ids[n] = note.id; images[n] = note.image; kinds[n] = note.kind;
        areas[n] = note.area; wholes[n] = note.whole; crowds[n] = (uint8_t)note.crowd;
        starts[n] = at - text; ends[n] = close - text;
        at = next;
    }
    after[0] = at - text;
    return n;
}

/* Captions from the item of a list that begins at `start` on, as vb_masks takes masks. texts: gets what
 * is between their quotes, one after the other, as far as it is at most `space` bytes; bounds: where in
 * it each begins, and the last ends; escapes: whether a text has any. */
int64_t vb_captions(const uint8_t *text, int64_t size, int64_t start, int64_t room, int64_t space,
                    int64_t *images, int64_t *starts, uint8_t *escapes, int64_t *bounds, uint8_t *texts,
                    int64_t *after) {
    const int wanted = KEY_IMAGE | KEY_CAPTION;
    const uint8_t *at = text + start, *end = text + size;
    int64_t n = 0;
    bounds[0] = after[1] = 0;
    while (n < room && !after[1]) {
        Note note;
        int64_t ended;
        const uint8_t *close = past_note(at, end, past_of_caption, &note);
        if (!close || (note.keys & wanted) != wanted) break;
        const uint8_t *next = next_note(close, end, &ended);
        const int64_t length = note.text_end - note.text;
        if (!next || length > space - bounds[n]) break;
        images[n] = note.image; starts[n] = at - text; escapes[n] = note.escapes;
        memcpy(texts + bounds[n], note.text, length);
        bounds[n + 1] = bounds[n] + length;
        n++;
        after[1] = ended;
        at = next;
    }
    after[0] = at - text;
    return n;
}
