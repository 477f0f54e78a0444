"""The tables of the report, as lines of Markdown; nothing here is worded by hand but verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from experiments.arms import ARMS, Run, steps
from experiments.data import manifest_of, wanted_builds
from experiments.results import HEADLINE, METRICS, PRIMARY, SEEN, Metric, Results
from experiments.size import GENERATIVE, TASKS, task
from experiments.statistics import Interval, interval, paired

COMPARED = (("A", "C"), ("A", "B"), ("A", "E"), ("D", "B"), ("C", "B"), ("A", "D"))
PRIMARY_PAIRS = COMPARED[:3]
HELD_OUT = ("compositions", "crowded", "textures", "cameras")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A Markdown table."""
    yield "| " + " | ".join(head) + " |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def verdict(found: Interval, one: str, other: str, better: int) -> str:
    """What an interval of one minus other shows; better: 1 where more is better."""
    if found.count < 2:
        return "one seed, no interval"
    shows = found.shows * better
    return {1: f"{one} is better", -1: f"{other} is better", 0: "no difference shown"}[shows]


def headline(results: Results) -> Iterator[str]:
    """Skill by arm and number of labels: mean and standard deviation."""
    head = ["labelled scenes", *ARMS]
    rows = [
        [str(n), *(_cell(results.skill(arm, n), 3) for arm in ARMS)] for n in results.size.labelled
    ]
    yield from table(head, rows)


def comparisons(results: Results, pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Paired differences of skill."""
    rows = []
    for one, other in pairs:
        for n in results.size.labelled:
            found = paired(results.skill(one, n), results.skill(other, n))
            if found is not None:
                rows.append(
                    [f"{one} - {other}", str(n), *_shown(found, 3), verdict(found, one, other, 1)]
                )
    yield from table(["skill", "n", "mean", "sd", "95 % interval", "seeds", "verdict"], rows)


def by_metric(results: Results) -> Iterator[str]:
    """Paired differences of each metric, primary pairs."""
    rows = []
    for metric in HEADLINE:
        for one, other in PRIMARY_PAIRS:
            row = [metric.titled, f"{one} - {other}"]
            for n in results.size.labelled:
                found = paired(results.of_arm(one, n, metric), results.of_arm(other, n, metric))
                if found is None:
                    row.append("-")
                    continue
                mean, _, span, _ = _shown(found, metric.digits)
                row.append(f"{mean} {span}: {verdict(found, one, other, metric.better)}")
            rows.append(row)
    head = ["metric", "pair", *(f"n = {n}" for n in results.size.labelled)]
    yield from table(head, rows)


def scores(results: Results) -> Iterator[str]:
    """Every metric of every arm between its trivial rows and its ceiling."""
    head = ["n", "row", *(metric.titled for metric in METRICS)]
    names = dict.fromkeys(
        name for rows in results.rows.values() for name in rows if name != "ceiling"
    )
    rows = [["", name, *(_trivial(results, name, metric) for metric in METRICS)] for name in names]
    for n in results.size.labelled:
        for arm in ARMS:
            cells = [_cell(results.of_arm(arm, n, m), m.digits) for m in METRICS]
            if any(cell != "-" for cell in cells):
                rows.append([str(n), f"**{arm}**", *cells])
    ceilings = [f"{results.ceiling(metric):.{metric.digits}f}" for metric in METRICS]
    yield from table(head, [*rows, ["", "ceiling", *ceilings]])


def beaten(results: Results) -> Iterator[str]:
    """Whether each arm beats the best trivial row of each headline metric, by how many seeds."""
    best = [results.best_trivial(metric) for metric in HEADLINE]
    head = ["n", "arm"]
    head += [
        f"{m.title} ({name} {value:.{m.digits}f})"
        for m, (name, value) in zip(HEADLINE, best, strict=True)
    ]
    rows = []
    for n in results.size.labelled:
        for arm in ARMS:
            row = [str(n), arm]
            for metric, (_, value) in zip(HEADLINE, best, strict=True):
                found = results.of_arm(arm, n, metric).values()
                wins = sum(metric.better * one > metric.better * value for one in found)
                row.append(f"{wins} of {len(found)}" if found else "-")
            rows.append(row)
    yield from table(head, rows)


def held_out(results: Results) -> Iterator[str]:
    """Scenes of kinds that no arm was trained on, most labels."""
    labelled = max(results.size.labelled)
    metrics = [metric for metric in HEADLINE if metric.task != "instance"]
    rows = []
    for source in (SEEN, *HELD_OUT):
        best = [results.best_trivial(metric, source) for metric in metrics]
        row = [source, "best trivial"]
        rows.append(row + [f"{v:.{m.digits}f}" for m, (_, v) in zip(metrics, best, strict=True)])
        for arm in ARMS:
            cells = [_cell(results.of_arm(arm, labelled, m, source), m.digits) for m in metrics]
            rows.append([source, f"**{arm}**", *cells])
    yield from table(["scenes", "row", *(metric.titled for metric in metrics)], rows)


def generative(results: Results) -> Iterator[str]:
    """What is left of the generator: loss on unseen captions and edits, and edits in one step."""
    rows = []
    edit = Metric("edit", "psnr", "edit PSNR", 1, 2)
    rows.append(["", "copied input", "-", "-", f"{results.best_trivial(edit)[1]:.2f}"])
    for n in results.size.labelled:
        for arm in ARMS:
            losses = [_cell(_losses(results, arm, n, task(name)), 4) for name in GENERATIVE]
            rows.append([str(n), f"**{arm}**", *losses, _cell(results.of_arm(arm, n, edit), 2)])
    yield from table(["n", "row", "loss of generate ↓", "loss of edit ↓", "edit PSNR, dB ↑"], rows)


def mixtures(results: Results) -> Iterator[str]:
    """What the builds hold, and what a window of training batches held, as they counted it."""
    rows = []
    for folder, _, _ in wanted_builds(results.size):
        manifest = manifest_of(results.out, folder)
        cells = ", ".join(f"{name} {count}" for name, count in _cells(manifest).items())
        rows.append([folder, str(manifest["samples"]), manifest["digest"][:12], cells])
    yield from table(["build", "samples", "digest", "realised samples of each cell"], rows)
    rows = []
    for arm in ARMS:
        runs = [run for (of, _, _), run in results.runs.items() if of == arm]
        if runs:
            window = runs[0]["window"]
            share = sum(n for name, n in window.items() if name.split(".")[-1] in TASKS)
            counts = ", ".join(f"{name.split('.')[-1]} {n}" for name, n in window.items() if n)
            rows.append([arm, f"{share / sum(window.values()):.3f}", counts])
    yield from table(["arm", "share of labels", "samples in every window of ten batches"], rows)


def size_of(results: Results) -> Iterator[str]:
    """Steps, images and time of a run of each arm."""
    rows = []
    batch = int(results.size.train["batch"])
    for arm in ARMS:
        count = steps(Run(arm=arm, seed=1, labelled=1), results.size)
        first = results.size.pretraining if ARMS[arm][0] else 0
        took = [run["seconds"]["training"] for (of, _, _), run in results.runs.items() if of == arm]
        shown = f"{sum(took) / len(took):.0f} s" if took else "-"
        rows.append([arm, str(first), str(count), str((first + count) * batch), shown])
    head = ["arm", "steps of pretraining", "steps on labels", "images in all", "training on labels"]
    yield from table(head, rows)


def _cells(manifest: Mapping[str, Any]) -> dict[str, int]:
    """Samples of each source and task."""
    return {
        f"{cell['source']}/{cell['task'].split('.')[-1]}": int(cell["realised"])
        for cell in manifest["cells"]
    }


def _losses(results: Results, arm: str, labelled: int, name: str) -> dict[int, float]:
    return {
        seed: run["validation"]["task"][name]
        for (of, n, seed), run in results.runs.items()
        if (of, n) == (arm, labelled)
    }


def won(results: Results, arm: str, labelled: int) -> list[bool]:
    """For each seed and primary metric whether the best trivial row is beaten."""
    return [
        metric.better * value > metric.better * results.best_trivial(metric)[1]
        for metric in PRIMARY
        for value in results.of_arm(arm, labelled, metric).values()
    ]


def _trivial(results: Results, name: str, metric: Metric) -> str:
    value = results.rows[SEEN, task(metric.task)].get(name, {}).get(metric.key)
    return "-" if value is None else f"{value:.{metric.digits}f}"


def _cell(values: dict[int, float], digits: int) -> str:
    """Mean and standard deviation over seeds."""
    if not values:
        return "-"
    found = interval(list(values.values()))
    spread = f" ± {found.deviation:.{digits}f}" if found.count > 1 else ""
    return f"{found.mean:.{digits}f}{spread}"


def _shown(found: Interval, digits: int) -> list[str]:
    if found.count < 2:
        return [f"{found.mean:+.{digits}f}", "-", "-", str(found.count)]
    low, high = found.mean - found.half, found.mean + found.half
    return [
        f"{found.mean:+.{digits}f}",
        f"{found.deviation:.{digits}f}",
        f"[{low:+.{digits}f}, {high:+.{digits}f}]",
        str(found.count),
    ]
