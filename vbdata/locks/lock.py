"""The lock of a finished build: a small file that another build can be held against.

A lock is a promise about bytes. It has the recipe, the sources (fingerprints of their indices), the
plan, the manifest's rows and the shards; `vbdata build --locked` fails if one of them comes out
differently. Shards are compared by their order, not by path: a path contains a digest of the code,
and code may change without changing a byte.

Digests of code (readers, transforms, prompts, the engine's files) and versions of libraries
promise nothing: they explain a failure, and are a warning if there is none. The versions are in the
environment block, which the lock's own digest leaves out.

A lock is small: some 130 bytes a shard, at most 12 kB for the records of a source
(vbdata.locks.sketch), and for builds of up to 2000 samples the digests of every member.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vbdata.errors import BadSample, RecipeError
from vbdata.locks.sketch import Digests
from vbdata.manifest.model import Name, Split
from vbdata.storage.folder import Folder

FORMAT: Final = 1
SUFFIX = ".lock.json"
SMALL = 2000  # samples up to which a lock has the digest of every member
LARGEST = 256 << 20  # bytes of a lock file: enough for 1.8 million shards
FAULTS = 10  # faults of a lock file that are listed
WIDE = 160  # characters of a line

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Short = Annotated[str, Field(pattern=r"^[0-9a-f]{8,16}$")]
Text = Annotated[str, Field(max_length=10_000)]
Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LockedSource(_Part):
    """A source as it was indexed.

    records: digests by id; files: digests, by path, of those that the index was made from.
    """

    source: Name
    dataset: Text
    license: Text
    entries: Count
    faults: Count
    fingerprint: Sha256
    code: Sha256
    records: Digests | None = None
    files: Digests | None = None


class Held(_Part):
    """A held-out set: its name, how many groups it has, and their SHA-256."""

    set: Text
    groups: Count
    sha256: Sha256


class Code(_Part):
    """Digests of code, which explain differences.

    modules: files of the engine; templates: prompts, by task.
    """

    engine: Sha256
    prompts: Sha256
    tasks: dict[str, Sha256]
    modules: dict[str, Short] = {}
    templates: dict[str, Short] = {}


class LockedCell(_Part):
    """How many samples a source and task have; cells are in the recipe's order."""

    source: Name
    task: Text
    samples: Count


class LockedShard(_Part):
    """A shard, whose number is its place in the list; job: the first digits of its job's digest."""

    sha256: Sha256
    samples: Count
    bytes: Count
    job: Short


class Lock(_Part):
    """The content of a lock file.

    plan_sha256: of the planned rows, "" if the folder no longer has the plan; rows: a digest of
    each column of the manifest's rows; raw: of the raw files that each sample was made of;
    quarantine: of the reason of each damaged record; members: of a build of up to 2000 samples, of
    every file of a sample, by key and extension; digest: as `own_digest` gives it.
    """

    format: Literal[1]
    name: Name
    split: Split
    recipe: dict[str, Any]
    recipe_sha256: Sha256
    holdout: list[Held]
    sources: list[LockedSource]
    plan_sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
    code: Code
    samples: Count
    bytes: Count
    cells: list[LockedCell]
    rows: dict[str, Short]
    raw: Digests
    quarantine: Digests
    shards: list[LockedShard]
    members: dict[str, dict[str, Short]] = {}
    environment: dict[str, Text]
    digest: str = ""

    def own_digest(self) -> str:
        """SHA-256, in hex, of everything but the environment and the digest itself."""
        plain = self.model_dump(exclude={"environment", "digest"})
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def text(self) -> str:
        """The lock as a file: sorted JSON in ASCII, with a line for each shard and record."""
        return "".join(_laid_out(self.model_dump(exclude_defaults=True), "")) + "\n"


def beside(recipe: Path) -> Path:
    """The path of a recipe's lock: NAME.lock.json beside NAME.yaml."""
    return recipe.with_name(recipe.stem + SUFFIX)


def read_lock(url: str) -> Lock:
    """Read a lock file, a path or an fsspec URL.

    Raises RecipeError with everything that is wrong with it, each with file, key and value.
    """
    try:
        data = _bytes(url)
    except (BadSample, OSError, ValueError, ImportError) as err:
        raise RecipeError([f"{url}: {_unreadable(err)}"]) from err
    try:
        lock = Lock.model_validate_json(data)
        if lock.digest != lock.own_digest():
            raise RecipeError(
                [f"{url}: digest: its content has another, {lock.own_digest()}; it was edited"]
            )
    except ValidationError as err:
        raise RecipeError(_faults(url, err)) from err
    except (RecursionError, ValueError) as err:
        raise RecipeError([f"{url}: not a lock: {err}"]) from err
    return lock


def _bytes(url: str) -> bytes:
    path = url if "://" in url else str(Path(url).absolute())
    above, _, name = path.rpartition("/")
    folder = Folder(above or "/")
    if (size := folder.size(name)) > LARGEST:
        raise BadSample("too large", f"{size} bytes, a lock has at most {LARGEST}", name)
    return folder.read(name)


def _unreadable(err: Exception) -> str:
    if isinstance(err, BadSample) and err.reason == "missing":
        return "there is no lock; vbdata build --lock and vbdata lock write one"
    return err.detail if isinstance(err, BadSample) else f"{type(err).__name__}: {err}"


def _faults(url: str, err: ValidationError) -> Iterator[str]:
    faults = err.errors(include_url=False)
    for fault in faults[:FAULTS]:
        key = ".".join(str(part) for part in fault["loc"]) or "the file"
        shown = repr(fault["input"])
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        message = fault["msg"].replace("Input should be", "should be")
        yield f"{url}: {key}: {message}, got {shown}"
    if len(faults) > FAULTS:
        yield f"{url}: and {len(faults) - FAULTS} more faults"


def _laid_out(value: Any, indent: str) -> Iterator[str]:
    """JSON text in pieces: a value that fits in a line has one, others have a line an item."""
    text = json.dumps(value, sort_keys=True)
    if not isinstance(value, dict | list) or not value or len(indent + text) <= WIDE:
        yield text
        return
    inner = indent + " "
    items: Any = sorted(value.items()) if isinstance(value, dict) else ((None, v) for v in value)
    yield "{" if isinstance(value, dict) else "["
    for number, (key, item) in enumerate(items):
        yield (
            (",\n" if number else "\n")
            + inner
            + (f"{json.dumps(key)}: " if key is not None else "")
        )
        yield from _laid_out(item, inner)
    yield f"\n{indent}" + ("}" if isinstance(value, dict) else "]")
