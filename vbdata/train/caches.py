"""A cache of the encodings of texts and images by frozen encoders, in memory and on disk.

    FOLDER/<16 digits of the encoder>/<2 of the key>/<key>.safetensors

A key is the SHA-256 of the encoder's digest (its weights, configs and settings), of what else
decides its bits (torch's version, the device, on CPUs the number of threads), and of the input. So
a file holds what encoding again would give, bit for bit, for every run that finds it. This needs
each input to be encoded alone: in a batch, its neighbours could change its last bits.

Files are written under a temporary name and renamed; a damaged one is replaced. In memory the least
recently used are dropped first; on disk nothing more is written once the limit is reached.
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
    """The keys of a config's `model.cache`: where encodings are kept.

    texts, images: "no", "memory", or "disk" (and in memory); folder: "" is the user's cache folder;
    memory_gb: gigabytes (1e9 bytes) for the texts, and as many for the images; disk_gb: gigabytes
    of all that the folder holds. All may change when a run is resumed, for no number depends on
    them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    texts: Keep = "memory"
    images: Keep = "no"
    folder: str = ""
    memory_gb: Gigabytes = 1.0
    disk_gb: Gigabytes = 20.0

    def place(self) -> Path:
        """Return the folder on disk."""
        return Path(self.folder) if self.folder else cache.folder() / "encoded"


class Encodings:
    """The cached encodings of one encoder.

    encoder: the digest of all that decides what it makes, but the machine.
    """

    def __init__(self, encoder: str, keep: Keep, caching: Caching) -> None:
        self._encoder, self._keep = encoder, keep
        self._memory: OrderedDict[str, dict[str, Tensor]] = OrderedDict()
        self._room = int(caching.memory_gb * 1e9)
        self._disk = Disk(caching.place(), int(caching.disk_gb * 1e9)) if keep == "disk" else None

    def get(
        self, content: bytes, where: torch.device, make: Callable[[], Mapping[str, Tensor]]
    ) -> dict[str, Tensor]:
        """Return the encoding of some content, on the device `where`, as tensors by name.

        make: encodes it; called only if no encoding is kept. Raises SourceError if the disk cannot
        be written.
        """
        if self._keep == "no":
            return dict(make())
        key = _digest([self._encoder.encode(), machine(where).encode(), content])
        encoding = self._memory.get(key)
        if encoding is None:
            encoding = self._read(key) or self._write(key, make())
            self._remember(key, encoding)
        else:
            self._memory.move_to_end(key)
        return {name: tensor.to(where) for name, tensor in encoding.items()}

    def _read(self, key: str) -> dict[str, Tensor] | None:
        return self._disk.read(f"{self._encoder[:16]}/{key[:2]}/{key}") if self._disk else None

    def _write(self, key: str, made: Mapping[str, Tensor]) -> dict[str, Tensor]:
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in made.items()}
        if self._disk:
            self._disk.write(f"{self._encoder[:16]}/{key[:2]}/{key}", plain)
        return plain

    def _remember(self, key: str, encoding: dict[str, Tensor]) -> None:
        self._memory[key] = encoding
        self._room -= _size(encoding)
        while self._room < 0:
            self._room += _size(self._memory.popitem(last=False)[1])


class Disk:
    """A folder of safetensors files, which may hold `limit` bytes in all."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._limit = folder, limit
        self._used: int | None = None
        self._full = False

    def read(self, name: str) -> dict[str, Tensor] | None:
        """Read the tensors of a file, on the CPU; None if it is missing or damaged."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(self._folder / f"{name}.safetensors")
        except (OSError, SafetensorError):
            return None

    def write(self, name: str, tensors: dict[str, Tensor]) -> None:
        """Write a file, unless the folder would pass its limit: then warn, and write no more.

        Raises SourceError if the file system refuses, as a full disk does.
        """
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
    """Describe what, beside an encoder and its input, decides its bits: torch and the device."""
    if where.type == "cpu":
        threads = torch.get_num_threads()
        return f"{torch.__version__} {torch.backends.cpu.get_cpu_capability()} {threads}"
    name = torch.cuda.get_device_name(where) if where.type == "cuda" else ""
    return f"{torch.__version__} {where.type} {name} {torch.get_float32_matmul_precision()}"


def files_digest(folder: Path, parts: Iterable[str], *settings: object) -> str:
    """Return the SHA-256 of settings and of all files, name and content, in subfolders `parts`."""
    lines = [repr(settings).encode()]
    for part in sorted(parts):
        for path in sorted((folder / part).rglob("*")):
            if path.is_file():
                line = f"{path.relative_to(folder).as_posix()} {file_digest(path)}"
                lines.append(line.encode())
    return _digest(lines)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal.

    That of a large file is kept in the user's cache while the file is unchanged: its path, inode,
    size, and mtime and ctime in nanoseconds.
    """
    stat = path.stat()
    if stat.st_size < LARGE:
        return file_sha256(path)
    version = path.resolve(), stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
    name = f"weights/{_digest([repr(version).encode()])}.sha256"
    digest = cache.cached_file(name, lambda part: _note(part, file_sha256(path))).read_text()
    return digest if re.fullmatch("[0-9a-f]{64}", digest) else file_sha256(path)


def _note(part: Path, text: str) -> None:
    part.write_text(text)


def _digest(parts: Iterable[bytes]) -> str:
    """SHA-256 of parts, each after its length, so that no two lists of parts read alike."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def _size(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors.values())


def _sizes(folder: Path) -> Iterable[int]:
    return (path.stat().st_size for path in folder.rglob("*.safetensors"))
