"""The lock of a finished build: a small file that another build can be held against.

A lock is a promise about bytes. It holds the recipe, the sources (fingerprints of their indices),
the plan, the manifest's rows and the shards; `vbdata build --locked` fails when one of them comes
out otherwise. Shards are compared by their order, not by path: the path has a digest of the code in
it, and code may change without changing a byte.

Digests of code (readers, transforms, prompts, the engine's modules) and the versions of libraries
promise nothing: they explain a failure, and without one they are a warning. The versions stand in
the environment block, which is not in the lock's own digest.

A lock is small: some 130 bytes a shard, digests by name of a source's records in 12 kB at most
(vbdata.locks.sketch), and for builds of up to SMALL samples the digests of every member.
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
from vbdata.storage.folder import Folder

FORMAT: Final = 1
SUFFIX = ".lock.json"
SMALL = 2000  # samples up to which every member's digest is kept
LARGEST = 256 << 20  # bytes of a lock file: of 1.8 million shards
FAULTS = 10  # faults of a lock file that are told
WIDE = 160  # characters of a line

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Short = Annotated[str, Field(pattern=r"^[0-9a-f]{8,16}$")]
Text = Annotated[str, Field(max_length=10_000)]
Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LockedSource(_Part):
    """A source as it was indexed. records: by id; files: those that the index was read from."""

    source: Text
    dataset: Text
    license: Text
    entries: Count
    faults: Count
    fingerprint: Sha256
    code: Sha256
    records: Digests | None = None
    files: Digests | None = None


class Held(_Part):
    """A held-out set, and the digest of its groups."""

    set: Text
    groups: Count
    sha256: Sha256


class Code(_Part):
    """What explains a difference. modules: files of the engine; templates: prompts, by task."""

    engine: Sha256
    prompts: Sha256
    tasks: dict[str, Sha256]
    modules: dict[str, Short] = {}
    templates: dict[str, Short] = {}


class LockedCell(_Part):
    """Samples of a source and task, in the recipe's order."""

    source: Text
    task: Text
    samples: Count


class LockedShard(_Part):
    """A shard by its place in the list; job: the first digits of its job's digest."""

    sha256: Sha256
    samples: Count
    bytes: Count
    job: Short


class Lock(_Part):
    """All that a lock file says.

    plan_sha256: of the planned rows ("": the folder has none any more); rows: a digest of each
    column of the manifest's rows; raw: of the raw files that each sample was made of; quarantine:
    of each damaged record's reason; members: of a small build, by key and extension.
    """

    format: Literal[1]
    name: Text
    split: Text
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
        """SHA-256 of all but the environment and the digest itself."""
        plain = self.model_dump(exclude={"environment", "digest"})
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def text(self) -> str:
        """The file: sorted JSON in ASCII in which a shard or a record has a line of its own."""
        return "".join(_laid_out(self.model_dump(exclude_defaults=True), "")) + "\n"


def beside(recipe: Path) -> Path:
    """Where the lock of a recipe lies: NAME.yaml has NAME.lock.json."""
    return recipe.with_name(recipe.stem + SUFFIX)


def read_lock(url: str) -> Lock:
    """A lock file, a path or an fsspec URL. Raises RecipeError with what is wrong with it."""
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
    found = err.errors(include_url=False)
    for fault in found[:FAULTS]:
        key = ".".join(str(part) for part in fault["loc"]) or "the file"
        shown = repr(fault["input"])
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        said = fault["msg"].replace("Input should be", "should be")
        yield f"{url}: {key}: {said}, got {shown}"
    if len(found) > FAULTS:
        yield f"{url}: and {len(found) - FAULTS} more faults"


def _laid_out(value: Any, indent: str) -> Iterator[str]:
    """JSON text: what fits stands in one line, the rest has a line an item."""
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
