"""Earlier builds whose samples may be copied: one table of all of them, searched by origin.

The table is made of receipts, so builds that were never finished serve as well. It is a temporary
Arrow file that is mapped, not loaded; 16 bytes a sample are held in memory. The driver only adds to
each shard spec which samples may serve; the worker decides whether they do (vbdata.shard.reuse).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vbdata.errors import RecipeError
from vbdata.jobs.job import ShardSpec
from vbdata.jobs.origin import origin_word
from vbdata.layout import MANIFEST, RECIPE
from vbdata.shard.reuse import REUSED, Old
from vbdata.storage.folder import Folder

if TYPE_CHECKING:
    from vbdata.engine.old_receipts import Words

MOST = 16  # samples of one origin that a spec gets, besides those of its own draws


class Library:
    """The samples of some earlier builds, open for searching; made by `opened`.

    tally: folder -> how many shards and samples it offers, and how many shards are left out by
    cause.
    """

    def __init__(self, table: Any, words: Words, tally: Mapping[str, Counter[str]]) -> None:
        self._table, self.tally = table, tally
        self._order = np.argsort(words, kind="stable")
        self._words = words[self._order]
        sizes = [table.get_batch(n).num_rows for n in range(table.num_record_batches)]
        self._starts = np.cumsum([0, *sizes], dtype=np.int64)

    def equipped(
        self, spec: ShardSpec, draws: Callable[[ShardSpec], Mapping[str, set[int]]]
    ) -> ShardSpec:
        """The spec with the earlier samples that may serve for its rows and spares, in `reuse`.

        draws: as ShardSpecs.draws, the origins of a spec's rows and the words of their draws.
        """
        if not len(self._words):
            return spec
        return replace(spec, reuse=self._candidates(draws(spec)))

    def statement(self, counts: Mapping[str, int], built: int) -> dict[str, Any]:
        """The `reuse` of run.json: how many samples a run copied, and why not the others.

        counts: Receipt.reuse, summed over the run's shards; built: samples of the run.
        """
        reused = counts.get(REUSED, 0)
        return {
            "reused": reused,
            "rendered": built - reused,
            "refused": {cause: n for cause, n in sorted(counts.items()) if cause != REUSED},
            "folders": {url: dict(tally) for url, tally in self.tally.items()},
        }

    def _candidates(self, draws: Mapping[str, set[int]]) -> dict[str, tuple[Old, ...]]:
        """The earlier samples of each origin that are worth a look.

        Origins are searched by their first 64 bits; the worker compares them whole.
        """
        wanted = np.array([origin_word(origin) for origin in draws], np.uint64)
        first, last = (np.searchsorted(self._words, wanted, side) for side in ("left", "right"))
        spans = [self._order[a:b] for a, b in zip(first, last, strict=True)]
        lines = self._lines(np.unique(np.concatenate(spans)))
        return {
            origin: tuple(_chosen([lines[number] for number in span.tolist()], mine))
            for (origin, mine), span in zip(draws.items(), spans, strict=True)
            if len(span)
        }

    def _lines(self, numbers: NDArray[np.int64]) -> dict[int, dict[str, Any]]:
        """Some lines of the table, by number."""
        of_batch = np.searchsorted(self._starts, numbers, "right") - 1
        lines: dict[int, dict[str, Any]] = {}
        for batch in np.unique(of_batch).tolist():
            mine = numbers[of_batch == batch]
            rows = pa.array(mine - self._starts[batch])
            taken = self._table.get_batch(batch).take(rows).to_pylist()
            lines |= dict(zip(mine.tolist(), taken, strict=True))
        return lines


def _chosen(lines: Sequence[dict[str, Any]], draws: set[int]) -> Iterator[Old]:
    """The samples that a spec gets of one origin: all of its own draws, and MOST others at most.

    Samples of the same draw have the same params unless a template has changed; others may have
    them by chance. Of samples with the same content only the first is taken, which lies in the
    folder that was named first.
    """
    contents: set[str] = set()
    others = 0
    for line in sorted(lines, key=lambda line: line["draw"] not in draws):
        if line["content"] in contents:
            continue
        others += line["draw"] not in draws
        if others > MOST:
            return
        contents.add(line["content"])
        yield Old(**{name: line[name] for name in Old._fields})


def refuse_strangers(urls: Iterable[str]) -> None:
    """Raise RecipeError that names each folder that holds no build, finished or not."""
    faults = []
    for url in urls:
        folder = Folder(url)
        try:
            if not folder.exists(RECIPE) and not folder.exists(MANIFEST):
                faults.append(f"--reuse {url}: no build is there")
        except (OSError, ValueError, ImportError) as err:
            faults.append(f"--reuse {url}: {type(err).__name__}: {err}")
    if faults:
        raise RecipeError(faults)


@contextmanager
def opened(urls: Sequence[str]) -> Iterator[Library]:
    """The library of some builds, folders or URLs, as they are now.

    Raises BuildError if one cannot be listed.
    """
    from vbdata.engine.old_receipts import TABLE, batches  # its models take a while to make

    tally: dict[str, Counter[str]] = {url: Counter() for url in urls}
    words = [np.empty(0, np.uint64)]
    with TemporaryDirectory(prefix="vbdata-") as temporary:
        path = Path(temporary) / "earlier.arrow"
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, TABLE) as writer:
            for url in dict.fromkeys(urls):
                for batch, origins in batches(_fresh(Folder(url)), tally[url]):
                    writer.write_batch(batch)
                    words.append(origins)
        with pa.memory_map(str(path)) as mapped:
            yield Library(pa.ipc.open_file(mapped), np.concatenate(words), tally)


def _fresh(folder: Folder) -> Folder:
    """The folder without the listings that its filesystem has cached."""
    if not folder.local:
        folder.fs.invalidate_cache()
    return folder
