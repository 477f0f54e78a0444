/* Texts of rows, put together from columns by a description (vbdata.core.row_texts). */

#include <stdint.h>
#include <string.h>

enum { LITERAL, SPAN, NUMBER, CHOICE, QUOTED, EACH, ROW };
enum { JSON_TEXT, PYTHON_TEXT, PYTHON_BYTES };

/* A node of a description; what the fields are for depends on its kind:
   LITERAL: data, size;
   SPAN: data, size, starts, ends;
   NUMBER: starts, the values;
   CHOICE: data, size, starts: the number of a text for each row, ends: where each text begins, with
     one more, most: how many texts there are;
   QUOTED: data, size, starts: where each row begins, with one more, style;
   EACH: starts: where the rows of each row begin, with one more, child, between, alone: nodes of
     literals, around: the first of two;
   ROW: starts: the numbers of its parts, most: how many there are. */
typedef struct {
    int64_t kind, rows;
    const uint8_t *data;
    int64_t size;
    const int64_t *starts, *ends;
    int64_t most, child, between, alone, around, style;
} Node;

/* What is written: nothing but its length where `out` is NULL. failed: a place outside of the data;
   odd: a text that needs more than is known here. */
typedef struct {
    const Node *nodes;
    uint8_t *out;
    int64_t length;
    int failed, odd;
} Writing;

static void put_bytes(Writing *to, const uint8_t *data, int64_t size) {
    if (to->out) memcpy(to->out + to->length, data, (size_t)size);
    to->length += size;
}

static void put_number(Writing *to, int64_t value) {
    uint8_t digits[20];
    int place = 20;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do digits[--place] = (uint8_t)('0' + left % 10);
    while (left /= 10);
    if (value < 0) digits[--place] = '-';
    put_bytes(to, digits + place, 20 - place);
}

/* The first place at or after `start` of a character that is not written as it stands. */
static int64_t first_escaped(const uint8_t *data, int64_t start, int64_t size, uint8_t quote) {
    enum { STEP = 32 };
    for (; start + STEP <= size; start += STEP) {
        uint8_t any = 0;
        for (int k = 0; k < STEP; k++) {
            const uint8_t c = data[start + k];
            any |= (uint8_t)(c < ' ') | (c > '~') | (c == quote) | (c == '\\');
        }
        if (any) break;
    }
    while (start < size) {
        const uint8_t c = data[start];
        if (c < ' ' || c > '~' || c == quote || c == '\\') break;
        start++;
    }
    return start;
}

/* A literal of JSON or Python. Of a text every character has to be printable ASCII. */
static void put_quoted(Writing *to, const uint8_t *data, int64_t size, int64_t style) {
    static const uint8_t hex[] = "0123456789abcdef";
    uint8_t quote = '"';
    if (style != JSON_TEXT && (!memchr(data, '\'', (size_t)size) || memchr(data, '"', (size_t)size)))
        quote = '\'';
    if (style == PYTHON_BYTES) put_bytes(to, (const uint8_t *)"b", 1);
    put_bytes(to, &quote, 1);
    int64_t done = 0;
    for (int64_t k; (k = first_escaped(data, done, size, quote)) < size;) {
        const uint8_t c = data[k];
        const int printable = c >= ' ' && c <= '~';
        put_bytes(to, data + done, k - done);
        done = k + 1;
        if (!printable && style != PYTHON_BYTES) {
            to->odd = 1;
            return;
        }
        const uint8_t sign = c == '\t' ? 't' : c == '\n' ? 'n' : c == '\r' ? 'r' : c;
        const uint8_t escaped[4] = {'\\', printable || sign != c ? sign : 'x', hex[c >> 4], hex[c & 15]};
        put_bytes(to, escaped, printable || sign != c ? 2 : 4);
    }
    put_bytes(to, data + done, size - done);
    put_bytes(to, &quote, 1);
}

static void put_literal(Writing *to, int64_t node) {
    put_bytes(to, to->nodes[node].data, to->nodes[node].size);
}

static void put_node(Writing *to, int64_t node, int64_t row) {
    const Node *given = to->nodes + node;
    if (given->kind == LITERAL) {
        put_bytes(to, given->data, given->size);
        return;
    }
    if (given->kind == ROW) {
        for (int64_t k = 0; k < given->most; k++) put_node(to, given->starts[k], row);
        return;
    }
    if (row < 0 || row >= given->rows) {
        to->failed = 1;
        return;
    }
    if (given->kind == NUMBER) {
        put_number(to, given->starts[row]);
        return;
    }
    if (given->kind == EACH) {
        const int64_t first = given->starts[row], end = given->starts[row + 1];
        if (first < 0 || end < first) {
            to->failed = 1;
            return;
        }
        if (first < end) put_literal(to, given->around);
        for (int64_t each = first; each < end && !to->failed; each++) {
            if (each > first) put_literal(to, given->between);
            put_node(to, given->child, each);
        }
        if (end - first == 1) put_literal(to, given->alone);
        if (first < end) put_literal(to, given->around + 1);
        return;
    }
    int64_t start = given->starts[row], end;
    if (given->kind == SPAN) {
        end = given->ends[row];
    } else if (given->kind == QUOTED) {
        end = given->starts[row + 1];
    } else {
        if (start < 0 || start >= given->most) {
            to->failed = 1;
            return;
        }
        end = given->ends[start + 1];
        start = given->ends[start];
    }
    if (start < 0 || end < start || end > given->size)
        to->failed = 1;
    else if (given->kind == QUOTED)
        put_quoted(to, given->data + start, end - start, given->style);
    else
        put_bytes(to, given->data + start, end - start);
}

/* The texts of rows by the last of some nodes, one after the other, to `out`, and where each begins
   to bounds[count + 1]. With `out` NULL the bounds alone; rows that are odd are then marked, and
   have no text. Returns 0, or 1 if a place lies outside of its data. */
int vb_row_texts(const Node *nodes, int64_t node_count, int64_t count, uint8_t *odd, int64_t *bounds,
                 uint8_t *out) {
    Writing to = {nodes, out, 0, 0, 0};
    for (int64_t row = 0; row < count; row++) {
        const int64_t begun = bounds[row] = to.length;
        if (out && odd[row]) continue;
        to.odd = 0;
        put_node(&to, node_count - 1, row);
        if (to.failed) return 1;
        if (to.odd) {
            odd[row] = 1;
            to.length = begun;
        }
    }
    bounds[count] = to.length;
    return 0;
}
