"""Arrays out of .npz files from outside: zips of .npy files. Pickles are refused, as in these."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import Any

from numpy.typing import NDArray

from vbdata.core.images import MAX_BYTES
from vbdata.errors import BadSample, choices

from . import npy

MAGIC = b"PK\x03\x04"
DAMAGE = (
    *(zipfile.BadZipFile, OSError, EOFError, ValueError, KeyError, NotImplementedError),
    *(RuntimeError, OverflowError, zlib.error),
)


def array(data: bytes, name: str = "", file: str = "") -> NDArray[Any]:
    """The array of this name, or the only one where none is named, of any shape.

    file: the name for messages. Raises BadSample: "wrong dtype" where it is not clear which array
    is meant, "too large", "truncated" or "undecodable".
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            there = {m.filename.removesuffix(".npy"): m for m in archive.infolist()}
            if not name and len(there) == 1:
                (name,) = there
            if name not in there:
                what = f"npz without array {name!r}" if name else f"npz of {len(there)} arrays"
                raise BadSample("wrong dtype", f"{what}; name one{choices(name, there)}", file)
            if there[name].file_size > MAX_BYTES:
                detail = f"npz: {name} has {there[name].file_size} bytes, at most {MAX_BYTES}"
                raise BadSample("too large", detail, file)
            with archive.open(there[name]) as member:
                content = member.read(MAX_BYTES + 1)
    except DAMAGE as err:
        raise BadSample("undecodable", f"npz: {err}", file) from err
    return npy.array(content, file)
