/* Label maps to colours and back in one pass each, on the CPU: the tensor code of transforms/ in C.
 *
 * Every floating-point step is a single IEEE operation in the order of the tensor code (compiled
 * without contraction), so the bytes are those of any other device. Masks (valid, sky: bool of
 * NumPy and torch) are bytes of 0 or 1; rgb is uint8[n][3].
 *
 * Many loops here have no branch: they are split into short loops over PART values, each of which the
 * compiler turns into vector instructions, and choices are made by masks of bits.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;

/* PART: values worked on at a time, small enough to stay in the cache; LANES: maxima kept side by
 * side, as one maximum would make each step wait for the last; GROUP: pixels compared at once. */
enum { PART = 512, LANES = 16, GROUP = 32 };
static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static inline void paint(u8 *rgb, uint32_t colour) { rgb[0] = colour; rgb[1] = colour >> 8; rgb[2] = colour >> 16; }

/* Paint with one store of four bytes: only where another pixel follows and is painted afterwards. */
static inline void paint_before(u8 *rgb, uint32_t colour) { memcpy(rgb, &colour, 4); }

/* A pixel's colour, R lowest; a single load of four bytes where another pixel follows. */
static inline uint32_t colour_at(const u8 *rgb, int64_t k, int64_t n) {
    uint32_t four;
    if (k + 1 == n) return rgb[3 * k] | (uint32_t)rgb[3 * k + 1] << 8 | (uint32_t)rgb[3 * k + 2] << 16;
    memcpy(&four, rgb + 3 * k, 4);
    return four & 0xffffff;
}

/* Depth in metres to colours (transforms/parts/depth_codes.py, encode).
 *
 * The upper bits of a float32 (bits >> shift) pick a bin that holds at most one threshold between two
 * codes: base is the code at the bin's start, cut the threshold in it, so one comparison decides.
 * colours: R lowest, `codes` + 1 of them, the last for pixels without a depth: not valid, NaN or
 * negative. */
void vb_depth_encode(const float *metres, const u8 *valid, int64_t n, int shift, const int32_t *base,
                     const float *cut, const uint32_t *colours, int32_t codes, u8 *rgb) {
    for (int64_t k = 0; k < n; k++) {
        const int good = valid[k] & (metres[k] >= 0);
        const float depth = good ? fabsf(metres[k]) : 0;
        uint32_t bits;
        memcpy(&bits, &depth, 4);
        const int32_t code = base[bits >> shift] + (depth >= cut[bits >> shift]);
        const uint32_t colour = colours[good ? code : codes];
        if (k + 1 < n) paint_before(rgb + 3 * k, colour);
        else paint(rgb + 3 * k, colour);
    }
}

/* 1 + the code of each of `size` pixels from `start` on, 0 for colours that are no code's. The table
 * is by R * 65536 + G * 256 + B. */
static void codes_of(const u8 *rgb, int64_t start, int64_t n, int size, const int16_t *exact, int32_t *code) {
    const u8 *at = rgb + 3 * start;
    const int last = start + size == n; /* nothing follows the last pixel of the map */
    uint32_t four;
    for (int k = 0; k < size - last; k++, at += 3) {
        memcpy(&four, at, 4);
        code[k] = exact[__builtin_bswap32(four) >> 8];
    }
    if (last) code[size - 1] = exact[__builtin_bswap32(colour_at(rgb, n - 1, n)) >> 8];
}

/* Raise `worst` to the largest errors, in code steps, of PART depths; LANES maxima side by side.
 * `power` is a constant at each call for the usual ones. */
static inline __attribute__((always_inline)) void worst_of(
    const float *depth, const int32_t *code, double inverse, const int power, double steps, double *worst) {
    for (int k = 0; k < PART; k += LANES)
        for (int j = 0; j < LANES; j++) {
            const double base = 1.0 - depth[k + j] * inverse;
            double raised = base;
            for (int p = 1; p < power; p++) raised = raised * base;
            const double off = fabs((1.0 - 1.0 / raised) * steps - code[k + j]);
            worst[j] = off > worst[j] ? off : worst[j];
        }
}

/* The largest error, in code steps, of a drawn depth map against its depths; infinity if a pixel
 * that has a depth is drawn as invalid, or the other way round.
 *
 * exact: 1 + code by packed colour (2^24 of them), 0 for none; inverse = 1 / (lambda c); the position
 * of a depth d among the codes is (1 - (1 - d inverse)^-power) steps. */
double vb_depth_error(const float *metres, const u8 *valid, int64_t n, const u8 *rgb,
                      const int16_t *exact, int32_t codes, double inverse, int power, double steps) {
    double worst[LANES] = {0}, most = 0;
    int32_t found[PART], code[PART], good[PART], bits[PART], wrong = 0;
    float depth[PART];
    for (int64_t start = 0; start < n; start += PART) {
        const int size = (int)least(PART, n - start);
        codes_of(rgb, start, n, size, exact, found);
        memcpy(depth, metres + start, sizeof(float) * size);
        memcpy(bits, depth, sizeof(float) * size);
        for (int k = size; k < PART; k++) bits[k] = code[k] = 0; /* depth 0 is code 0, without error */
        /* bits under a mask, because the compiler would turn a choice into a branch */
        for (int k = 0; k < size; k++) good[k] = -(depth[k] >= 0);
        for (int k = 0; k < size; k++) good[k] &= -(int32_t)valid[start + k];
        for (int k = 0; k < size; k++) wrong |= good[k] ^ -((uint32_t)(found[k] - 1) < (uint32_t)codes);
        for (int k = 0; k < size; k++) bits[k] &= good[k];
        for (int k = 0; k < size; k++) code[k] = (found[k] - 1) & good[k];
        memcpy(depth, bits, sizeof depth);
        switch (power) {
        case 1: worst_of(depth, code, inverse, 1, steps, worst); break;
        case 2: worst_of(depth, code, inverse, 2, steps, worst); break;
        default: worst_of(depth, code, inverse, power, steps, worst); break;
        }
    }
    for (int j = 0; j < LANES; j++) most = worst[j] > most ? worst[j] : most;
    return wrong ? INFINITY : most;
}

/* Which pixels have a depth: valid, and neither NaN nor negative. */
void vb_positive(const float *metres, const u8 *valid, int64_t n, u8 *good) {
    for (int64_t k = 0; k < n; k++) good[k] = valid[k] & (metres[k] >= 0);
}

/* Unit normals to colours, round((1 - n) 127.5) (transforms/normals.py, render). xyz: float[3][n]. */
void vb_normals_encode(const float *xyz, const u8 *valid, const u8 *sky, int64_t n,
                       uint32_t sky_colour, uint32_t invalid_colour, u8 *rgb) {
    uint32_t colour[PART], is_sky[PART], good[PART];
    for (int64_t start = 0; start < n; start += PART) {
        const int size = (int)least(PART, n - start), last = start + size == n;
        for (int k = 0; k < size; k++) colour[k] = 0;
        for (int c = 0; c < 3; c++)
            for (int k = 0; k < size; k++) {
                float half = (1.0f - xyz[c * n + start + k]) * 127.5f;
                half = half + 0.5f;
                half = half >= 0.0f ? half : 0.0f; /* a NaN compares false: 0, too */
                half = half <= 255.0f ? half : 255.0f;
                colour[k] |= (uint32_t)(int32_t)half << 8 * c;
            }
        for (int k = 0; k < size; k++) is_sky[k] = -(uint32_t)sky[start + k];
        for (int k = 0; k < size; k++) good[k] = -(uint32_t)valid[start + k];
        for (int k = 0; k < size; k++) colour[k] = (colour[k] & good[k]) | (invalid_colour & ~good[k]);
        for (int k = 0; k < size; k++) colour[k] = (colour[k] & ~is_sky[k]) | (sky_colour & is_sky[k]);
        for (int k = 0; k < size - last; k++) paint_before(rgb + 3 * (start + k), colour[k]);
        if (last) paint(rgb + 3 * (n - 1), colour[size - 1]);
    }
}

/* The largest squared chord between a valid normal and the one that its colour decodes to; infinity
 * if a pixel is valid or sky on one side only.
 *
 * Decoding: a component is 1 - channel * step; vectors of lengths from `shortest` to `longest` are
 * normals; colours within `radius` (squared distance) of the sky's colour are sky. */
float vb_normals_error(const float *xyz, const u8 *valid, const u8 *sky, int64_t n, const u8 *rgb,
                       float step, float shortest, float longest, uint32_t sky_colour,
                       int32_t radius) {
    const int red = sky_colour & 255, green = sky_colour >> 8 & 255, blue = sky_colour >> 16 & 255;
    float x[PART], y[PART], z[PART], chord[PART] = {0}, worst[LANES] = {0}, most = 0;
    u8 r[PART], g[PART], b[PART], is_sky[PART], good[PART], wrong = 0;
    for (int64_t start = 0; start < n; start += PART) {
        const int size = (int)least(PART, n - start);
        const float *there = xyz + start;
        for (int k = 0; k < size; k++) {
            const u8 *p = rgb + 3 * (start + k);
            r[k] = p[0]; g[k] = p[1]; b[k] = p[2];
        }
        for (int k = 0; k < size; k++) x[k] = 1.0f - r[k] * step;
        for (int k = 0; k < size; k++) y[k] = 1.0f - g[k] * step;
        for (int k = 0; k < size; k++) z[k] = 1.0f - b[k] * step;
        for (int k = 0; k < size; k++) {
            const int dr = r[k] - red, dg = g[k] - green, db = b[k] - blue;
            is_sky[k] = dr * dr + dg * dg + db * db <= radius;
        }
        for (int k = 0; k < size; k++) {
            const float length = sqrtf(x[k] * x[k] + y[k] * y[k] + z[k] * z[k]);
            const float inverse = 1.0f / length;
            const float dx = x[k] * inverse - there[k];
            const float dy = y[k] * inverse - there[n + k];
            const float dz = z[k] * inverse - there[2 * n + k];
            chord[k] = dx * dx + dy * dy + dz * dz;
            good[k] = (length >= shortest) & (length <= longest);
        }
        for (int k = 0; k < size; k++) {
            good[k] &= !is_sky[k];
            wrong |= (is_sky[k] ^ sky[start + k]) | (good[k] ^ valid[start + k]);
        }
        for (int k = 0; k < size; k++) {
            /* the squared chord of two unit vectors is at most 4: more, or NaN, is no unit vector */
            const float far = chord[k] <= 5 ? chord[k] : INFINITY;
            chord[k] = good[k] ? far : 0;
        }
        for (int k = 0; k < PART; k += LANES)
            for (int j = 0; j < LANES; j++) worst[j] = chord[k + j] > worst[j] ? chord[k + j] : worst[j];
    }
    for (int j = 0; j < LANES; j++) most = worst[j] > most ? worst[j] : most;
    return wrong ? INFINITY : most;
}

/* Whether GROUP ids are the same: mostly so in a label map, and then they are painted at once. */
static inline int alike(const int32_t *ids) {
    int32_t apart = 0;
    for (int k = 0; k < GROUP; k++) apart |= ids[k] ^ ids[0];
    return !apart;
}

static inline void fill(u8 *group, uint32_t colour) {
    for (int k = 0; k < GROUP; k++) paint(group + 3 * k, colour);
}

/* Ids to colours by a table of `count` colours. seen: u8[count], set to 1 for the ids that occur.
 * Returns how many pixels have an id outside the table; they stay unpainted. */
int64_t vb_paint(const int32_t *ids, int64_t n, const uint32_t *table, int32_t count, u8 *seen, u8 *rgb) {
    u8 group[3 * GROUP];
    int64_t outside = 0, filled = -1;
    for (int64_t start = 0; start < n; start += GROUP) {
        const int size = (int)least(GROUP, n - start);
        const uint32_t id = (uint32_t)ids[start];
        if (size == GROUP && id < (uint32_t)count && alike(ids + start)) {
            if (id != filled) fill(group, table[id]);
            filled = id;
            seen[id] = 1;
            memcpy(rgb + 3 * start, group, sizeof group);
            continue;
        }
        for (int64_t k = start; k < start + size; k++) {
            if ((uint32_t)ids[k] >= (uint32_t)count) { outside++; continue; }
            seen[ids[k]] = 1;
            if (k + 1 < n) paint_before(rgb + 3 * k, table[ids[k]]);
            else paint(rgb + 3 * k, table[ids[k]]);
        }
    }
    return outside;
}

/* How many pixels have another colour than the table's for their id, or an id outside the table. */
int64_t vb_painted_wrong(const int32_t *ids, int64_t n, const uint32_t *table, int32_t count, const u8 *rgb) {
    u8 group[3 * GROUP];
    int64_t wrong = 0, filled = -1;
    for (int64_t start = 0; start < n; start += GROUP) {
        const int size = (int)least(GROUP, n - start);
        const uint32_t first = (uint32_t)ids[start];
        if (size == GROUP && first < (uint32_t)count && alike(ids + start)) {
            if (first != filled) fill(group, table[first]);
            filled = first;
            u8 apart = 0;
            for (int k = 0; k < 3 * GROUP; k++) apart |= group[k] ^ rgb[3 * start + k];
            if (!apart) continue;
        }
        for (int64_t k = start; k < start + size; k++) {
            const uint32_t id = (uint32_t)ids[k];
            wrong += id >= (uint32_t)count || table[id] != colour_at(rgb, k, n);
        }
    }
    return wrong;
}

/* A float16, by its bits, as float32: exact for subnormals, too, by a product with a power of two. */
/* How many pixels each id from 0 to count - 1 has. Returns how many have another id. */
int64_t vb_counts(const int32_t *ids, int64_t n, int32_t count, int64_t *counts) {
    int64_t outside = 0;
    for (int64_t start = 0; start < n; start += GROUP) {
        const int size = (int)least(GROUP, n - start);
        const uint32_t id = (uint32_t)ids[start];
        if (size == GROUP && id < (uint32_t)count && alike(ids + start)) { counts[id] += GROUP; continue; }
        for (int64_t k = start; k < start + size; k++) {
            if ((uint32_t)ids[k] < (uint32_t)count) counts[ids[k]]++;
            else outside++;
        }
    }
    return outside;
}

static inline float widened(uint16_t half) {
    const uint32_t size = half & 0x7fff, bits = size << 13 | (size >= 0x7c00 ? 0x7f800000u : 0);
    float value;
    memcpy(&value, &bits, 4);
    value = size >= 0x7c00 ? value : value * 0x1p112f;
    return half & 0x8000 ? -value : value;
}

/* Normals of a camera with +x right, +y up, -z forward, to unit vectors in OpenCV axes (+x right, +y
 * down, +z forward) that face the camera (pipelines/parts/hypersim/camera.py, orient).
 *
 * stored: float16[3][n]; ray: float[3][n], from the camera to each pixel. A vector that points along
 * its ray (their product is above `away`) is turned round; one shorter than `shortest`, or not finite,
 * or of the sky, becomes 0 and not valid. */
void vb_orient(const uint16_t *stored, const float *ray, const u8 *sky, int64_t n, float shortest,
               float away, float *xyz, u8 *valid) {
    float v[3][PART], keep[PART], sign[PART];
    for (int64_t start = 0; start < n; start += PART) {
        const int size = (int)least(PART, n - start);
        const float *to = ray + start;
        for (int c = 0; c < 3; c++)
            for (int k = 0; k < size; k++) v[c][k] = widened(stored[c * n + start + k]);
        for (int k = 0; k < size; k++) keep[k] = sky[start + k] ? 0.0f : 1.0f;
        for (int k = 0; k < size; k++) {
            const float length = sqrtf(v[0][k] * v[0][k] + v[1][k] * v[1][k] + v[2][k] * v[2][k]);
            keep[k] = (length >= shortest) & (length < INFINITY) ? keep[k] : 0.0f;
            v[0][k] = v[0][k] / length; v[1][k] = -v[1][k] / length; v[2][k] = -v[2][k] / length;
            const float facing = v[0][k] * to[k] + v[1][k] * to[n + k] + v[2][k] * to[2 * n + k];
            sign[k] = facing > away ? -1.0f : 1.0f;
        }
        for (int c = 0; c < 3; c++)
            for (int k = 0; k < size; k++)
                xyz[c * n + start + k] = keep[k] > 0 ? sign[k] * v[c][k] : 0.0f;
        for (int k = 0; k < size; k++) valid[start + k] = keep[k] > 0;
    }
}

/* Which vectors have a NaN in them, which is how sky is stored. stored: float16[3][n]. */
void vb_nowhere(const uint16_t *stored, int64_t n, u8 *sky) {
    const uint16_t *y = stored + n, *z = y + n;
    for (int64_t k = 0; k < n; k++)
        sky[k] = ((stored[k] & 0x7fff) > 0x7c00) | ((y[k] & 0x7fff) > 0x7c00) | ((z[k] & 0x7fff) > 0x7c00);
}

/* Area averages of u8[h][w][3] at to_h x to_w, which is no larger: exact integer sums, rounded once,
 * half up (vbdata/core/images.py, shrink).
 *
 * Rows are measured in units of which a source row has to_h and an output row h, so every overlap is
 * a whole number; columns likewise. sums: uint32[3 w], the source rows of one output row. */
void vb_shrink(const u8 *from, int64_t h, int64_t w, int64_t to_h, int64_t to_w, uint32_t *sums, u8 *to) {
    const double area = (double)(h * w);
    for (int64_t y = 0; y < to_h; y++) {
        const int64_t top = y * h, bottom = top + h;
        memset(sums, 0, sizeof(uint32_t) * 3 * w);
        for (int64_t r = top / to_h; r * to_h < bottom; r++) {
            const int64_t low = r * to_h > top ? r * to_h : top;
            const uint32_t part = (uint32_t)(least((r + 1) * to_h, bottom) - low);
            const u8 *row = from + r * 3 * w;
            for (int64_t k = 0; k < 3 * w; k++) sums[k] += part * row[k];
        }
        for (int64_t x = 0; x < to_w; x++, to += 3) {
            const int64_t left = x * w, right = left + w;
            uint64_t sum[3] = {0, 0, 0};
            for (int64_t c = left / to_w; c * to_w < right; c++) {
                const int64_t low = c * to_w > left ? c * to_w : left;
                const uint64_t part = (uint64_t)(least((c + 1) * to_w, right) - low);
                for (int k = 0; k < 3; k++) sum[k] += part * sums[3 * c + k];
            }
            /* exact in double: a quotient below a whole number is below it by 1 / area at least */
            for (int k = 0; k < 3; k++) to[k] = (u8)((double)(sum[k] + (uint64_t)(h * w) / 2) / area);
        }
    }
}

/* PNG's Paeth predictor: of left, above and corner the one nearest to left + above - corner. */
static inline u8 paeth(int a, int b, int c) {
    const int pa = b - c < 0 ? c - b : b - c, pb = a - c < 0 ? c - a : a - c;
    const int both = a + b - 2 * c, pc = both < 0 ? -both : both;
    return (u8)(pa <= pb && pa <= pc ? a : pb <= pc ? b : c);
}

/* The three filters that look to the left (1 Sub, 3 Average, 4 Paeth), with the pixel before in
 * registers: `pixel` and `filter` are constants at each call. up: the row above, NULL for the first. */
static inline __attribute__((always_inline)) void left_row(const u8 *from, const u8 *up, u8 *to,
                                                           int64_t length, const int filter, const int pixel) {
    u8 left[8] = {0}, corner[8] = {0};
    for (int64_t k = 0; k + pixel <= length; k += pixel)
        for (int c = 0; c < pixel; c++) {
            const u8 above = up ? up[k + c] : 0;
            const u8 guess = filter == 1 ? left[c] : filter == 3 ? (left[c] + above) >> 1 : paeth(left[c], above, corner[c]);
            left[c] = to[k + c] = from[k + c] + guess;
            corner[c] = above;
        }
}

#define LEFT_ROW(filter) \
    switch (pixel) { \
    case 1: left_row(from, up, to, length, filter, 1); break; \
    case 2: left_row(from, up, to, length, filter, 2); break; \
    case 3: left_row(from, up, to, length, filter, 3); break; \
    default: left_row(from, up, to, length, filter, 6); break; \
    }

/* Undo PNG's filters: `rows` rows of 1 + `length` bytes, in pixels of 1, 2, 3 or 6 bytes, become rows
 * of `length` bytes. Returns 0, or 1 for an unknown filter or size of pixels. Format: PNG, third
 * edition, 9.2. */
int vb_unfilter(const u8 *stream, int64_t rows, int64_t length, int pixel, u8 *to) {
    if (pixel != 1 && pixel != 2 && pixel != 3 && pixel != 6) return 1;
    for (int64_t y = 0; y < rows; y++, to += length) {
        const u8 *from = stream + y * (length + 1) + 1, *up = y ? to - length : 0;
        switch (from[-1]) {
        case 0: memcpy(to, from, length); break;
        case 1: LEFT_ROW(1) break;
        case 2: for (int64_t k = 0; k < length; k++) to[k] = from[k] + (up ? up[k] : 0); break;
        case 3: LEFT_ROW(3) break;
        case 4: LEFT_ROW(4) break;
        default: return 1;
        }
    }
    return 0;
}
