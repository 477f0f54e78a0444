/* COCO's masks: polygons to run lengths as pycocotools draws them, unions, run lengths to label maps.
 *
 * A mask is the int64 lengths of alternating runs of zeros and ones, zeros first, down the columns.
 *
 * pycocotools' rasteriser (maskApi.c, rleFrPoly) takes corners at five times the size and walks the
 * edges a step at a time along their longer axis; where a walk goes from fine column 5 c + 2 to the
 * next, or back, the mask changes in column c, at the lesser height of the two points. Its masks are
 * what everybody means by COCO's, so its arithmetic is kept to the last rounding, but only these pairs
 * of points are computed, not all steps of the walk.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    FINER = 5,
    BEFORE = 2,  /* of 5: the fine column in whose middle a column's middle lies */
    FEW = 4096,  /* changes that are put in order a column at a time */
};

/* Where a mask changes between 0 and 1. place: the pixel's number, counted down the columns. */
typedef struct { uint32_t column, place; } Change;
typedef struct { Change *changes; int64_t count, height, width; } Outline;

/* Note a change in a column at a height in fine pixels, rounded as pycocotools does. */
static void change(Outline *outline, int64_t column, int fine) {
    const double height = (fine + 0.5) / FINER - 0.5;
    const double whole = ceil(height < 0 ? 0 : height > outline->height ? outline->height : height);
    const int64_t place = column * outline->height + (int64_t)whole;
    outline->changes[outline->count++] = (Change){(uint32_t)column, (uint32_t)place};
}

/* The first step of a steep walk from fine column x that is past fine column `before` or back over it.
 *
 * Solved in floating point, then corrected by the test that pycocotools makes at each step. */
static int crossing(int x, double slope, int steps, int before) {
    const int right = slope > 0;
    /* never too far: the step before differs by the slope, which is far more than rounding */
    int t = (int)((before + 0.5 - x) / slope);
    t = t < 1 ? 1 : t > steps ? steps : t;
    while (t < steps && ((int)(x + slope * t + 0.5) > before) != right) t++;
    return t;
}

/* An edge, walked from the lesser to the greater coordinate along its longer axis. */
static void edge(Outline *outline, int x0, int y0, int x1, int y1) {
    const int across = abs(x1 - x0), down = abs(y1 - y0), flat = across >= down;
    if (!across) return;
    if (flat ? x0 > x1 : y0 > y1) { edge(outline, x1, y1, x0, y0); return; }
    const double slope = flat ? (double)(y1 - y0) / across : (double)(x1 - x0) / down;
    const int low = x0 < x1 ? x0 : x1, high = low + across;
    for (int64_t c = low > BEFORE ? (low - BEFORE + FINER - 1) / FINER : 0; c < outline->width; c++) {
        const int before = (int)(FINER * c) + BEFORE, t = before - x0;
        if (before >= high) break;
        if (flat) {
            const int a = (int)(y0 + slope * t + 0.5), b = (int)(y0 + slope * (t + 1) + 0.5);
            change(outline, c, a < b ? a : b);
        } else {
            change(outline, c, y0 + crossing(x0, slope, down, before) - 1);
        }
    }
}

static int ascending(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The places of the changes in ascending order: few of them by a counting sort over columns, then
 * insertion within each. starts: room for a number a column and two more. */
static void sort(const Outline *outline, uint32_t *starts, uint32_t *places) {
    const int64_t n = outline->count;
    if (n > FEW) {
        for (int64_t k = 0; k < n; k++) places[k] = outline->changes[k].place;
        qsort(places, n, sizeof *places, ascending);
        return;
    }
    memset(starts, 0, sizeof *starts * (outline->width + 2));
    for (int64_t k = 0; k < n; k++) starts[outline->changes[k].column + 1]++;
    for (int64_t c = 0; c < outline->width; c++) starts[c + 1] += starts[c];
    for (int64_t k = 0; k < n; k++)
        places[starts[outline->changes[k].column]++] = outline->changes[k].place;
    for (int64_t k = 1; k < n; k++) { /* within a column */
        const uint32_t place = places[k];
        int64_t j = k;
        for (; j > 0 && places[j - 1] > place; j--) places[j] = places[j - 1];
        places[j] = place;
    }
}

/* Run lengths between ascending places; two changes at one place cancel. Returns how many runs. */
static int64_t between(const uint32_t *places, int64_t count, int64_t *runs) {
    int64_t n = 0;
    runs[n++] = places[0];
    for (int64_t k = 1; k < count; k++) {
        if (places[k] > places[k - 1]) runs[n++] = places[k] - places[k - 1];
        else if (++k < count) runs[n - 1] += places[k] - places[k - 1];
    }
    return n;
}

/* The changes of a polygon of x, y pairs, and one past the last pixel. fine: room for one pair more. */
static void outline_of(Outline *outline, const double *xy, int64_t corners, int *fine) {
    outline->count = 0;
    for (int64_t k = 0; k < 2 * corners; k++) fine[k] = (int)(FINER * xy[k] + 0.5);
    fine[2 * corners] = fine[0]; fine[2 * corners + 1] = fine[1];
    for (const int *at = fine; at < fine + 2 * corners; at += 2) edge(outline, at[0], at[1], at[2], at[3]);
    const int64_t pixels = outline->height * outline->width;
    outline->changes[outline->count++] = (Change){(uint32_t)outline->width, (uint32_t)pixels};
}

/* An upper bound on the changes of a polygon: an edge crosses a column's middle once. */
static int64_t most_changes(const double *xy, int64_t corners) {
    double across = 0;
    for (int64_t k = 1; k < corners; k++) across += fabs(xy[2 * k] - xy[2 * k - 2]);
    across += corners ? fabs(xy[0] - xy[2 * corners - 2]) : 0;
    return (int64_t)across + 2 * corners + 2;
}

/* The runs of several polygons of x, y pairs (pixels) in a picture of height x width, one polygon's
 * after the other's. corners: how many pairs each polygon has; counts: how many runs each became.
 * Returns how many runs there are in all; minus the room that would do if `room` might not; 0 if there
 * is no memory. */
int64_t vb_polygons(const double *xy, const int64_t *corners, int64_t polygons, int64_t height,
                    int64_t width, int64_t *runs, int64_t room, int64_t *counts) {
    int64_t largest = 0, most = 0, all = 0, found = 0;
    const double *at = xy;
    for (int64_t p = 0; p < polygons; at += 2 * corners[p++]) {
        const int64_t changes = most_changes(at, corners[p]);
        all += changes;
        most = changes > most ? changes : most;
        largest = corners[p] > largest ? corners[p] : largest;
    }
    if (all > room) return -all;
    Outline outline = {malloc(sizeof(Change) * most), 0, height, width};
    uint32_t *starts = malloc(sizeof *starts * (width + 2)), *places = malloc(sizeof *places * most);
    int *fine = malloc(sizeof *fine * 2 * (largest + 1));
    if (outline.changes && starts && places && fine)
        for (int64_t p = 0; p < polygons; xy += 2 * corners[p++]) {
            outline_of(&outline, xy, corners[p], fine);
            sort(&outline, starts, places);
            found += counts[p] = between(places, outline.count, runs + found);
        }
    free(outline.changes); free(starts); free(places); free(fine);
    return found;
}

/* The union of two masks of the same size. Returns the number of runs, at most a_count + b_count. */
int64_t vb_union(const int64_t *a, int64_t a_count, const int64_t *b, int64_t b_count, int64_t *runs) {
    int64_t n = 0, i = 0, j = 0, left_a = a[0], left_b = b[0], length = 0;
    int in_a = 0, in_b = 0, inside = 0;
    for (;;) {
        while (left_a == 0 && i + 1 < a_count) { left_a = a[++i]; in_a = !in_a; }
        while (left_b == 0 && j + 1 < b_count) { left_b = b[++j]; in_b = !in_b; }
        if (left_a == 0 || left_b == 0) break;
        const int64_t part = left_a < left_b ? left_a : left_b;
        if ((in_a || in_b) != inside) { runs[n++] = length; length = 0; inside = !inside; }
        length += part; left_a -= part; left_b -= part;
    }
    runs[n++] = length;
    return n;
}

/* Transpose a block of eight columns of eight pixels. */
static void turn(const uint8_t *columns, int64_t height, int64_t width, int32_t *rows) {
    uint64_t eight[8], apart = 0;
    for (int x = 0; x < 8; x++) memcpy(eight + x, columns + x * height, 8);
    for (int x = 1; x < 8; x++) apart |= eight[x] ^ eight[0];
    if (!(apart | (eight[0] ^ (eight[0] & 255) * 0x0101010101010101u))) { /* all one number */
        for (int y = 0; y < 8; y++)
            for (int x = 0; x < 8; x++) rows[y * width + x] = (int32_t)(eight[0] & 255);
        return;
    }
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++) rows[y * width + x] = (int32_t)(eight[x] >> 8 * y & 255);
}

/* Transpose u8[width][height] to int32[height][width], in tiles that fit the cache. */
static void transpose(const uint8_t *columns, int64_t height, int64_t width, int32_t *rows) {
    enum { TILE = 32 };
    const int64_t whole_down = height - height % 8, whole_across = width - width % 8;
    for (int64_t top = 0; top < whole_down; top += TILE)
        for (int64_t x = 0; x < whole_across; x += 8)
            for (int64_t y = top; y < top + TILE && y < whole_down; y += 8)
                turn(columns + x * height + y, height, width, rows + y * width + x);
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = y < whole_down ? whole_across : 0; x < width; x++)
            rows[y * width + x] = columns[x * height + y];
}

/* Masks painted over one another to a label map: each pixel gets the number of the last mask that
 * covers it, 0 where none does. runs: of all masks, one after the other; counts, numbers: of each.
 * columns: u8[width][height], working memory. Returns how many masks were painted: all, or those
 * before the first whose runs do not add up to the picture. */
int64_t vb_label_map(const int64_t *runs, const int64_t *counts, const uint8_t *numbers, int64_t layers,
                     int64_t height, int64_t width, uint8_t *columns, int32_t *rows) {
    const int64_t pixels = height * width;
    memset(columns, 0, pixels);
    for (int64_t n = 0; n < layers; runs += counts[n++]) {
        int64_t left = pixels;
        for (int64_t k = 0; k < counts[n]; left -= runs[k++]) {
            if (runs[k] < 0 || runs[k] > left) return n;
            if (k & 1) memset(columns + pixels - left, numbers[n], runs[k]);
        }
        if (left) return n;
    }
    transpose(columns, height, width, rows);
    return layers;
}
