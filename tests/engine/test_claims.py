"""One build at a time in a folder: a living holder is named, a dead one holds nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from tests.helpers.builds import demo_recipe_over
from tests.helpers.waiting import until
from vbdata.checks.verify import examine
from vbdata.engine.build import build
from vbdata.errors import BuildError
from vbdata.layout import CLAIM
from vbdata.machine.alive import Process, is_alive, this_process
from vbdata.run.how import How
from vbdata.storage import claim
from vbdata.storage.claim import claimed, read_claim
from vbdata.storage.folder import Folder

HOLDER = """
import sys, time
from vbdata.layout import CLAIM
from vbdata.storage.claim import claimed
from vbdata.storage.folder import Folder
with claimed(Folder(sys.argv[1]), CLAIM):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(params=["disk", "store"])
def out(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Folder]:
    if request.param == "disk":
        yield Folder(str(tmp_path / "out"))
        return
    yield Folder("memory://claims/out")
    fs = fsspec.filesystem("memory")
    if fs.exists("/claims"):
        fs.rm("/claims", recursive=True)


def write(out: Folder, process: Process, beat: int = 0) -> None:
    """Leave the claim of another process."""
    line = {"token": "t", "process": process._asdict(), "since": "2026-01-02 03:04:05"}
    out.write(CLAIM, json.dumps(line | {"beat": beat}).encode())


def test_a_second_build_is_told_who_builds_and_since_when(demo_data: Path, out: Folder) -> None:
    recipe = demo_recipe_over(demo_data)
    with claimed(out, CLAIM):
        held = read_claim(out, CLAIM)
        assert held is not None
        with pytest.raises(BuildError, match="is being built already") as refused:
            build(recipe, out, How())
        with pytest.raises(BuildError, match="it is being built by") as unfinished:
            examine(out)
        assert read_claim(out, CLAIM) == held, "the refused one leaves the claim alone"
        written = {path for path in out.paths() if not path.endswith(".lock")}
        assert written == {CLAIM}, "and writes nothing"
    for error in (refused, unfinished):
        assert f"process {held.process.pid}, since {held.since} UTC" in str(error.value)
        assert held.process.host in str(error.value)
    assert read_claim(out, CLAIM) is None


def test_the_claim_of_a_dead_process_lapses_at_once(out: Folder) -> None:
    for dead in (
        this_process()._replace(start="1"),  # its number was given to another process
        this_process()._replace(pid=2**22 + 1),
    ):
        write(out, dead)
        assert is_alive(dead) is False
        with claimed(out, CLAIM):
            held = read_claim(out, CLAIM)
            assert held is not None
            assert held.process == this_process()


ELSEWHERE = Process("another", "someone", 7, "another boot", "pid:[1]", "1")


def test_a_silent_holder_elsewhere_lapses(out: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "LAPSE_S", 0.03)
    monkeypatch.setattr(claim, "LOOK_S", 0.01)
    write(out, ELSEWHERE)
    assert is_alive(ELSEWHERE) is None
    with claimed(out, CLAIM):
        pass


def test_a_holder_elsewhere_that_beats_is_alive(
    out: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "LOOK_S", 0.01)
    write(out, ELSEWHERE)
    stop = threading.Event()

    def beat() -> None:
        for number in range(1, 10**6):
            write(out, ELSEWHERE, number)
            if stop.wait(0.005):
                return

    holder = threading.Thread(target=beat)
    holder.start()
    try:
        with (
            pytest.raises(BuildError, match="someone@another, process 7, since 2026-01-02"),
            claimed(out, CLAIM),
        ):
            pass
    finally:
        stop.set()
        holder.join()


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b'{"process": {"pid": "x"}}', b"\xff"])
def test_a_claim_that_is_none_holds_nothing(out: Folder, text: bytes) -> None:
    out.write(CLAIM, text)
    with claimed(out, CLAIM):
        pass


def test_who_is_overtaken_ends(out: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A holder that was silent for too long, and that another process took for dead."""
    monkeypatch.setattr(claim, "BEAT_S", 0.01)
    with claimed(out, CLAIM) as held:
        held.check()
        write(out, ELSEWHERE)

        until(lambda: held.lost)
        with pytest.raises(BuildError, match="was taken over by someone@another"):
            held.check()
    last = read_claim(out, CLAIM)
    assert last is not None
    assert last.process == ELSEWHERE, "the claim of the other one stays"


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_holder(tmp_path: Path, how: signal.Signals) -> None:
    out = Folder(str(tmp_path / "out"))
    command = [sys.executable, "-c", HOLDER, out.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(BuildError, match=f"process {process.pid}, since"), claimed(out, CLAIM):
            pass
        process.send_signal(how)
        until(lambda: gone(out))
        with claimed(out, CLAIM):
            pass


def gone(out: Folder) -> bool:
    """Whether nobody holds the folder who is alive."""
    held = read_claim(out, CLAIM)
    return held is None or is_alive(held.process) is False


def test_only_one_of_many_at_once_gets_a_folder(tmp_path: Path) -> None:
    out = Folder(str(tmp_path / "out"))
    got: list[str] = []

    def take() -> None:
        try:
            with claimed(out, CLAIM):
                got.append("held")
                until(lambda: len(got) == 8)
        except BuildError:
            got.append("refused")

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == ["held", *["refused"] * 7]
