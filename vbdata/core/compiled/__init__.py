"""Inner loops in C, as a shared library: of the wheel, or compiled once on each machine.

Each of them exists in Python or NumPy as well, with the same bytes: without the library a build is
slower, not different. A wheel that was built where there was a C compiler (`make wheel`) has it in
the folder `built`; it is used if it was made of the very C code that runs, from any vbdata on
`sys.path`: a Ray job that brings its own code uses the library of the vbdata that is installed.
Otherwise the C compiler that is found compiles it, into the machine's cache under the digest of
source, flags and processor, so that an edited source, or another machine of a cluster that shares
the cache, compiles anew. `VBDATA_COMPILED=0` turns the library off.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shlex
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from ctypes import c_double, c_float, c_int, c_int32, c_int64, c_uint32, c_uint64, c_void_p
from importlib.resources import files
from pathlib import Path
from typing import Any

from vbdata.core.compiled import compiler
from vbdata.errors import SlowerWarning, SourceError
from vbdata.machine import cache

VARIABLE = "VBDATA_COMPILED"

P, N = c_void_p, c_int64
SIGNATURES: Mapping[str, tuple[Any, tuple[Any, ...]]] = {
    "vb_deflate": (c_uint64, (P, c_uint64, c_uint64, c_int, P)),
    "vb_depth_encode": (None, (P, P, N, c_int, P, P, P, c_int32, P)),
    "vb_depth_error": (c_double, (P, P, N, P, P, c_int32, c_double, c_int, c_double)),
    "vb_positive": (None, (P, P, N, P)),
    "vb_normals_encode": (None, (P, P, P, N, c_uint32, c_uint32, P)),
    "vb_normals_error": (
        c_float,
        (P, P, P, N, P, c_float, c_float, c_float, c_uint32, c_int32),
    ),
    "vb_paint": (N, (P, N, P, c_int32, P, P)),
    "vb_counts": (N, (P, N, c_int32, P)),
    "vb_painted_wrong": (N, (P, N, P, c_int32, P)),
    "vb_polygons": (N, (P, P, N, N, N, P, N, P)),
    "vb_union": (N, (P, N, P, N, P)),
    "vb_marker": (N, (P, N, N)),
    "vb_masks": (N, (P, N, N, c_double, N, *(P,) * 9)),
    "vb_captions": (N, (P, N, N, N, N, *(P,) * 6)),
    "vb_label_map": (N, (P, P, P, N, N, N, P, P)),
    "vb_orient": (None, (P, P, P, N, c_float, c_float, P, P)),
    "vb_nowhere": (None, (P, N, P)),
    "vb_shrink": (None, (P, N, N, N, N, P, P)),
    "vb_unfilter": (c_int, (P, N, N, c_int, P)),
    "vb_sha256_able": (c_int, ()),
    "vb_sha256_begin": (None, (P,)),
    "vb_sha256_add": (None, (P, P, c_uint64)),
    "vb_sha256_add_to_both": (None, (P, P, P, c_uint64)),
    "vb_sha256_digest": (None, (P, P)),
    "vb_sha256_rows": (None, (P, P, N, P)),
    "vb_row_texts": (c_int, (P, N, N, P, P, P)),
}


_quiet = False  # whether `library` gives no warning


@functools.cache
def library() -> Any:
    """The compiled functions as attributes, typed by SIGNATURES; None where there are none.

    That is without a wheel's library and a compiler that works, where `VBDATA_COMPILED=0`, and on
    big-endian machines. It warns once, unless they are turned off or `quiet` was called.
    """
    loaded, cause = _loaded()
    if cause and not (_quiet or _turned_off()):
        warnings.warn(
            f"vbdata works without its compiled loops, with the same bytes but much slower: "
            f"{cause}",
            SlowerWarning,
            stacklevel=2,
        )
    return loaded


def missing() -> str:
    """Why there are no compiled functions, in one line; "" where there are."""
    return _loaded()[1]


def quiet() -> None:
    """From here on `library` gives no warning, because the caller says what is missing."""
    global _quiet
    _quiet = True


def sources() -> dict[str, str]:
    """The text of the C files, by file name."""
    return compiler.texts(_here())


def library_for(**arrays: Any) -> Any:
    """The compiled functions if they can work on these arrays, or tensors, in place; else None.

    Keywords are names of types: `library_for(float32=metres, bool=valid)` asks that metres be
    float32 and valid be bool, both contiguous and on the CPU. A tuple holds several arrays of one
    type.
    """
    loaded = library()
    for dtype, given in arrays.items() if loaded else ():
        for array in given if isinstance(given, tuple) else (given,):
            if _type_name(array.dtype) != dtype or not _plain(array):
                return None
    return loaded


@functools.cache
def _type_name(dtype: Any) -> str:
    """The name of a type of NumPy or torch: NumPy takes its time to say it."""
    return str(dtype).removeprefix("torch.")


def _plain(array: Any) -> bool:
    if hasattr(array, "data_ptr"):
        return bool(array.device.type == "cpu" and array.is_contiguous())
    return bool(array.flags.c_contiguous)


def address(array: Any) -> int:
    """The memory address of the values of a contiguous NumPy array or CPU tensor.

    The caller keeps the array alive while C code uses the address.
    """
    try:  # six times as fast as what NumPy offers
        return ctypes.addressof(ctypes.c_char.from_buffer(array))
    except (TypeError, ValueError):  # a tensor, read-only, empty, or not contiguous
        assert _plain(array), (array.shape, array.device)
        return int(array.data_ptr() if hasattr(array, "data_ptr") else array.ctypes.data)


def packed(colour: tuple[int, int, int]) -> int:
    """An RGB colour of 0 to 255 as C code takes it: one integer, R in the lowest byte."""
    red, green, blue = colour
    return red | green << 8 | blue << 16


def _here() -> Path:
    return Path(str(files(__name__)))


def _turned_off() -> bool:
    return os.environ.get(VARIABLE) == "0"


@functools.cache
def _loaded() -> tuple[Any, str]:
    """The library, or None and why there is none."""
    if _turned_off():
        return None, f"{VARIABLE}=0 turns them off"
    if sys.byteorder != "little":
        return None, "they are for little-endian machines"
    for path in _fitting():
        try:
            return _typed(ctypes.CDLL(str(path))), ""
        except (OSError, AttributeError):  # cut short, or of a C library that this system lacks
            continue
    return _compiled_here()


def _typed(loaded: Any) -> Any:
    """The library with the types of its functions. Raises AttributeError if it lacks one."""
    for name, (result, arguments) in SIGNATURES.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


def _fitting() -> Iterator[Path]:
    """Libraries of wheels that are of this C code and run on this processor, best first."""
    has = set(" ".join(compiler.cpu_lines()).split())
    for name, _, features in compiler.built_names(sources(), compiler.machine()):
        if has.issuperset(features.split()):
            yield from (folder / name for folder in _wheels() if (folder / name).is_file())


def _wheels() -> list[Path]:
    """The folders of built libraries: beside this file, and in every other vbdata on sys.path."""
    below = Path(*__name__.split("."), compiler.BUILT)
    return [_here() / compiler.BUILT, *(Path(folder or ".", below) for folder in sys.path)]


def _compiled_here() -> tuple[Any, str]:
    """The library in the cache, compiled first if it is not there; or None and why not."""
    command = compiler.found()
    if command is None:
        return None, f"no C compiler was found (cc, gcc, clang or $CC){_others()}"
    try:
        return _typed(ctypes.CDLL(str(_kept(command)))), ""
    except (OSError, SourceError, subprocess.SubprocessError) as err:
        return None, f"{shlex.join(command)} did not compile them: {_brief(err)}{_others()}"


def _others() -> str:
    """What to do, and which wheels' libraries cannot be used here; to end a sentence with."""
    folders = {str(folder) for folder in _wheels() if any(folder.glob("*.so"))}
    if not folders:
        return "; install one, or a wheel that has them (make wheel)"
    listed = ", ".join(sorted(folders))
    return (
        f", and those in {listed} are of other C code or for another machine; install the wheel of "
        "this code (make wheel)"
    )


def _kept(command: list[str]) -> Path:
    """The library's file in the cache, compiled first if it is not there. Raises if that fails."""
    texts = sources()
    identity = repr((sorted(texts.items()), compiler.FLAGS, platform.machine(), _processor()))
    name = f"compiled/{hashlib.sha256(identity.encode()).hexdigest()[:32]}.so"
    return cache.cached_file(name, lambda path: _compile(command, texts, path))


def _compile(command: list[str], texts: Mapping[str, str], path: Path) -> None:
    native = "-mcpu=native" if compiler.machine() == "aarch64" else "-march=native"
    try:
        compiler.compile_library(command, texts, path, [native])
    except OSError:  # not every compiler knows the processor that it runs on
        compiler.compile_library(command, texts, path, [])


def _processor() -> str:
    """The processor's model and instructions: a library tuned for another one might not run."""
    keys = ("model name", "flags", "Features", "CPU part")
    lines = {line for line in compiler.cpu_lines() if line.startswith(keys)}
    return "\n".join(sorted(lines)) or platform.processor()


def _brief(err: BaseException) -> str:
    """The end of a compiler's message, in one line."""
    return " ".join(str(err).split())[-300:]
