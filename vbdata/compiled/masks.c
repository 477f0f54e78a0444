/* COCO's masks: polygons to runs as pycocotools draws them, packed runs, runs to label maps.
 *
 * A mask is runs of zeros and ones in turn, down the columns, zeros first, as int64 lengths.
 * pycocotools' rasteriser (maskApi.c, rleFrPoly) is matched step for step: corners at five times the
 * size, edges walked a step at a time along their longer axis, and where a walk changes its column
 * the mask changes at that height.
 */
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FINER = 5 };

typedef struct { uint32_t *changes; int64_t count, height, width; int x, y, begun; } Walk;

/* What x86 makes of a double that is no int (an edge without length divides 0 by 0). */
static int whole(double value) { return value == value ? (int)value : INT_MIN; }

/* The next point of the outline, in fine pixels. */
static void step(Walk *walk, int x, int y) {
    if (walk->begun && x != walk->x) {
        const double column = ((x < walk->x ? x : x - 1) + 0.5) / FINER - 0.5;
        double height = ((y < walk->y ? y : walk->y) + 0.5) / FINER - 0.5;
        if (floor(column) == column && column >= 0 && column <= walk->width - 1) {
            height = ceil(height < 0 ? 0 : height > walk->height ? walk->height : height);
            walk->changes[walk->count++] = (uint32_t)((int)column * (int)walk->height + (int)height);
        }
    }
    walk->x = x; walk->y = y; walk->begun = 1;
}

static void edge(Walk *walk, int x0, int y0, int x1, int y1) {
    const int across = abs(x1 - x0), down = abs(y1 - y0), flat = across >= down;
    const int turned = flat ? x0 > x1 : y0 > y1, steps = flat ? across : down;
    const int x = turned ? x1 : x0, y = turned ? y1 : y0;
    const double slope = flat ? (double)(turned ? y0 - y1 : y1 - y0) / across
                              : (double)(turned ? x0 - x1 : x1 - x0) / down;
    for (int k = 0; k <= steps; k++) {
        const int t = turned ? steps - k : k;
        if (flat) step(walk, x + t, whole(y + slope * t + 0.5));
        else step(walk, whole(x + slope * t + 0.5), y + t);
    }
}

static int ascending(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Runs between sorted changes; two changes at one place are none. Returns their number. */
static int64_t between(const uint32_t *changes, int64_t count, int64_t *runs) {
    int64_t n = 0;
    uint32_t before = 0;
    runs[n++] = changes[0];
    for (int64_t k = 1; k < count; k++) {
        before = changes[k - 1];
        if (changes[k] > before) runs[n++] = changes[k] - before;
        else if (++k < count) runs[n - 1] += changes[k] - changes[k - 1];
    }
    return n;
}

/* The runs of a polygon of x, y pairs in a picture. Returns their number; if there is no `room` for
 * them, less than 0: of how many there would have to be; 0: no memory. */
int64_t vb_polygon(const double *xy, int64_t corners, int64_t height, int64_t width, int64_t *runs, int64_t room) {
    Walk walk = {0, 0, height, width, 0, 0, 0};
    int64_t points = 0, found;
    int *fine = malloc(sizeof(int) * 2 * (corners + 1));
    if (!fine) return 0;
    for (int64_t k = 0; k < 2 * corners; k++) fine[k] = (int)(FINER * xy[k] + 0.5);
    fine[2 * corners] = fine[0]; fine[2 * corners + 1] = fine[1];
    for (int64_t k = 0; k < corners; k++) {
        const int across = abs(fine[2 * k] - fine[2 * k + 2]), down = abs(fine[2 * k + 1] - fine[2 * k + 3]);
        points += (across > down ? across : down) + 1;
    }
    walk.changes = malloc(sizeof(uint32_t) * (points + 1));
    if (!walk.changes) { free(fine); return 0; }
    for (int64_t k = 0; k < corners; k++)
        edge(&walk, fine[2 * k], fine[2 * k + 1], fine[2 * k + 2], fine[2 * k + 3]);
    walk.changes[walk.count++] = (uint32_t)(height * width);
    found = -walk.count;
    if (walk.count <= room) {
        qsort(walk.changes, walk.count, sizeof(uint32_t), ascending);
        found = between(walk.changes, walk.count, runs);
    }
    free(walk.changes);
    free(fine);
    return found;
}

/* The union of two masks of `pixels` pixels. Returns the number of runs, at most that of both. */
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

/* Paint a mask as `number` into u8[width][height]. */
void vb_paint_runs(const int64_t *runs, int64_t count, uint8_t number, uint8_t *columns) {
    int64_t at = 0;
    for (int64_t k = 0; k < count; at += runs[k++])
        if (k & 1) memset(columns + at, number, runs[k]);
}

/* u8[width][height] to int32[height][width], in tiles that fit the cache. */
void vb_transpose(const uint8_t *columns, int64_t height, int64_t width, int32_t *rows) {
    enum { TILE = 32 };
    for (int64_t top = 0; top < height; top += TILE)
        for (int64_t left = 0; left < width; left += TILE) {
            const int64_t bottom = top + TILE < height ? top + TILE : height;
            const int64_t right = left + TILE < width ? left + TILE : width;
            for (int64_t y = top; y < bottom; y++)
                for (int64_t x = left; x < right; x++) rows[y * width + x] = columns[x * height + y];
        }
}
