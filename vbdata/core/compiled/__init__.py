"""The engine's inner loops in C, compiled once a machine by the C compiler that is there.

Everything here exists in NumPy or torch as well, with the same bytes: without a compiler a build is
slower, not other. The library is kept in the cache under the digest of its source, its flags and
the processor that it was compiled for, so that an edited source or another machine of a cluster
compiles anew. `VBDATA_COMPILED=0` does without.
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
# No contraction to fused operations, which round once where tensor code rounds twice.
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
    """The compiled functions by name, as ctypes has them; None where there is no compiler."""
    if os.environ.get(VARIABLE) == "0" or sys.byteorder != "little":
        return None
    compiler = _compiler()
    if compiler is None:
        _warn("no C compiler (cc, gcc, clang or $CC) is there")
        return None
    try:
        loaded = ctypes.CDLL(str(_kept(compiler)))
    except (OSError, SourceError, subprocess.SubprocessError) as err:
        _warn(f"{shlex.join(compiler)} did not compile it: {_said(err)}")
        return None
    for name, (result, arguments) in SIGNATURES.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


def sources() -> dict[str, str]:
    """The text of the C files by name."""
    folder = files(__name__)
    return {name: folder.joinpath(name).read_text(encoding="utf-8") for name in SOURCES}


def library_for(**tensors: Any) -> Any:
    """The library if all tensors are contiguous, on the CPU, of their keyword's type; else None.

    Keywords are torch's names of types: `library_for(float32=metres, bool=valid)`; a tuple holds
    several tensors of a type.
    """
    found = library()
    for name, given in tensors.items() if found else ():
        for tensor in given if isinstance(given, tuple) else (given,):
            plain = tensor.device.type == "cpu" and tensor.is_contiguous()
            if not plain or str(tensor.dtype) != f"torch.{name}":
                return None
    return found


def address(array: Any) -> int:
    """Where the values of a contiguous NumPy array or CPU tensor lie."""
    if hasattr(array, "data_ptr"):
        assert array.is_contiguous(), array.shape
        assert array.device.type == "cpu", array.device
        return int(array.data_ptr())
    assert array.flags.c_contiguous, array.shape
    return int(array.ctypes.data)


def packed(colour: tuple[int, int, int]) -> int:
    """A colour as the library takes it, R lowest."""
    red, green, blue = colour
    return red | green << 8 | blue << 16


def _compiler() -> list[str] | None:
    if chosen := os.environ.get("CC"):
        return shlex.split(chosen)
    found = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    return [found] if found else None


def _kept(compiler: list[str]) -> Path:
    """The library's file, compiled if it is not there. Raises if that fails."""
    texts = sources()
    said = repr((sorted(texts.items()), FLAGS, platform.machine(), _processor()))
    name = f"compiled/{hashlib.sha256(said.encode()).hexdigest()[:32]}.so"
    return cache.kept(name, lambda path: _compile(compiler, texts, path))


def _compile(compiler: list[str], texts: Mapping[str, str], path: Path) -> None:
    source = "\n".join(texts[name] for name in SOURCES)
    fastest = "-mcpu=native" if platform.machine() in ("aarch64", "arm64") else "-march=native"
    for tuned in ([fastest], []):  # not every compiler knows the processor that it runs on
        words = [*compiler, *FLAGS, *tuned, "-x", "c", "-", "-o", str(path), "-lm"]
        done = subprocess.run(  # noqa: S603 (the compiler that the user's PATH or CC names)
            words, input=source, capture_output=True, text=True, timeout=LONGEST_S, check=False
        )
        if done.returncode == 0:
            return
    raise OSError(done.stderr.strip()[-500:] or f"exit code {done.returncode}")


def _processor() -> str:
    """What the compiler may count on here: a library of another processor might not run."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    told = ("model name", "flags", "Features", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(told)}))


def _said(err: BaseException) -> str:
    return " ".join(str(err).split())[-300:]


def _warn(cause: str) -> None:
    warnings.warn(
        f"vbdata works without its compiled loops, with the same bytes but much slower: {cause}",
        RuntimeWarning,
        stacklevel=3,
    )
