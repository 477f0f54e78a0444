"""The scorer of each kind of benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vbdata.bench.facts import Benchmark
from vbdata.bench.scorers.classes import ClassesScorer
from vbdata.bench.scorers.collected import CollectedScorer
from vbdata.bench.scorers.concepts import ConceptsScorer
from vbdata.bench.scorers.depth import DepthScorer
from vbdata.bench.scorers.normals import NormalsScorer
from vbdata.bench.scorers.regions import RegionsScorer
from vbdata.bench.scorers.scorer import Scorer

KINDS: Mapping[str, Any] = {
    "depth": DepthScorer,
    "normals": NormalsScorer,
    "classes": ClassesScorer,
    "regions": RegionsScorer,
    "concepts": ConceptsScorer,
    "collected": CollectedScorer,
}


def scorer_of(benchmark: Benchmark) -> Scorer:
    """An empty scorer of a benchmark's kind. Raises ValueError for options it does not have."""
    scorer: Scorer = KINDS[benchmark.kind]({each.name: each.how for each in benchmark.variants})
    return scorer
