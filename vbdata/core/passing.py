"""Photographs that stand in a build as their files are: which can, and how they are checked.

A file can if decoders and viewers show its stored pixels as opaque RGB of 8 bits:

    JPEG   Huffman coded, YCbCr or RGB, upright by EXIF; kept to the byte
    PNG    RGB of 8 bits, not interlaced, no transparent colour, upright; kept less the chunks that
           decide no pixel (text, profiles, frames of an animation)
    WebP   still, without alpha, upright; kept to the byte

Profiles do not count, as decoding ignores them (vbdata.core.images). What the checks of damage find
and what they cannot is in docs/photographs.md.
"""

from __future__ import annotations

from vbdata.core import exif, images, png_read, rasters


def kept(data: bytes, file: str = "") -> tuple[str, bytes] | None:
    """The kind ("jpg", "png", "webp") and the bytes under which a file can stand in a build.

    None for a file that has to be encoded anew; file: its name for messages. Raises BadSample for
    a damaged one.
    """
    if images.is_jpeg(data):
        return ("jpg", data) if _jpeg(data, file) else None
    if rasters.kind(data) == "WebP":
        return ("webp", data) if _webp(data, file) else None
    if data.startswith(images.PNG_MAGIC):
        return _png(data, file)
    return None


def _jpeg(data: bytes, file: str) -> bool:
    if not images.jpeg_header(data, file).plain:
        return False
    images.check_jpeg(data, file)
    return True


def plain_webp(data: bytes, file: str = "") -> bool:
    """Whether a WebP can stand as it is, by its headers. Raises BadSample."""
    rasters.refuse_cut(data, file)
    head = rasters.header(data, file)
    upright = head.orientation == exif.UPRIGHT
    return upright and not head.alpha and len(data) == rasters.webp_length(data)


def _webp(data: bytes, file: str) -> bool:
    """Whether a WebP can stand as it is; it is decoded, since it has no checksums."""
    if plain := plain_webp(data, file):
        images.decode_rgb(data, file)
    return plain


def _png(data: bytes, file: str) -> tuple[str, bytes] | None:
    """A PNG's drawn chunks; it is decoded, so that its data are known to be whole."""
    head = png_read.header(data, file)
    if (head.colour, head.depth, head.interlaced) != (2, 8, False):
        return None
    if images.orientation(data, file) != exif.UPRIGHT:
        return None
    drawn = png_read.drawn(data, head, file)
    if png_read.chunks(drawn) != png_read.PIXELS:
        return None  # a transparent colour, or a palette that is only a suggestion
    images.decode_rgb(drawn, file)
    return "png", drawn
