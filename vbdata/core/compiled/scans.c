/* Markers in the coded data of a JPEG (ITU-T T.81, annex B). */

#include <stdint.h>
#include <string.h>

/* The place of the first FF at or after `start` that begins a marker, `end` if there is none: one
   that no 00, restart marker or further FF follows. */
int64_t vb_marker(const uint8_t *data, int64_t start, int64_t end)
{
    const uint8_t *at = data + start, *last = data + end;
    while (at < last && (at = memchr(at, 0xFF, (size_t)(last - at)))) {
        if (at + 1 == last)
            return end;
        uint8_t next = at[1];
        if (next && next != 0xFF && (next & 0xF8) != 0xD0)
            return at - data;
        at += next == 0xFF ? 1 : 2;
    }
    return end;
}
