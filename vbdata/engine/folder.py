"""The output folder between runs: which recipe it belongs to, what is finished, what is deleted."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from vbdata.errors import BadSample, BuildError, Reason
from vbdata.jobs.job import Receipt
from vbdata.layout import (
    MANIFEST,
    ORDER,
    PLAN_FOLDER,
    RECEIPTS,
    RECIPE,
    SHARDS,
    SUMS,
    offsets_path,
    receipt_path,
)
from vbdata.machine.environment import environment
from vbdata.recipe.canonical import first_difference
from vbdata.recipe.recipe import Recipe, parse_recipe
from vbdata.shard.receipt import read_receipt, write_receipt
from vbdata.storage.folder import Folder
from vbdata.storage.listing import Listed, map_requests

NUMBER = re.compile(r"-([0-9]{5,18})-of-[^/]*$")  # of a shard, in its tar's name
CHANGED: Reason = "changed"
SWEPT = (SHARDS, RECEIPTS)  # where all that is wanted is known by name
LOG = logging.getLogger(__name__)


def refuse_others(recipe: Recipe, out: Folder) -> None:
    """Raise BuildError if the folder holds the build of another recipe, or anything but a build."""
    try:
        old = _recorded(out)
        strange = None if old else _first_strange(out)
    except (OSError, ValueError, ImportError) as err:
        raise BuildError(f"{out.url} cannot be used: {type(err).__name__}: {err}") from err
    if strange:
        raise BuildError(f"{out.url} is not empty and holds no build ({strange}); choose another")
    difference = first_difference(old, _plain(recipe)) if old else None
    if difference:
        raise BuildError(
            f"{out.url} holds the build of another recipe: {difference}. "
            "Choose another folder, or delete this one."
        )


def record_recipe(recipe: Recipe, out: Folder) -> None:
    """Write the recipe into the folder, which belongs to it from then on.

    Uploads that killed workers left unfinished are dropped. Raises BuildError if nothing can be
    written.
    """
    drop_uploads(out)
    try:
        out.write(RECIPE, (json.dumps(recipe.canonical(), indent=1) + "\n").encode())
        out.write(ORDER, (json.dumps(_order(recipe), indent=1) + "\n").encode())
    except (OSError, ValueError) as err:
        raise BuildError(f"{out.url} cannot be used: {type(err).__name__}: {err}") from err


def recorded_recipe(out: Folder, roots: Mapping[str, Sequence[str]]) -> Recipe:
    """The recipe that a folder is built from, as its build recorded it.

    roots: where raw data lies now, by source or held-out set, if no longer where it was. Raises
    BuildError if the folder holds no build, RecipeError if the recipe is not valid any more.
    """
    try:
        order = json.loads(out.read(ORDER))
        text, folder, recorded = order["recipe"], Path(order["folder"]), dict(order["roots"])
    except (BadSample, OSError, ValueError, KeyError, TypeError) as err:
        raise BuildError(f"{out.url} holds no build that can be tried again: {err}") from err
    return parse_recipe(text, f"{out.url}/{ORDER}", folder, recorded | dict(roots))


def missing_shards(
    out: Folder,
    digests: Sequence[str],
    tar: Callable[[int], str],
    *,
    rehash: Callable[[Receipt], bool] | None = None,
    retry: bool = False,
    move: bool = True,
) -> list[int]:
    """Numbers of the shards that are not finished; finished ones move to their place in the plan.

    A shard is finished if there is a receipt of its job, made with the same library versions, a tar
    of the right size, and a file of offsets with the right bytes, and if no file of its records had
    changed since it was indexed (the data may be as indexed again). rehash: the tar must have the
    right bytes, too, and this function must be true of the receipt; retry: there must be nothing in
    quarantine and no empty slot; move: whether finished ones move.

    digests: of the jobs, by number; tar: gives the path of a shard's tar by number.
    """
    listed = Listed(out.url, (RECEIPTS, SHARDS))

    def finished(digest: str) -> Receipt | None:
        receipt = read_receipt(listed, digest)
        if receipt is None or receipt.environment != environment():
            return None
        if any(line["reason"] == CHANGED for line in receipt.quarantine):
            return None
        if not _is_whole(listed, receipt, rehash is not None) or (rehash and not rehash(receipt)):
            return None
        return None if retry and (receipt.quarantine or receipt.shortfall) else receipt

    missing = []
    for shard, receipt in enumerate(map_requests(listed, finished, digests)):
        if receipt is None:
            missing.append(shard)
        elif move and receipt.tar != tar(shard):
            moved = replace(receipt, job=digests[shard], tar=tar(shard), shard=shard)
            _rename(listed, moved, receipt.tar)
    return missing


def receipts(out: Folder, digests: Sequence[str]) -> Iterator[Receipt]:
    """The receipts of all shards, in the order of their numbers. Raises BuildError if one is gone.

    digests: of the jobs, by number.
    """
    read = map_requests(out, lambda digest: read_receipt(out, digest), digests)
    for digest, receipt in zip(digests, read, strict=True):
        if receipt is None:
            raise BuildError(f"the receipt {receipt_path(digest)} has gone while building")
        yield receipt


def _rename(out: Folder, receipt: Receipt, old: str) -> None:
    """Move a finished tar to the path that its receipt has now; the receipt is written last."""
    out.move(offsets_path(old), offsets_path(receipt.tar))
    out.move(old, receipt.tar)
    write_receipt(out, receipt)


def unpublish(out: Folder) -> None:
    """Delete what an earlier run published besides its shards, before these change.

    So a folder never holds a manifest that does not fit its shards.
    """
    for stale in (*_published(out), MANIFEST, SUMS):
        with suppress(BadSample):  # a damaged list may name what is no path
            out.remove(stale)


def drop_uploads(out: Folder) -> None:
    """Drop unfinished uploads of killed workers; if the store does not allow that, only warn."""
    try:
        count = out.abort_uploads()
    except (OSError, NotImplementedError) as err:
        LOG.warning("%s: unfinished uploads, if any, stay: %s", out.url, err)
        return
    if count:
        LOG.warning("%s: %d unfinished uploads of killed workers dropped", out.url, count)


def sweep(out: Folder, tar: Callable[[int], str], digests: Sequence[str]) -> None:
    """Delete shards and receipts that are not of this build, and what killed runs left behind.

    tar: gives the path of a shard's tar by number; digests: of this build's jobs.
    """

    def wanted(path: str) -> bool:
        if path.startswith(f"{RECEIPTS}/"):
            digest = PurePosixPath(path).stem
            return path == receipt_path(digest) and digest in digests
        number = NUMBER.search(path)
        if number is None or int(number[1]) >= len(digests):
            return False
        return path.removesuffix(".idx") == tar(int(number[1]))

    for top in SWEPT:
        for path in [path for path in out.paths(top) if not wanted(path)]:
            out.remove(path)
    if not out.local:
        drop_uploads(out)
        return
    for folder, below, names in os.walk(out.base):
        if folder == out.base:
            below[:] = [each for each in below if each not in SWEPT]
        for name in names:
            if name.startswith(".") and name.endswith(".part"):  # of what a killed process wrote
                Path(folder, name).unlink(missing_ok=True)
    _drop_empty(out.full_path(SHARDS))


def _drop_empty(folder: str) -> None:
    """Remove a local folder and those below it in which nothing is left."""
    with suppress(FileNotFoundError):
        with os.scandir(folder) as inside:
            below = [each.path for each in inside if each.is_dir(follow_symlinks=False)]
        for each in below:
            _drop_empty(each)
    with suppress(OSError):  # one that holds something stays
        os.rmdir(folder)


def _published(out: Folder) -> list[str]:
    """The files that an earlier run published besides its shards, by its list of sums."""
    if not out.exists(SUMS):
        return []
    lines = out.read(SUMS).decode("utf-8", "replace").splitlines()
    return [path for line in lines if not (path := line[66:]).startswith(f"{SHARDS}/")]


def _recorded(out: Folder) -> dict[str, Any] | None:
    """The recipe of the build in the folder, by its plan or its manifest; None if there is none."""
    for path, key in ((RECIPE, None), (MANIFEST, "recipe")):
        if out.exists(path):
            try:
                content = json.loads(out.read(path))
                recipe: dict[str, Any] = content[key] if key else content
                return recipe
            except (ValueError, KeyError, TypeError, BadSample):
                continue
    return None


def _first_strange(out: Folder) -> str | None:
    """The first file that no unfinished build can have left, None if there is none.

    Raises NotADirectoryError if the folder is a file.
    """
    if out.size("") >= 0:
        raise NotADirectoryError(out.base)
    return next(
        (file.path for file in out.files() if not file.path.startswith(f"{PLAN_FOLDER}/")), None
    )


def _is_whole(out: Folder, receipt: Receipt, rehash: bool) -> bool:
    """Whether tar and offsets are as the receipt says. rehash: read the tar's bytes, too."""
    index = offsets_path(receipt.tar)
    if out.size(receipt.tar) != receipt.size or not out.exists(index):
        return False
    if hashlib.sha256(out.read(index)).hexdigest() != receipt.index_sha256:
        return False
    return not rehash or out.sha256(receipt.tar) == receipt.sha256


def _order(recipe: Recipe) -> dict[str, Any]:
    """What `recorded_recipe` reads: the recipe's text, and where its raw data lay."""
    roots = {each.name: each.roots for each in recipe.holdout if each.dataset}
    roots |= {source.name: source.roots for source in recipe.sources}
    return {"recipe": recipe.text, "folder": recipe.folder, "roots": roots}


def _plain(recipe: Recipe) -> dict[str, Any]:
    """The recipe as it comes back from JSON, to be compared with a recorded one."""
    plain: dict[str, Any] = json.loads(json.dumps(recipe.canonical()))
    return plain
