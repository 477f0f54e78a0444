"""The C files as one shared library: which files and flags, by which compiler, under which name.

It imports the standard library alone, because setup.py runs it as well, before vbdata is installed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

SOURCES = ("annotations.c", "deflate.c", "maps.c", "masks.c", "row_texts.c", "scans.c", "sha256.c")
# A fused multiply-add rounds once where array code rounds twice: contraction would change bytes.
FLAGS = ("-O3", "-std=c11", "-ffp-contract=off", "-fno-math-errno", "-shared", "-fPIC")
BUILT = "built"  # the folder of a wheel's libraries, beside this file
# What a processor must have beyond its architecture's first, best first, and the compiler's flag.
# v3: https://gitlab.com/x86-psABIs/x86-64-ABI, table 3.1, in the words of /proc/cpuinfo.
LEVELS: Mapping[str, Sequence[tuple[str, tuple[str, ...], str]]] = {
    "x86_64": (("v3", ("-march=x86-64-v3",), "avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"),),
}
LONGEST_S = 120.0  # to compile


def texts(folder: Path) -> dict[str, str]:
    """The text of the C files of a folder, by file name."""
    return {name: (folder / name).read_text(encoding="utf-8") for name in SOURCES}


def machine() -> str:
    """The architecture of this machine: x86_64, aarch64, or what else the system calls it."""
    name = platform.machine().lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(name, name)


def cpu_lines() -> list[str]:
    """What Linux says of this machine's processors; [] elsewhere."""
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def found() -> list[str] | None:
    """The C compiler's command: that of $CC, else cc, gcc or clang on PATH; None without any."""
    if chosen := os.environ.get("CC"):
        return shlex.split(chosen)
    path = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    return [path] if path else None


def compile_library(
    compiler: Sequence[str], files: Mapping[str, str], path: Path, tuned: Sequence[str]
) -> None:
    """Compile the texts of the C files into one shared library.

    tuned: flags beside FLAGS, which name a processor. Raises OSError or
    subprocess.SubprocessError if the compiler cannot be run or fails.
    """
    source = "\n".join(files[name] for name in SOURCES)
    words = [*compiler, *FLAGS, *tuned, "-x", "c", "-", "-o", str(path), "-lm"]
    done = subprocess.run(  # noqa: S603 (the compiler that the user's PATH or CC names)
        words, input=source, capture_output=True, text=True, timeout=LONGEST_S, check=False
    )
    if done.returncode:
        raise OSError(done.stderr.strip()[-500:] or f"exit code {done.returncode}")


def built_names(files: Mapping[str, str], on: str) -> Iterator[tuple[str, Sequence[str], str]]:
    """The libraries that a wheel has for an architecture, best first.

    files: texts of the C files; on: the architecture, as `machine` names it. Of each library the
    file name, which holds a digest of the C code and FLAGS; the flags that it needs beside FLAGS;
    and the features that a processor must have for it, in the words of /proc/cpuinfo.
    """
    stem = f"{hashlib.sha256(repr((sorted(files.items()), FLAGS)).encode()).hexdigest()[:32]}-{on}"
    for level, flags, features in LEVELS.get(on, ()):
        yield f"{stem}-{level}.so", flags, features
    yield f"{stem}.so", (), ""


def build_all(folder: Path, compiler: Sequence[str], on: str) -> dict[str, bytes]:
    """The libraries of a wheel, by file name: folder: of the C files; on: as in `built_names`.

    A level that the compiler does not know is left out. Raises OSError or
    subprocess.SubprocessError if it cannot compile the plain library.
    """
    files, made = texts(folder), dict[str, bytes]()
    with tempfile.TemporaryDirectory(prefix="vbdata-") as temporary:
        for name, flags, _ in built_names(files, on):
            path = Path(temporary, name)
            try:
                compile_library(compiler, files, path, flags)
            except OSError:
                if not flags:
                    raise
            else:
                made[name] = path.read_bytes()
    return made
