"""Encodings that are made once: of texts and of images, by frozen encoders.

    FOLDER/<16 digits of the encoder>/<2 of the key>/<key>.safetensors

A key is the SHA-256 of the encoder's digest (its weights' and configs' bytes and its settings), of
what else decides its bits (torch's version, the device, on CPUs the number of threads), and of the
content. So a file is what encoding again would give, bit for bit, on any run that finds it. Each
input is encoded alone: what stands beside it in a batch decides nothing.

Files are written under a temporary name and renamed; a damaged one is made again. In memory the
least recently used go first; on disk nothing more is written once there is no room.
"""

from __future__ import annotations

import hashlib
import os
import re
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from vbdata.errors import SourceError
from vbdata.machine import cache
from vbdata.machine.hashing import file_sha256

Keep = Literal["no", "memory", "disk"]
LARGE = 1 << 20  # bytes of a file whose digest is worth keeping
Gigabytes = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Caching(BaseModel):
    """Where encodings are kept: "no", "memory", or "disk" (and in memory).

    folder: "" is the user's cache folder; memory_gb: for the texts and for the images each;
    disk_gb: for all that the folder holds. Free to change between runs: it changes no number.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    texts: Keep = "memory"
    images: Keep = "no"
    folder: str = ""
    memory_gb: Gigabytes = 1.0
    disk_gb: Gigabytes = 20.0

    def place(self) -> Path:
        """The folder on disk."""
        return Path(self.folder) if self.folder else cache.folder() / "encoded"


class Encodings:
    """What one encoder made. encoder: the digest of all that decides what it makes."""

    def __init__(self, encoder: str, keep: Keep, caching: Caching) -> None:
        self._encoder, self._keep = encoder, keep
        self._memory: OrderedDict[str, dict[str, Tensor]] = OrderedDict()
        self._room = int(caching.memory_gb * 1e9)
        self._disk = Disk(caching.place(), int(caching.disk_gb * 1e9)) if keep == "disk" else None

    def get(
        self, content: bytes, where: torch.device, make: Callable[[], Mapping[str, Tensor]]
    ) -> dict[str, Tensor]:
        """The encoding of a content, on the device; `make` is asked only where it is not kept."""
        if self._keep == "no":
            return dict(make())
        key = _digest([self._encoder.encode(), machine(where).encode(), content])
        found = self._memory.get(key)
        if found is None:
            found = self._read(key) or self._write(key, make())
            self._remember(key, found)
        else:
            self._memory.move_to_end(key)
        return {name: tensor.to(where) for name, tensor in found.items()}

    def _read(self, key: str) -> dict[str, Tensor] | None:
        return self._disk.read(f"{self._encoder[:16]}/{key[:2]}/{key}") if self._disk else None

    def _write(self, key: str, made: Mapping[str, Tensor]) -> dict[str, Tensor]:
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in made.items()}
        if self._disk:
            self._disk.write(f"{self._encoder[:16]}/{key[:2]}/{key}", plain)
        return plain

    def _remember(self, key: str, found: dict[str, Tensor]) -> None:
        self._memory[key] = found
        self._room -= _size(found)
        while self._room < 0:
            self._room += _size(self._memory.popitem(last=False)[1])


class Disk:
    """A folder of safetensors files that may hold so many bytes."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._limit = folder, limit
        self._used: int | None = None
        self._full = False

    def read(self, name: str) -> dict[str, Tensor] | None:
        """The tensors of a file; None if it is not there or damaged."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(self._folder / f"{name}.safetensors")
        except (OSError, SafetensorError):
            return None

    def write(self, name: str, tensors: dict[str, Tensor]) -> None:
        """Write a file if there is room. Raises SourceError if the disk has none."""
        from safetensors.torch import save_file

        if self._used is None:
            self._used = sum(_sizes(self._folder))
        if self._full:
            return
        path = self._folder / f"{name}.safetensors"
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file(tensors, part)
            size = part.stat().st_size
            if self._used + size > self._limit:
                warnings.warn(f"{self._folder} is full (disk_gb): no more is kept", stacklevel=2)
                self._full = True
            else:
                part.replace(path)
                self._used += size
        except OSError as err:
            raise SourceError(f"{self._folder}: no encoding can be kept: {err.strerror}") from err
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)


def machine(where: torch.device) -> str:
    """What decides an encoder's bits beside itself and its input."""
    if where.type == "cpu":
        threads = torch.get_num_threads()
        return f"{torch.__version__} {torch.backends.cpu.get_cpu_capability()} {threads}"
    name = torch.cuda.get_device_name(where) if where.type == "cuda" else ""
    return f"{torch.__version__} {where.type} {name} {torch.get_float32_matmul_precision()}"


def files_digest(folder: Path, parts: Iterable[str], *settings: object) -> str:
    """SHA-256 of all files below some parts of a folder, by name and content, and of settings."""
    lines = [repr(settings).encode()]
    for part in sorted(parts):
        for path in sorted((folder / part).rglob("*")):
            if path.is_file():
                line = f"{path.relative_to(folder).as_posix()} {file_digest(path)}"
                lines.append(line.encode())
    return _digest(lines)


def file_digest(path: Path) -> str:
    """SHA-256 of a file. A large one's is kept in the user's cache, for as long as it is unchanged.

    Unchanged: the same place, inode, size, and times of writing and of change, in nanoseconds.
    """
    found = path.stat()
    if found.st_size < LARGE:
        return file_sha256(path)
    whole = path.resolve(), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
    name = f"weights/{_digest([repr(whole).encode()])}.sha256"
    digest = cache.cached_file(name, lambda part: _note(part, file_sha256(path))).read_text()
    return digest if re.fullmatch("[0-9a-f]{64}", digest) else file_sha256(path)


def _note(part: Path, text: str) -> None:
    part.write_text(text)


def _digest(parts: Iterable[bytes]) -> str:
    """SHA-256 of parts, each with its length."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "little"))
        whole.update(part)
    return whole.hexdigest()


def _size(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors.values())


def _sizes(folder: Path) -> Iterable[int]:
    return (path.stat().st_size for path in folder.rglob("*.safetensors"))
