"""What is seen of a run: the live table, plain lines, events, run.json, stats --time."""

from __future__ import annotations

import io
import json
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text
from typer.testing import CliRunner

from tests.helpers.builds import demo_copied, demo_recipe_over, manifest_of, quarantine_of
from vbdata.cli.app import app
from vbdata.engine.build import build, planned
from vbdata.engine.progress import Progress, Watcher
from vbdata.engine.run_record import Record
from vbdata.errors import BuildError
from vbdata.machine.stages import STAGES
from vbdata.manifest.quarantine import read_quarantine
from vbdata.recipe.recipe import Recipe
from vbdata.run.events import Connecting, Done, Retried, Started, Waiting, Workers
from vbdata.run.how import How
from vbdata.storage.folder import Folder
from vbdata.terminal.account import Account, CellProgress, clock_text
from vbdata.terminal.live import View
from vbdata.terminal.watcher import Terminal
from vbdata.view.stats_time import show


def screen(width: int, height: int = 40) -> Console:
    return Console(file=io.StringIO(), width=width, height=height, force_terminal=True)


def shown(view: View, to: Console) -> list[str]:
    with to.capture() as text:
        to.print(view)
    return Text.from_ansi(text.get()).plain.splitlines()


class Followed(Terminal):
    """A terminal that keeps the states it was told, and may stop the run."""

    def __init__(self, to: Console, stop: Callable[[Progress], None] = lambda _: None) -> None:
        super().__init__(False, to)
        self.states: list[Progress] = []
        self._stop = stop

    def step(self, state: Progress) -> None:
        super().step(state)
        self.states.append(state)
        self._stop(state)

    @property
    def view(self) -> View:
        return self._view

    @property
    def account(self) -> Account:
        assert self._account
        return self._account


@pytest.fixture(scope="module")
def damaged(demo_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """The demo recipe over data of which two photographs are cut short."""
    data = tmp_path_factory.mktemp("damaged") / "data"
    demo_copied(demo_data, data)
    for image in sorted((data / "coco").rglob("*.jpg"))[1:3]:
        image.write_bytes(image.read_bytes()[:100])
    return demo_recipe_over(data)


@pytest.fixture(scope="module")
def followed(damaged: Recipe, tmp_path_factory: pytest.TempPathFactory) -> tuple[Followed, Path]:
    out = tmp_path_factory.mktemp("followed") / "out"
    watcher = Followed(screen(80))
    build(damaged, Folder(str(out)), How(), watcher)
    return watcher, out


@pytest.mark.slow
def test_the_table_counts_as_the_manifest_does(followed: tuple[Followed, Path]) -> None:
    watcher, out = followed
    names = ("source", "task", "realised", "quarantined", "replaced")
    told = [[cell[name] for name in names] for cell in manifest_of(out)["cells"]]
    seen = [[c.source, c.task, c.done, c.quarantined, c.replaced] for c in watcher.account.cells]
    assert seen == told
    assert sum(cell.quarantined for cell in watcher.account.cells) > 1
    last = watcher.states[-1]
    assert 0 <= last.bytes - sum(cell.bytes for cell in watcher.account.cells) <= 3 * 1024
    assert sum(last.times.samples.values()) == last.samples_done == 96


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_live_table_fits_its_screen(followed: tuple[Followed, Path], width: int) -> None:
    watcher, _ = followed
    lines = shown(watcher.view, screen(width))
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert "96/96 samples" in lines[0]
    assert "1 worker  0 retries" in text
    assert "time: " in text
    assert "decode" in text
    if width >= 80:
        for cell in watcher.account.cells:
            (line,) = [x for x in lines if x.split()[:2] == [cell.source, cell.task]]
            assert line.split()[2:4] == [str(cell.done), str(cell.total)]
            assert line.split()[-2:] == [str(cell.quarantined), str(cell.replaced)]


def test_a_hundred_cells_leave_the_rest_of_the_screen(followed: tuple[Followed, Path]) -> None:
    watcher, _ = followed
    view, real = View(), watcher.account
    view.state, view.account = watcher.states[-1], real
    kept, past = real.cells, real._past
    real.cells = [CellProgress(f"source-{n}", "t", total=100, done=n) for n in range(100)]
    real._past = type(past)([(0.0, [(0, 0)] * 100)])
    try:
        lines = shown(view, screen(80, 24))
    finally:
        real.cells, real._past = kept, past
    assert len(lines) < 24
    assert any("and 88 more" in line for line in lines)
    assert any("source-0 " in line for line in lines)
    assert not any("source-99 " in line for line in lines)


def test_the_pace_is_that_of_the_last_minutes(demo_recipe: Recipe) -> None:
    now = [1000.0]
    with planned(demo_recipe) as plan:
        account = Account(plan, lambda: now[0])
    for minute in range(60):  # half of them fast, half of them slow
        now[0] += 60
        account.cells[0].made += 600 if minute < 30 else 60
        account._remember()
    assert account.pace()[0][0] == pytest.approx(1.0, rel=0.01)
    assert len(account._past) < 10


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0:00"), (61, "1:01"), (3661, "1:01:01"), (180_000, "2 d 02:00")],
)
def test_clock_text(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text


@pytest.mark.slow
def test_plain_lines_are_few_and_name_what_matters(damaged: Recipe, tmp_path: Path) -> None:
    to = Console(file=io.StringIO(), width=100)
    watcher = Followed(to)
    build(damaged, Folder(str(tmp_path / "out")), How(), watcher)
    watcher.step(watcher.states[0])
    events = (Retried(2, "OSError: [red]x[/red]"), Connecting("local"), Waiting(30), Workers(2))
    for event in events:
        watcher.step(Progress(**_fields(watcher.states[0]) | {"event": event}))
    said = to.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b" not in said
    assert "shard 00002 tried again: OSError: [red]x[/red]" in said
    assert "no worker yet after 30 s" in said
    assert "starting Ray on this machine" in said
    progress = [line for line in said.splitlines() if "/96 samples" in line]
    assert (
        len(progress) == 2
    )  # at the start, which was told twice; three shards took less than 10 s


def test_what_a_build_waits_for_before_its_first_worker(
    followed: tuple[Followed, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    state = _fields(followed[0].states[0]) | {"workers": 0}
    to = Console(file=io.StringIO(), width=80, force_terminal=True)
    watcher = Followed(to)
    watcher._account = followed[0]._account

    def drawn(event: Any, **more: int) -> str:
        watcher.step(Progress(**state | {"event": event} | more))
        return "".join(part.text for part in to.render(watcher._view))

    assert "starting Ray on this machine" in drawn(Connecting("local"))
    assert "connecting to Ray at ray://head:10001" in drawn(Connecting("ray://head:10001"))
    assert "connecting to Ray" in drawn(Waiting(30))
    assert "connecting to Ray" not in drawn(Workers(2), workers=2)
    Terminal(True, screen(80)).step(Progress(**state | {"event": Connecting("local")}))
    said = json.loads(capsys.readouterr().out)
    assert (said["event"], said["address"]) == ("starting", "local")


def test_the_first_worker_without_compiled_loops_is_warned_of(
    followed: tuple[Followed, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    state = _fields(followed[0].states[0])
    events = (Started(host="10.0.0.1"), *[Started(slow="no compiler", host="10.0.0.2")] * 2)
    for as_json in (False, True):
        watcher = Terminal(as_json, screen(80))
        for event in events:
            watcher.step(Progress(**state | {"event": event}))
        out, err = capsys.readouterr()
        (said,) = out.splitlines() if as_json else err.splitlines()
        assert "warning" in said
        assert "a worker on 10.0.0.2 works without the compiled loops, with the same bytes" in said
        assert "no compiler" in said


def test_slow_workers_are_counted_over_all_runs_and_stats_says_so(
    followed: tuple[Followed, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(followed[1], out, ignore=shutil.ignore_patterns("shards", "plan"))
    build_name = json.loads((out / "run.json").read_text())["build"]
    for _ in range(2):
        with Record(Folder(str(out)), How(), build_name, []) as record:
            for slow in ("", "no compiler", "turned off"):
                record.add(Started(slow=slow, host="10.0.0.1"))
    run = json.loads((out / "run.json").read_text())
    assert run["workers_started"] == 7  # with the first, in this process
    assert run["workers_slow"] == {"no compiler": 2, "turned off": 2}
    for more in ((), ("--time",)):
        said = CliRunner().invoke(app, ["stats", str(out), *more]).stdout
        assert (
            "2 workers without the compiled loops, much slower with the same bytes: no co" in said
        )
        line = CliRunner().invoke(app, ["stats", str(out), "--json", *more]).stdout
        assert json.loads(line)["workers_slow"] == run["workers_slow"]


def _fields(state: Progress) -> dict[str, Any]:
    return {name: getattr(state, name) for name in Progress.__slots__}  # type: ignore[attr-defined]


@pytest.mark.slow
def test_events_are_whole_lines_with_their_time(damaged: Recipe, tmp_path: Path) -> None:
    recipe = Path(damaged.folder) / "demo.yaml"
    roots = [f"--root={s.name}={s.roots[0]}" for s in damaged.sources]
    before = datetime.now(UTC)
    line = ["build", str(recipe), "--local", "--json", "--out", str(tmp_path / "out"), *roots]
    lines = [json.loads(x) for x in CliRunner().invoke(app, line).stdout.splitlines()]
    names = ["planned", "progress", "shard", "shard", "shard", "built"]
    assert [line["event"] for line in lines] == names
    for each in lines:
        assert abs((datetime.fromisoformat(each["time"]) - before).total_seconds()) < 120
    assert sum(cell["samples"] for cell in lines[0]["cells"]) == 96
    shard = lines[4]
    assert {"shard", "bytes", "seconds", "retries", "workers", "kept", "reused"} < shard.keys()
    assert (shard["samples"], shard["of"], shard["shards"]) == (96, 96, 3)
    assert shard["quarantined"] > 1
    assert shard["seconds"] > 0


def test_run_json_says_where_the_time_went(followed: tuple[Followed, Path]) -> None:
    _, out = followed
    run = json.loads((out / "run.json").read_text())
    assert (run["status"], run["runs"], run["shards_failed"]) == ("built", 1, 0)
    time = run["time"]
    assert set(time["stages"]) == set(STAGES) - {"wait"}
    assert sum(line["share"] for line in time["stages"].values()) == pytest.approx(1, abs=1e-3)
    by_cell = Counter[str]()
    for cell in time["cells"]:
        for stage, spent in cell["stages"].items():
            by_cell[stage] += spent["seconds"]
    for stage, spent in time["stages"].items():
        assert spent["seconds"] == pytest.approx(by_cell[stage], abs=1e-4)
        pace = 96 / spent["seconds"]
        assert spent["samples_per_second"] == pytest.approx(pace, rel=0.05)
    assert sum(cell["samples"] for cell in time["cells"]) == time["samples"] == 96
    assert time["shard_seconds"] <= run["seconds"]


@pytest.mark.slow
def test_an_interrupted_and_a_killed_run_say_so_and_times_add_up(
    demo_recipe: Recipe, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    states = []

    def stop(state: Progress) -> None:
        states.append(json.loads((out / "run.json").read_text())["status"])
        if isinstance(state.event, Done):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(demo_recipe, Folder(str(out)), How(), Followed(screen(80), stop))
    assert states == ["running"] * 3  # at the start, of the worker, of the first shard
    run = json.loads((out / "run.json").read_text())
    assert (run["status"], run["shards_built"]) == ("interrupted", 1)
    assert run["error"] == "KeyboardInterrupt: "
    first = run["time"]["samples"]
    assert 0 < first < 96
    build(demo_recipe, Folder(str(out)), How())
    run = json.loads((out / "run.json").read_text())
    assert (run["status"], run["runs"], run["time"]["shards"]) == ("built", 2, 3)
    assert run["time"]["samples"] == 96
    build(demo_recipe, Folder(str(out)), How())  # nothing to do: what was learnt is kept
    assert json.loads((out / "run.json").read_text())["time"]["shards"] == 3


@pytest.mark.slow
def test_a_failed_run_says_why(demo_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    demo_copied(demo_data, data)
    for image in (data / "kitti").rglob("*.png"):
        image.write_bytes(b"no picture")
    out = tmp_path / "out"
    with pytest.raises(BuildError):
        build(demo_recipe_over(data), Folder(str(out)), How())
    run = json.loads((out / "run.json").read_text())
    assert run["status"] == "failed"
    assert run["error"].startswith("BuildError: ")
    assert "quarantined" in run["error"]


@pytest.mark.slow
def test_a_garbled_run_json_costs_only_its_times(demo_recipe: Recipe, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build(demo_recipe, Folder(str(out)), How())
    for garbled in (b"{", b"[]", b'{"build": 3}', b'{"build": null, "runs": 1}'):
        (out / "run.json").write_bytes(garbled)
        build(demo_recipe, Folder(str(out)), How(), Watcher())
        assert json.loads((out / "run.json").read_text())["runs"] == 1


@pytest.mark.parametrize("width", [80, 120])
def test_stats_time_fits_and_adds_up(followed: tuple[Followed, Path], width: int) -> None:
    _, out = followed
    to = Console(file=io.StringIO(), width=width)
    show(Folder(str(out)), False, to)
    said = to.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, said.splitlines())) <= width
    assert "…" not in said
    assert "built; 96 samples in 3 shards" in said
    assert ("upload" in said.split("Milliseconds")[1]) == (width > 100)
    lines = said.partition("Milliseconds")[0].splitlines()
    order = [stage for line in lines for stage in STAGES if line.strip().startswith(stage)]
    assert order == [stage for stage in STAGES if stage != "wait"]


def test_stats_time_as_json_and_without_a_run(followed: tuple[Followed, Path]) -> None:
    _, out = followed
    done = CliRunner().invoke(app, ["stats", str(out), "--time", "--json"])
    assert json.loads(done.stdout)["time"] == json.loads((out / "run.json").read_text())["time"]
    done = CliRunner().invoke(app, ["stats", str(out / "receipts"), "--time"])
    assert done.exit_code == 1
    assert "no times in run.json" in done.stderr


@pytest.mark.parametrize("width", [80, 120])
def test_the_closing_statement_fits(
    followed: tuple[Followed, Path], width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher, out = followed
    to = Console(file=io.StringIO(), width=width)
    monkeypatch.setattr(watcher, "_console", to)
    watcher.finish(manifest_of(out), str(out), read_quarantine(Folder(str(out))))
    said = to.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, said.splitlines())) <= width
    assert "…" not in said
    causes = Counter((line["source"], line["reason"]) for line in quarantine_of(out))
    told = " ".join(said.split())
    assert causes
    for (source, reason), count in causes.items():
        assert f"quarantined: {source}: {count} {reason}, " in told
    assert f"quarantined: quarantine/quarantine.jsonl has all {causes.total()}" in told
