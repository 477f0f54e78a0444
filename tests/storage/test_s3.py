"""Roots on S3: a real server on this machine, its requests counted, and its failures in words."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import requests

from tests.helpers.builds import REPOSITORY, sums_of
from tests.helpers.packing import OFFICIAL, PACKERS, STORED, tarred, write, zipped
from tests.helpers.replaced import check_replaced
from tests.helpers.waiting import LONG_S
from tests.sources.test_archives import FILES, same_for_the_reader
from vbdata.engine.build import build
from vbdata.errors import BadSample, SourceError
from vbdata.layout import CLAIM
from vbdata.machine import cache
from vbdata.recipe.recipe import Recipe, load_recipe
from vbdata.run.how import How
from vbdata.shard.reads import Reads
from vbdata.sources.open import open_root
from vbdata.storage import retry
from vbdata.storage.claim import claimed
from vbdata.storage.folder import Folder, Root
from vbdata.train.data import open_builds

pytestmark = pytest.mark.s3


@dataclass
class Log:
    """What a server was asked, and how many bytes of bodies it gave."""

    asked: list[str] = field(default_factory=list)
    given: int = 0

    def clear(self) -> None:
        self.asked.clear()
        self.given = 0


class Counted:
    """A WSGI application, and a log of it."""

    def __init__(self, app: Any, log: Log) -> None:
        self._app, self._log = app, log

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        query = environ.get("QUERY_STRING", "").partition("&")[0].partition("=")[0]
        ranged = environ.get("HTTP_RANGE", "").partition("=")[2]
        asked = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {query}{ranged}"
        self._log.asked.append(asked.strip())
        for piece in self._app(environ, start):
            self._log.given += len(piece)
            yield piece


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """A WSGI application on a port of this machine."""
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def s3() -> Iterator[Log]:
    """An S3 server; the environment says where it is, so worker processes find it too."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    log, s3fs = Log(), fsspec.get_filesystem_class("s3")
    app = Counted(DomainDispatcherApplication(create_backend_app), log)
    with serving(app) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", url)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.delenv("AWS_PROFILE", raising=False)
        s3fs.clear_instance_cache()
        s3fs().makedirs("data", exist_ok=True)  # the server of another module left it
        yield log
    s3fs.clear_instance_cache()


@pytest.fixture(autouse=True)
def _fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))


def upload(folder: Path, url: str) -> str:
    target = Folder(url)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            target.write(str(path.relative_to(folder)), path.read_bytes())
    return url


def test_an_object_replaced_by_another_of_the_same_size(s3: Log) -> None:
    check_replaced("s3://data/replaced")


def test_a_member_of_the_same_size_in_another_zip(s3: Log, tmp_path: Path) -> None:
    def packed(content: bytes) -> Root:
        write(tmp_path / "up" / "z.zip", zipped({"a/b": content}, STORED))
        return open_root([upload(tmp_path / "up", "s3://data/rezipped")])

    listed = list(packed(b"one" * 100).files("a"))
    root = packed(b"eno" * 100)
    assert Reads(root, root.files("a")).read("a/b") == b"eno" * 100
    with pytest.raises(BadSample, match=r"changed: it has crc32 \w+, and had crc32 \w+ when"):
        Reads(root, listed).read("a/b")


@pytest.mark.parametrize("name", sorted(OFFICIAL))
def test_readers_find_the_same_in_zips_on_s3(
    name: str, s3: Log, demo_data: Path, tmp_path: Path
) -> None:
    OFFICIAL[name](demo_data / name, tmp_path / "zips")
    url = upload(tmp_path / "zips", f"s3://data/zips/{name}")
    same_for_the_reader(name, Folder(str(demo_data / name)), open_root([url]))


def test_readers_find_the_same_in_folders_on_s3(s3: Log, demo_data: Path) -> None:
    url = upload(demo_data / "kitti", "s3://data/plain/kitti")
    same_for_the_reader("kitti", Folder(str(demo_data / "kitti")), open_root([url]))


def test_a_build_from_zips_on_s3_is_the_same_to_the_last_byte(
    s3: Log, demo_recipe: Recipe, demo_build: Path, tmp_path: Path
) -> None:
    for source in demo_recipe.sources:
        pack = OFFICIAL.get(source.name, shutil.copytree)
        pack(Path(source.roots[0]), tmp_path / "data" / source.name)
    url = upload(tmp_path / "data", "s3://data/build")
    recipe = REPOSITORY / "manifests" / "demo.yaml"
    roots = {source.name: f"{url}/{source.name}" for source in load_recipe(recipe).sources}
    build(load_recipe(recipe, roots), Folder(str(tmp_path / "out")), How())
    assert sums_of(tmp_path / "out") == sums_of(demo_build)


def test_a_member_is_one_request_and_no_archive_is_fetched(s3: Log, tmp_path: Path) -> None:
    files = {f"train2017/{n:012d}.jpg": os.urandom(20_000) for n in range(400)}
    whole = write(tmp_path / "up" / "train2017.zip", zipped(files, STORED)).stat().st_size
    url = upload(tmp_path / "up", "s3://data/requests")
    s3.clear()
    root = open_root([url])
    assert len(list(root.files("train2017"))) == 400
    indexed = len(s3.asked)
    assert indexed <= 12, s3.asked
    assert s3.given < whole / 50
    s3.clear()
    for path in list(files)[::40]:
        assert root.read(path) == files[path]
    assert len(s3.asked) == 10, s3.asked
    assert all(asked.startswith("GET /data/requests/train2017.zip ") for asked in s3.asked)
    assert s3.given < 10 * (20_000 + 2_000)
    s3.clear()
    again = pickle.loads(pickle.dumps(root))  # as in a worker: the table is in the cache
    assert again.read("train2017/000000000007.jpg") == files["train2017/000000000007.jpg"]
    assert s3.given < 30_000, s3.asked


def test_packed_tars_are_fetched_once(s3: Log, tmp_path: Path) -> None:
    write(tmp_path / "up" / "x.tgz", PACKERS["tgz"](FILES))
    write(tmp_path / "up" / "y.tar", tarred({"y": b"1"}))
    url = upload(tmp_path / "up", "s3://data/packed")
    for _ in range(2):
        root = open_root([f"{url}/x.tgz", f"{url}/y.tar"])
        assert {f.path for f in root.files()} == {*FILES, "y"}
        assert {path: root.read(path) for path in FILES} == FILES
        s3.clear()
    assert not s3.given


def test_an_overwritten_archive_is_read_anew(s3: Log) -> None:
    target = Folder("s3://data/changed")
    for content in (b"one", b"two"):
        target.write("x.zip", zipped({"a": content}, STORED))
        assert open_root(["s3://data/changed/x.zip"]).read("a") == content


def test_parts_of_an_object(s3: Log) -> None:
    folder = Folder("s3://data/parts")
    folder.write("x", bytes(range(100)))
    folder.write("empty", b"")
    assert folder.read_range("x", 90, 20) == bytes(range(90, 100))
    assert folder.read_range("x", 100, 5) == folder.read_range("empty", 0, 5) == b""
    with folder.open("x") as stream:
        assert (stream.read(3), stream.seek(-2, os.SEEK_END), stream.read()) == (
            bytes((0, 1, 2)),
            98,
            bytes((98, 99)),
        )
    with folder.local_copy("x") as copy:
        assert copy.read_bytes() == bytes(range(100))


def test_archives_on_a_web_server(tmp_path: Path) -> None:
    """With ranges as any file server has them; one without them is refused in words."""
    from flask import Flask, abort, send_file

    app, log = Flask(__name__), Log()

    @app.get("/<ranges>/<name>")
    def file(ranges: str, name: str) -> Any:
        if not (tmp_path / name).exists():
            abort(404)
        return send_file(tmp_path / name, conditional=ranges == "ranges")

    files = FILES | {"large": os.urandom(1 << 20)}
    whole = write(tmp_path / "x.zip", zipped(files)).stat().st_size
    write(tmp_path / "y.tar", tarred(files))
    with serving(Counted(app, log)) as url:
        for name in ("x.zip", "y.tar"):
            root = open_root([f"{url}/ranges/{name}"])
            log.clear()
            assert root.read("a/b/two.bin") == files["a/b/two.bin"]
            assert log.given < whole / 50
            assert {f.path for f in root.files()} == set(files)
        with pytest.raises(OSError, match=r"none/x.zip: asked for \d+ bytes, got \d+: no ranges"):
            open_root([f"{url}/none/x.zip"])
        with pytest.raises(SourceError, match=r"ranges/z.zip does not exist"):
            open_root([f"{url}/ranges/z.zip"])


def _read(root: Root) -> dict[str, bytes]:
    return {path: root.read(path) for path in FILES}


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_read_from_s3(s3: Log, method: str) -> None:
    """A filesystem does not survive a fork; a root does, for it connects where it is used."""
    Folder("s3://data/processes").write("x.zip", zipped(FILES))
    root = open_root(["s3://data/processes"])
    assert _read(root) == FILES
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.apply_async(_read, (root,)).get(timeout=LONG_S) == FILES


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("s3://data/nowhere", "s3://data/nowhere does not exist$"),
        ("s3://data/nowhere.zip", "s3://data/nowhere.zip does not exist$"),
        ("s3://no-such-bucket/coco", "does not exist: there is no 'no-such-bucket'"),
        ("s3://no-such-bucket", "s3://no-such-bucket does not exist"),
    ],
)
def test_what_is_not_there(s3: Log, url: str, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        open_root([url])


def test_a_refusal_names_the_place(s3: Log) -> None:
    """The server checks keys from here on, and knows none."""
    Folder("s3://data/private").write("a", b"1")
    switch = f"{os.environ['AWS_ENDPOINT_URL']}/moto-api/reset-auth"
    requests.post(switch, data=b"0", timeout=LONG_S)
    try:
        with pytest.raises(OSError, match="s3://data/private: access refused"):
            open_root(["s3://data/private"])
        with pytest.raises(OSError, match="s3://data/private: access refused"):
            Folder("s3://data/private").read("a")
    finally:
        requests.post(switch, data=b"inf", timeout=LONG_S)


def test_training_reads_a_build_on_s3_as_from_disk(s3: Log, demo_build: Path) -> None:
    """Samples come by range: no tar is fetched whole."""
    url = upload(demo_build, "s3://data/build")
    here, there = open_builds([str(demo_build)]), open_builds([url])
    assert here.digests == there.digests
    s3.clear()
    for number in range(0, len(here), 7):
        one, two = here.picture(number), there.picture(number)
        assert one.text == two.text
        assert np.array_equal(one.given, two.given)
        assert np.array_equal(one.target, two.target)
    largest = max(path.stat().st_size for path in demo_build.glob("shards/*/*.tar"))
    assert 0 < s3.given < largest


@pytest.mark.parametrize("answers", [False, True])
def test_an_endpoint_that_is_not_there_ends_in_words(
    answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closed port, and one that takes connections and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if answers:
            listener.listen()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{listener.getsockname()[1]}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setattr("s3fs.S3FileSystem.read_timeout", 0.2)
        monkeypatch.setattr(retry, "FIRST_S", 2.0)
        monkeypatch.setattr(retry, "RETRY_FOR_S", 2.0)  # another test had an answer
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        with pytest.raises(OSError, match=r"s3://data/x: .*(127.0.0.1|timeout|timed out)"):
            open_root(["s3://data/x"])
    fsspec.get_filesystem_class("s3").clear_instance_cache()


HOLD = """
import os, sys
from vbdata.layout import CLAIM
from vbdata.storage.claim import claimed
from vbdata.storage.folder import Folder
with claimed(Folder(sys.argv[1]), CLAIM):
    print("held", flush=True)
    os._exit(9)
"""


def test_a_claim_on_a_bucket_holds_for_other_processes_until_its_holder_dies(s3: Log) -> None:
    out = "s3://data/claimed/out"

    def other() -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", HOLD, out], capture_output=True, text=True)

    with claimed(Folder(out), CLAIM):
        refused = other()
    assert refused.returncode == 1
    assert f"{out} is being built already, by " in refused.stderr
    assert f"process {os.getpid()}, since " in refused.stderr
    assert other().stdout == "held\n"
    assert other().stdout == "held\n", "the first one is dead, its claim is still there"
