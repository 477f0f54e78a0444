"""Labels as the raw data has them, fitted to a build's geometry but not encoded as RGB.

Those of depth, normals, flow and keypoints. Against this truth, the score of the build's own
targets shows what quantisation costs: the ceiling. Masks and boxes are drawn exactly and need no
raw data.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from vbdata import plugins
from vbdata.core.arrays import NUMPY
from vbdata.core.labels import Keypoints, moved
from vbdata.core.types import Entry
from vbdata.errors import BuildError, RecipeError, choices
from vbdata.evaluation.truth import BuildTruth, Row, Truth, kind_of
from vbdata.index.index import dataset_root
from vbdata.manifest.model import RecipeSource
from vbdata.sources.open import open_root
from vbdata.storage.folder import Root

RAW_KINDS = ("depth", "relative_depth", "normals", "flow", "keypoints", "albedo", "shading")


class RawTruth:
    """The raw records of some of a build's sources; may be pickled."""

    def __init__(
        self, build: BuildTruth, roots: Mapping[str, Sequence[str]], keys: Sequence[str]
    ) -> None:
        """roots: source -> where its data lies; keys: the samples that will be asked for.

        Raises RecipeError for a source that the build does not have, SourceError if the data cannot
        be read, BuildError if it lacks a record that the build was made of.
        """
        known = build.build.manifest.recipe.sources
        wrong = [
            f"--root {name}: no such source{choices(name, known)}" for name in set(roots) - {*known}
        ]
        if wrong:
            raise RecipeError(sorted(wrong))
        self._roots = {name: tuple(urls) for name, urls in roots.items()}
        self._entries: dict[tuple[str, str], Entry] = {}
        for name in self._roots:
            spec = known[name]
            if any(kind_of(task) in RAW_KINDS for task in spec.tasks):
                self._find(name, spec, build.sample_ids(name, keys))

    def _find(self, name: str, spec: RecipeSource, wanted: set[str]) -> None:
        reader, urls = plugins.dataset(spec.dataset), self._roots[name]
        options = _options(reader.index, spec.options)
        with dataset_root(f"source {name!r}", urls, plugins.mounts(spec.dataset)) as root:
            for entry in reader.index(root, **options):
                if entry.id in wanted:
                    self._entries[name, entry.id] = entry
                    wanted.discard(entry.id)
        if wanted:
            raise BuildError(
                f"source {name!r} at {', '.join(urls)} lacks {len(wanted)} records that the build "
                f"was made of, the first being {min(wanted)!r}"
            )

    def of_source(self, name: str) -> bool:
        """Whether the raw data of a source was given."""
        return name in self._roots

    def has(self, row: Row) -> bool:
        """Whether a sample is depth or normals of a source whose raw data was given."""
        return row.source in self._roots and kind_of(row.task) in RAW_KINDS

    def with_raw_label(self, truth: Truth) -> Truth:
        """The truth with its label replaced by that of the raw data, or as it is without any.

        Valid where raw label and target are: a depth beyond the range of the codes is still scored.
        Raises BadSample if the raw record is damaged.
        """
        row = truth.row
        if not self.has(row):
            return truth
        reader = plugins.dataset(row.dataset)
        entry = self._entries[row.source, row.sample_id]
        kind = plugins.kind_in(entry.labels, plugins.task(row.task).NEEDS[0])
        root = _opened(self._roots[row.source], plugins.mounts(row.dataset))
        sample = reader.load(root, entry, (kind,))
        label = moved(sample.labels[kind], NUMPY).fit(row.geometry)
        if isinstance(label, Keypoints):
            label = label.only([item["name"] for item in row.params["legend"]])
        return replace(truth, label=replace(label, valid=label.valid & truth.valid))


@functools.lru_cache(maxsize=16)
def _opened(urls: tuple[str, ...], mount: bool) -> Root:
    return open_root(urls, mount=mount)


def _options(index: Any, stored: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's options in their own types: a manifest has decimals as strings."""
    defaults = {name: p.default for name, p in plugins.options(index).items()}
    return {
        name: Decimal(value)
        if isinstance(value, str) and isinstance(defaults.get(name), int | float | Decimal)
        else value
        for name, value in stored.items()
    }
