"""Damage to a dataset on disk: one to three seeded changes to files, their names, their contents.

The tree may be hard links into a pristine one, so a file is never written in place.
"""

from __future__ import annotations

import os
import pickle
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from random import Random

from PIL.Image import DecompressionBombError

from tests.helpers.fuzzing import arrays as fuzz_arrays
from tests.helpers.fuzzing import files as fuzz_files
from tests.helpers.fuzzing import values as fuzz_values
from tests.helpers.fuzzing.values import SECRET

Change = Callable[[bytes, Random, str], tuple[bytes, str]]
CONTENTS: dict[str, Change] = {
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".JPEG", ".PNG"), fuzz_files.picture),
    **dict.fromkeys((".tar", ".zip"), fuzz_files.archive),
    **dict.fromkeys((".hdf5", ".dsp5"), fuzz_arrays.hdf5),
    ".mat": fuzz_arrays.mat,
    **dict.fromkeys((".dpt", ".pfm", ".cam"), fuzz_arrays.floats_with_header),
    ".npy": fuzz_arrays.npy,
    **dict.fromkeys((".exr", ".1"), fuzz_arrays.exr),  # some of UrbanSyn's are .exr.1
    **dict.fromkeys((".bin", ".JPG"), fuzz_arrays.floats),  # of LiDAR; of ETH3D's depth
    ".parquet": fuzz_arrays.parquet,
    ".json": fuzz_values.json_file,
    ".jsonl": fuzz_values.json_lines,
    **dict.fromkeys((".csv", ".txt", ".yaml", ".list"), fuzz_values.table),
    **dict.fromkeys((".p", ".pkl"), fuzz_values.pickled),
}
HUGE = 1 << 36
DAMAGED = (  # what the libraries say of a file that an earlier change has damaged
    *(ValueError, OSError, EOFError, KeyError, IndexError, TypeError, SyntaxError, RuntimeError),
    *(tarfile.TarError, zipfile.BadZipFile, struct.error, zlib.error, NotImplementedError),
    *(pickle.UnpicklingError, AttributeError, ImportError, OverflowError, AssertionError),
    *(DecompressionBombError, MemoryError, RecursionError),
)
NAMES = (
    *("x" * 255, "é", "e\u0301", "\u202egpj.exe", "a b", "-rf", "a\nb", "a\\b", "..a", "%2e%2e"),
    *("'", '"', "CON", "a:b", "*", "\udcff", "😀" * 60, ".hidden", "a.", "a.png.jpg"),
)


def lay_out(pristine: Path, root: Path) -> None:
    """A tree of hard links to another tree's files."""
    for folder, _, files in os.walk(pristine):
        below = root / Path(folder).relative_to(pristine)
        below.mkdir(parents=True)
        for name in files:
            os.link(Path(folder) / name, below / name)


def damage(root: Path, rng: Random) -> str:
    """Change a tree at one to three places; says what was done."""
    done = []
    for _ in range(rng.choice((1, 1, 1, 1, 2, 3))):
        files = sorted(filter(_whole, root.rglob("*")))
        if files:
            by_kind = defaultdict(list)
            for path in files:
                by_kind[path.suffix, path.parent.name[:4]].append(path)
            path = rng.choice(by_kind[rng.choice(sorted(by_kind))])
            done.append(f"{path.relative_to(root)}: {_damage(path, files, root, rng)}")
    return "; ".join(done)


def _whole(path: Path) -> bool:
    """Whether a path is a file that no earlier change made a link or of great size."""
    return path.is_file() and not path.is_symlink() and path.stat().st_size < HUGE


def _damage(path: Path, files: list[Path], root: Path, rng: Random) -> str:
    chance = rng.random()
    change = CONTENTS.get(path.suffix)
    outside = str(root.parent / SECRET)
    if chance < 0.45 and change:
        try:
            data, done = change(path.read_bytes(), rng, outside)
        except DAMAGED as err:
            data, done = fuzz_files.HTML, f"html ({type(err).__name__}: damaged before)"
        replace(path, data)
        return f"{change.__name__}: {done}"
    if chance < 0.75:
        data = bytearray(path.read_bytes())
        done = _bytes(data, rng)
        replace(path, bytes(data))
        return done
    return rng.choice(FILES)(path, files, root, rng)


def replace(path: Path, data: bytes) -> None:
    """Another file of the same name."""
    path.unlink()
    path.write_bytes(data)


def _bytes(data: bytearray, rng: Random) -> str:
    """One to twenty changes that know nothing of the format, the start preferred."""
    act = rng.choice(
        ("flip", "flip", "set", "insert", "delete", "cut", "cut", "zero", "repeat", "grow")
    )
    for _ in range(rng.choice((1, 1, 2, 20)) if act in ("flip", "set") else 1):
        at = rng.randrange(rng.choice((len(data), min(len(data), 200))) or 1) if data else 0
        count = rng.choice((1, 4, 64, 5000))
        if act == "flip" and data:
            data[at] ^= 1 << rng.randrange(8)
        elif act == "set" and data:
            data[at] = rng.choice((0, 255, rng.randrange(256)))
        elif act == "insert":
            data[at:at] = rng.randbytes(count)
        elif act == "delete":
            del data[at : at + count]
        elif act == "cut":
            del data[at:]
        elif act == "zero":
            data[at : at + count] = bytes(len(data[at : at + count]))
        elif act == "repeat":
            data[at:at] = data[at : at + count]
        else:
            data += rng.randbytes(count)
    return act


def _empty(path: Path, files: list[Path], root: Path, rng: Random) -> str:
    replace(path, b"")
    return "empty"


def _gone(path: Path, files: list[Path], root: Path, rng: Random) -> str:
    path.unlink()
    return "deleted"


def _folder_gone(path: Path, files: list[Path], root: Path, rng: Random) -> str:
    above = rng.choice([parent for parent in path.parents if root in (parent, *parent.parents)])
    shutil.rmtree(above)
    above.mkdir(exist_ok=True)
    return f"folder {above.name} emptied"


def _swapped(path: Path, files: list[Path], root: Path, rng: Random) -> str:
    other = rng.choice([f for f in files if f.suffix == path.suffix])
    mine, yours = path.read_bytes(), other.read_bytes()
    replace(path, yours)
    replace(other, mine)
    return f"swapped with {other.name}"


def _other_kind(path: Path, files: list[Path], root: Path, rng: Random) -> str:
    other = rng.choice([f for f in files if f.suffix != path.suffix] or files)
    replace(path, other.read_bytes())
    return f"is {other.name}"


def _renamed(path: Path, files: list[Path], root: Path, rng: Random) -> str:
    name = rng.choice((*NAMES, path.stem, path.name.upper(), f"{path.name}.part"))
    name += path.suffix if rng.random() < 0.5 else ""
    new = path.with_name(os.fsdecode(os.fsencode(name)[:255]))
    moved = rng.random() < 0.5
    if new != path:
        (os.rename if moved else shutil.copyfile)(path, new)
    return f"{'renamed' if moved else 'and'} {new.name[:30]!a}"


def _folder_renamed(path: Path, files: list[Path], root: Path, rng: Random) -> str:
    if path.parent == root:
        return _renamed(path, files, root, rng)
    new = path.parent.with_name(rng.choice(NAMES))
    if not new.exists():
        path.parent.rename(new)
    return f"folder is {new.name[:30]!a}"


def _folder_instead(path: Path, files: list[Path], root: Path, rng: Random) -> str:
    path.unlink()
    path.mkdir()
    return "a folder"


def _pipe(path: Path, files: list[Path], root: Path, rng: Random) -> str:
    path.unlink()
    os.mkfifo(path)
    return "a pipe"


def _link(path: Path, files: list[Path], root: Path, rng: Random) -> str:
    targets = ("nowhere", path.name, str(root), "/dev/zero", "/dev/null", f"../{'../' * 20}nothing")
    target = rng.choice(targets)
    path.unlink()
    path.symlink_to(target)
    return f"link to {target}"


def _sparse(path: Path, files: list[Path], root: Path, rng: Random) -> str:
    data = path.read_bytes()
    replace(path, data)
    os.truncate(path, HUGE)
    return "64 GiB"


FILES = (
    *(_empty, _gone, _folder_gone, _swapped, _swapped, _other_kind, _other_kind),
    *(_renamed, _renamed, _folder_renamed, _folder_instead, _pipe, _link, _sparse),
)
