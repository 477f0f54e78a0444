"""Score the answers to a benchmark: every variant of its protocol, and what is not there.

Answers that are missing or unreadable are named and counted, and a score without them says so
(`complete` is false): it is of the other queries and compares with nothing. Of a benchmark with
several sources each has its scores, and the whole has their plain mean. Queries are scored in
pieces of 64 whose sums are merged in order: any number of processes gives the same bits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vbdata.bench.answers import Answers, answer_to
from vbdata.bench.count import count_of
from vbdata.bench.facts import Benchmark
from vbdata.bench.rows import Query, Rows
from vbdata.bench.scorers.of_kind import scorer_of
from vbdata.bench.scorers.scorer import Results, Scorer
from vbdata.errors import BadSample, RecipeError, choices
from vbdata.evaluation.metrics.meter import Value
from vbdata.evaluation.pieces import map_in_order, pieces
from vbdata.evaluation.predictions import Fault

FORMAT = 1
DIGITS = 9  # significant digits of a number
Report = dict[str, Any]


@dataclass(frozen=True)
class _Shared:
    """What each process needs besides the queries: sent to it once."""

    benchmark: Benchmark
    rows: Rows
    answers: Answers


@dataclass
class _Sums:
    """What scoring adds up: scorers by source, counts, faults, and each query's primary number."""

    scorers: dict[str, Scorer] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    ranked: list[tuple[str, str, Value]] = field(default_factory=list)

    def merge(self, later: _Sums) -> None:
        for source, scorer in later.scorers.items():
            if source in self.scorers:
                self.scorers[source].merge(scorer)
            else:
                self.scorers[source] = scorer
        self.counts += later.counts
        self.faults += later.faults
        self.ranked += later.ranked


def score(
    benchmark: Benchmark, rows: Rows, answers: Answers, names: Sequence[str], workers: int = 1
) -> Report:
    """Score answers and return the report, as JSON values (docs/benchmarks.md).

    names: of the folders that the answers are from. Raises RecipeError if the build has other
    sources than the benchmark; BuildError or OSError if build or raw data cannot be read.
    """
    for query in rows.queries:
        if query.source not in benchmark.size:
            raise RecipeError(
                [
                    f"the build's source {query.source!r} is none of {benchmark.name}"
                    f"{choices(query.source, benchmark.size)}"
                ]
            )
    sums = _Sums()
    shared = _Shared(benchmark, rows, answers)
    for part in map_in_order(_score, shared, pieces(range(len(rows.queries))), workers):
        sums.merge(part)
    sums.faults += answers.strangers(rows.keys)
    return _report(benchmark, rows, sums, names, len(answers.sets))


def _score(shared: _Shared, numbers: Sequence[int]) -> _Sums:
    sums = _Sums()
    for number in numbers:
        _score_one(shared, shared.rows.queries[number], sums)
    return sums


def _score_one(shared: _Shared, query: Query, sums: _Sums) -> None:
    answer, faults = answer_to(query, shared.answers)
    sums.faults += faults
    if answer is None:
        sums.counts["unanswered"] += 1
        return
    primary = shared.benchmark.primary
    try:
        truths = shared.rows.truths(query, shared.rows.entry(query))
    except BadSample as bad:
        sums.counts["damaged"] += 1
        sums.faults.append(Fault(query.row.key, "unreadable", f"the raw record: {bad}"))
        return
    scorer = sums.scorers.setdefault(query.source, scorer_of(shared.benchmark))
    own = scorer.add(truths, answer, query.row.params)
    value = own.get(primary.variant, {}).get(primary.metric)
    sums.counts["scored" if own else "left out by the protocol"] += 1
    sums.ranked.append((query.row.key, query.sample_id, value))


def _report(
    benchmark: Benchmark, rows: Rows, sums: _Sums, names: Sequence[str], sets: int
) -> Report:
    counted = count_of(rows.build.folder, rows.build.document["digest"])
    causes = Counter[str](fault.cause for fault in sums.faults)
    whole = not causes["missing"] and not causes["unreadable"]
    by_source = {
        source: {"variants": _rounded(scorer.result()), "per_class": _plain(scorer.per_class())}
        for source, scorer in sums.scorers.items()
    }
    return {
        "format": FORMAT,
        "benchmark": benchmark.name,
        "build": {"at": rows.build.folder.url, "digest": rows.build.document["digest"]},
        "answers": list(names),
        "votes": sets * (rows.build.manifest.recipe.votes or 1),
        "queries": {"asked": len(rows.queries), **dict(sorted(sums.counts.items()))},
        "official": counted,
        "complete": whole and bool(sums.scorers),
        "official_set": whole and _is_official(counted),
        "faults": {
            "counts": dict(sorted(causes.items())),
            "list": [fault._asdict() for fault in sums.faults],
        },
        "variants": _mean_of([scorer.result() for scorer in sums.scorers.values()]),
        "sources": by_source,
        "primary": benchmark.primary.model_dump(),
        "ranked": [[key, name, _digits(value)] for key, name, value in sums.ranked],
    }


def primary_of(report: Report) -> Value:
    """The primary number of a report, None if no query defines it."""
    primary = report["primary"]
    value: Value = report["variants"].get(primary["variant"], {}).get(primary["metric"])
    return value


def _is_official(counted: Mapping[str, Any]) -> bool:
    """Whether a build has every row of the official set, as far as that is known."""
    return all(line["official"] == line["built"] for line in counted["sources"])


def _mean_of(results: Sequence[Results]) -> dict[str, dict[str, Value]]:
    """The plain mean over sources of each metric; None where a source does not define it."""
    means: dict[str, dict[str, Value]] = {}
    for variant in results[0] if results else ():
        means[variant] = {}
        for metric in results[0][variant]:
            values = [result[variant].get(metric) for result in results]
            known = [value for value in values if value is not None]
            whole = len(known) == len(values)
            means[variant][metric] = _digits(sum(known) / len(known)) if whole else None
    return means


def _rounded(results: Results) -> dict[str, dict[str, Value]]:
    return {variant: _plain(metrics) for variant, metrics in results.items()}


def _plain(values: Mapping[str, Value]) -> dict[str, Value]:
    return {name: _digits(value) for name, value in values.items()}


def _digits(value: Value) -> Value:
    return None if value is None else float(f"{float(value):.{DIGITS}g}")
