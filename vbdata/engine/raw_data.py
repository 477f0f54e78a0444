"""Whether the raw data of finished shards is still what they were made of: `--rehash`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from vbdata import plugins
from vbdata.jobs.context import SourceInput
from vbdata.jobs.job import Receipt
from vbdata.shard.prefetch import is_remote
from vbdata.shard.reads import still
from vbdata.sources.open import open_root
from vbdata.storage.folder import Root

AT_ONCE = 16  # samples that are read at once where the raw data is remote


def raw_data_check(inputs: Mapping[str, SourceInput]) -> Callable[[Receipt], bool]:
    """A function that tells whether all samples of a receipt would be read from the same bytes.

    It reads again all that was read for them: raw files have no digests of their own. It raises
    OSError if raw data cannot be read. inputs: the sources by name.
    """

    @cache
    def root(source: str) -> Root:
        given = inputs[source]
        return open_root(given.roots, mount=plugins.mounts(given.dataset))

    def is_still(sample: Mapping[str, Any]) -> bool:
        return still(root(sample["source"]), sample["reads"], sample["raw_sha256"])

    def unchanged(receipt: Receipt) -> bool:
        remote = any(is_remote(given.roots) for given in inputs.values())
        with ThreadPoolExecutor(AT_ONCE if remote else min(AT_ONCE, os.cpu_count() or 1)) as pool:
            return all(pool.map(is_still, receipt.samples))

    return unchanged
