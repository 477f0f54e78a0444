"""Inner loops in C, compiled once on each machine by the C compiler that is found there.

Each of them exists in Python or NumPy as well, with the same bytes: without a compiler a
build is slower, not different. The library is kept in the machine's cache under the digest of its
source, its flags and its processor, so that an edited source, or another machine of a cluster that
shares the cache, compiles anew. `VBDATA_COMPILED=0` turns the library off.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import warnings
from collections.abc import Mapping
from ctypes import c_double, c_float, c_int, c_int32, c_int64, c_uint32, c_uint64, c_void_p
from importlib.resources import files
from pathlib import Path
from typing import Any

from vbdata.errors import SourceError
from vbdata.machine import cache

VARIABLE = "VBDATA_COMPILED"
SOURCES = ("deflate.c", "maps.c", "masks.c")
# A fused multiply-add rounds once where array code rounds twice: contraction would change bytes.
FLAGS = ("-O3", "-std=c11", "-ffp-contract=off", "-fno-math-errno", "-shared", "-fPIC")
LONGEST_S = 120.0  # to compile

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
    "vb_painted_wrong": (N, (P, N, P, c_int32, P)),
    "vb_polygons": (N, (P, P, N, N, N, P, N, P)),
    "vb_union": (N, (P, N, P, N, P)),
    "vb_label_map": (N, (P, P, P, N, N, N, P, P)),
    "vb_orient": (None, (P, P, P, N, c_float, c_float, P, P)),
    "vb_nowhere": (None, (P, N, P)),
    "vb_shrink": (None, (P, N, N, N, N, P, P)),
    "vb_unfilter": (c_int, (P, N, N, c_int, P)),
}


@functools.cache
def library() -> Any:
    """The compiled functions as attributes, typed by SIGNATURES; None without a compiler.

    None, too, where the compiler fails, where `VBDATA_COMPILED=0`, and on big-endian machines; a
    failure warns once.
    """
    if os.environ.get(VARIABLE) == "0" or sys.byteorder != "little":
        return None
    compiler = _compiler()
    if compiler is None:
        _warn("no C compiler was found (cc, gcc, clang or $CC)")
        return None
    try:
        loaded = ctypes.CDLL(str(_kept(compiler)))
    except (OSError, SourceError, subprocess.SubprocessError) as err:
        _warn(f"{shlex.join(compiler)} did not compile them: {_brief(err)}")
        return None
    for name, (result, arguments) in SIGNATURES.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


def sources() -> dict[str, str]:
    """The text of the C files, by file name."""
    folder = files(__name__)
    return {name: folder.joinpath(name).read_text(encoding="utf-8") for name in SOURCES}


def library_for(**arrays: Any) -> Any:
    """The compiled functions if they can work on these arrays, or tensors, in place; else None.

    Keywords are names of types: `library_for(float32=metres, bool=valid)` asks that metres be
    float32 and valid be bool, both contiguous and on the CPU. A tuple holds several arrays of one
    type.
    """
    loaded = library()
    for dtype, given in arrays.items() if loaded else ():
        for array in given if isinstance(given, tuple) else (given,):
            if str(array.dtype).removeprefix("torch.") != dtype or not _plain(array):
                return None
    return loaded


def _plain(array: Any) -> bool:
    if hasattr(array, "data_ptr"):
        return bool(array.device.type == "cpu" and array.is_contiguous())
    return bool(array.flags.c_contiguous)


def address(array: Any) -> int:
    """The memory address of the values of a contiguous NumPy array or CPU tensor.

    The caller keeps the array alive while C code uses the address.
    """
    assert _plain(array), (array.shape, array.device)
    return int(array.data_ptr() if hasattr(array, "data_ptr") else array.ctypes.data)


def packed(colour: tuple[int, int, int]) -> int:
    """An RGB colour of 0 to 255 as C code takes it: one integer, R in the lowest byte."""
    red, green, blue = colour
    return red | green << 8 | blue << 16


def _compiler() -> list[str] | None:
    if chosen := os.environ.get("CC"):
        return shlex.split(chosen)
    path = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    return [path] if path else None


def _kept(compiler: list[str]) -> Path:
    """The library's file in the cache, compiled first if it is not there. Raises if that fails."""
    texts = sources()
    identity = repr((sorted(texts.items()), FLAGS, platform.machine(), _processor()))
    name = f"compiled/{hashlib.sha256(identity.encode()).hexdigest()[:32]}.so"
    return cache.cached_file(name, lambda path: _compile(compiler, texts, path))


def _compile(compiler: list[str], texts: Mapping[str, str], path: Path) -> None:
    source = "\n".join(texts[name] for name in SOURCES)
    fastest = "-mcpu=native" if platform.machine() in ("aarch64", "arm64") else "-march=native"
    for tuned in ([fastest], []):  # not every compiler knows the processor it runs on
        words = [*compiler, *FLAGS, *tuned, "-x", "c", "-", "-o", str(path), "-lm"]
        done = subprocess.run(  # noqa: S603 (the compiler that the user's PATH or CC names)
            words, input=source, capture_output=True, text=True, timeout=LONGEST_S, check=False
        )
        if done.returncode == 0:
            return
    raise OSError(done.stderr.strip()[-500:] or f"exit code {done.returncode}")


def _processor() -> str:
    """The processor's model and instructions: a library tuned for another one might not run."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    keys = ("model name", "flags", "Features", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(keys)}))


def _brief(err: BaseException) -> str:
    """The end of a compiler's message, in one line."""
    return " ".join(str(err).split())[-300:]


def _warn(cause: str) -> None:
    warnings.warn(
        f"vbdata works without its compiled loops, with the same bytes but much slower: {cause}",
        RuntimeWarning,
        stacklevel=3,
    )
