"""The compiled loops and their twins in Python and NumPy: the same bytes, whichever runs."""

from __future__ import annotations

import functools
import hashlib
import io
import shutil
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

from benchmarks import pictures
from pipelines.formats import rle as _rle
from transforms.parts import colours
from transforms.parts.label_maps import counts
from vbdata import plugins
from vbdata.core import compiled, images, png, rounding
from vbdata.core import deflate as deflate_plain
from vbdata.core.compiled import compiler
from vbdata.core.images import decode_png_raw
from vbdata.core.png import encode_png, encode_png16
from vbdata.core.sha256 import Sha256
from vbdata.errors import BadSample

needs_compiler = pytest.mark.skipif(
    compiled.library() is None, reason="no C compiler, so nothing is compiled"
)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without a compiler."""
    monkeypatch.setattr(compiled, "library", lambda: None)


def by_plain(verb: Any, *arguments: Any, **options: Any) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "library", lambda: None)
        return verb(*arguments, **options)


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("name", plugins.names(plugins.TASKS))
def test_tasks_draw_and_prove_the_same(name: str) -> None:
    from tests.transforms.test_devices import PARAMS, label_of

    task = plugins.task(name)
    for seed in range(6):
        label = label_of(task.NEEDS[0], seed)
        for params in PARAMS[name]:
            rgb = task.render(label, params)
            assert np.array_equal(rgb, by_plain(task.render, label, params))
            error = task.roundtrip(label, rgb, params)
            assert error == by_plain(task.roundtrip, label, rgb, params)
            wrong = rgb.copy().reshape(-1, 3)
            wrong[len(wrong) // 2] = 255 - wrong[len(wrong) // 2]
            wrong = wrong.reshape(rgb.shape)
            assert task.roundtrip(label, wrong, params) == by_plain(
                task.roundtrip, label, wrong, params
            )


@given(
    pieces=st.lists(
        st.tuples(
            st.sampled_from(["one", "other", "both"]),
            st.integers(0, 130) | st.sampled_from([512, 1024, 1025]),
        ),
        max_size=8,
    ),
    plain=st.sampled_from([(), (0,), (1,), (0, 1)]),
)
def test_digests_are_those_of_hashlib(
    pieces: list[tuple[str, int]], plain: tuple[int, ...]
) -> None:
    one, other = (by_plain(Sha256) if number in plain else Sha256() for number in range(2))
    right = {"one": hashlib.sha256(), "other": hashlib.sha256()}
    noise = np.random.default_rng(len(pieces)).bytes(2048)
    for number, (to, size) in enumerate(pieces):
        data = noise[number : number + size]
        for name in right if to == "both" else (to,):
            right[name].update(data)
        if to == "both":
            one.update_with(other, data)
        else:
            {"one": one, "other": other}[to].update(data)
        assert one.hexdigest() == right["one"].hexdigest()
        assert other.hexdigest() == right["other"].hexdigest()


def test_square_roots_are_rounded_once() -> None:
    import torch

    bits = np.random.default_rng(3).integers(0, 0x7F800000, 300_000, np.int32)
    values = np.concatenate(
        [bits.view(np.float32), np.float32([0, -0.0, 1, 2, np.inf, np.nan, -1])]
    )
    with np.errstate(invalid="ignore"):
        wanted = np.sqrt(values)  # IEEE's, by the processor
    found = rounding.sqrt(torch.from_numpy(values)).numpy()
    assert (np.nan_to_num(found, nan=-1) == np.nan_to_num(wanted, nan=-1)).all()


@pytest.mark.parametrize("flat", [0, 1, 3, 4096 + 5])
def test_pixels_are_counted_as_numpy_counts_them(flat: int) -> None:
    ids = np.random.default_rng(flat).integers(-2, 9, (3, 700), dtype=np.int32)
    ids[1:, :flat] = 5  # a run of one id, as maps have
    wanted = [int((ids == number).sum()) for number in range(7)]
    assert counts(ids, 7) == wanted
    assert counts(ids[:, ::2], 7) == [int((ids[:, ::2] == number).sum()) for number in range(7)]


def test_an_id_without_a_colour_is_an_error() -> None:
    from transforms.parts import colours as _colours

    for wrong in (3, -1):
        ids = np.array([[0, wrong]], np.int32)
        for verb in (_colours.paint, lambda *both: by_plain(_colours.paint, *both)):
            with pytest.raises(IndexError, match="1 pixels have an id outside 0 to 1"):
                verb(ids, [(0, 0, 0), (255, 0, 0)])


@st.composite
def maps(draw: st.DrawFn) -> NDArray[np.uint8]:
    """Pictures with runs, repeats and noise, grey or RGB."""
    channels = draw(st.sampled_from(((), (3,))))
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 90))
    few = draw(st_numpy.arrays(np.uint8, (draw(st.integers(1, 5)), *channels)))
    places = draw(st_numpy.arrays(np.uint8, (height, width))) % len(few)
    kind = draw(st.sampled_from(("noise", "flat", "rows", "steps")))
    if kind == "rows":
        places = np.repeat(places[:1], height, 0)
    if kind == "flat":
        places = np.zeros_like(places)
    if kind == "steps":
        places = places.cumsum(1).astype(np.uint8) % len(few)
    return np.ascontiguousarray(few[places])


@pytest.mark.slow
@given(maps(), st.booleans())
def test_png_is_that_of_the_plain_encoder_and_reads_back(
    pixels: NDArray[np.uint8], sparse: bool
) -> None:
    data = encode_png(pixels, sparse=sparse)
    assert data == by_plain(encode_png, pixels, sparse=sparse)
    assert (np.asarray(Image.open(io.BytesIO(data))) == pixels).all()
    assert (decode_png_raw(data) == pixels).all()


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("kind", ["noise", "skewed", "words", "normals", "sixteen"])
def test_many_blocks_of_png(kind: str) -> None:
    """Codes at their longest, blocks that stop and start to look back, far and near matches."""
    rng = np.random.default_rng(5)
    if kind == "sixteen":
        deep = rng.integers(0, 3000, (90, 200)).astype(np.uint16)
        assert encode_png16(deep) == by_plain(encode_png16, deep)
        assert (np.asarray(Image.open(io.BytesIO(encode_png16(deep)))) == deep).all()
        return
    pixels = rng.integers(0, 256, (500, 200, 3), dtype=np.uint8)
    if kind == "skewed":
        pixels = (255 - rng.geometric(0.3, pixels.shape).clip(1, 255)).astype(np.uint8)
    if kind == "normals":  # where looking back pays in some blocks and not in others
        vectors = np.nan_to_num(pictures.normals(np.random.default_rng(3)).astype(np.float32))
        pixels = np.floor(vectors * 127.5 + 128).astype(np.uint8)
    if kind == "words":
        word = rng.integers(0, 256, (64, 8, 3), dtype=np.uint8)
        pixels = word[rng.integers(0, 64, (500, 25))].reshape(500, 200, 3)
    for sparse in (False, True):
        data = encode_png(pixels, sparse=sparse)
        assert data == by_plain(encode_png, pixels, sparse=sparse)
        assert (np.asarray(Image.open(io.BytesIO(data))) == pixels).all()
        assert len(data) < 1.01 * pixels.nbytes + 1000  # never much more than as it is


def test_code_lengths_are_complete_and_within_their_limit() -> None:
    weights = [1, 1]
    while len(weights) < 40:
        weights.append(weights[-1] + weights[-2])
    for limit in (7, 15):
        lengths = deflate_plain.code_lengths(weights[: 19 if limit == 7 else 40], limit)
        assert max(lengths) <= limit
        assert sum(2.0**-n for n in lengths if n) == 1


@pytest.mark.slow
@needs_compiler
@given(st.data())
def test_area_averages_are_those_of_exact_sums(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 30)), data.draw(st.integers(1, 30))
    rgb = data.draw(st_numpy.arrays(np.uint8, (height, width, 3)))
    size = data.draw(st.integers(1, width)), data.draw(st.integers(1, height))
    assert (images.shrink(rgb, *size) == by_plain(images.shrink, rgb, *size)).all()


FILTERS = ("none", "sub", "up", "average", "paeth")


def filtered(rows: NDArray[np.uint8], pixel: int, filters: list[int]) -> bytes:
    """The lines of a PNG, by the definition of its filters."""
    wide = np.zeros((rows.shape[0] + 1, rows.shape[1] + pixel), int)
    wide[1:, pixel:] = rows
    lines = b""
    for y, kind in enumerate(filters, 1):
        here, left = wide[y, pixel:], wide[y, :-pixel]
        up, corner = wide[y - 1, pixel:], wide[y - 1, :-pixel]
        p = left + up - corner
        apart = [abs(p - each) for each in (left, up, corner)]
        nearest = np.where(
            (apart[0] <= apart[1]) & (apart[0] <= apart[2]),
            left,
            np.where(apart[1] <= apart[2], up, corner),
        )
        guess = (np.zeros_like(here), left, up, (left + up) // 2, nearest)[kind]
        lines += bytes([kind]) + ((here - guess) % 256).astype(np.uint8).tobytes()
    return lines


@needs_compiler
@pytest.mark.parametrize(("colour", "depth"), [(0, 8), (0, 16), (2, 8), (2, 16)])
def test_every_filter_of_others_is_undone(colour: int, depth: int) -> None:
    rng = np.random.default_rng(colour + depth)
    for _ in range(20):
        height, width = (int(n) for n in rng.integers(1, 12, 2))
        pixel = (1, 3)[colour // 2] * depth // 8
        rows = rng.integers(0, 256, (height, width * pixel), dtype=np.uint8)
        kinds = rng.integers(0, len(FILTERS), height).tolist()
        body = zlib.compress(filtered(rows, pixel, kinds))
        head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
        chunks = [png._chunk(b"IHDR", head), png._chunk(b"IDAT", body[:7])]
        chunks += [png._chunk(b"IDAT", body[7:]), png._chunk(b"IEND", b"")]
        data = png.MAGIC + b"".join(chunks)
        found = decode_png_raw(data)
        assert (found == by_plain(decode_png_raw, data)).all()
        wanted = rows.view(">u2" if depth == 16 else np.uint8)
        assert (found.reshape(height, -1) == wanted).all()


@st.composite
def polygons_in(draw: st.DrawFn, height: int, width: int) -> list[list[float]]:
    """One to three polygons that reach a picture's size out of it, or follow its pixels."""
    x = st.floats(-width, 2 * width) | st.integers(0, width).map(float)
    y = st.floats(-height, 2 * height) | st.integers(0, height).map(float)
    corners = st.lists(st.tuples(x, y), min_size=3, max_size=8)
    drawn = draw(st.lists(corners, min_size=1, max_size=3))
    return [[value for corner in polygon for value in corner] for polygon in drawn]


@pytest.mark.slow
@needs_compiler
@given(st.data())
def test_polygons_are_those_of_pycocotools(data: st.DataObject) -> None:
    shape = data.draw(st.integers(1, 50)), data.draw(st.integers(1, 50))
    polygons = data.draw(polygons_in(*shape))
    theirs = coco_mask.merge(coco_mask.frPyObjects(polygons, *shape))
    ours = _rle.runs(polygons, *shape)
    assert ours.tolist() == _rle.unpack(theirs["counts"]).tolist()
    painted = _rle.paint([(7, ours)], *shape)
    assert (painted == coco_mask.decode(theirs) * 7).all()
    assert (painted == by_plain(_rle.paint, [(7, ours)], *shape)).all()


@pytest.mark.slow
@needs_compiler
@given(st.data())
def test_polygons_drawn_at_one_go_are_those_drawn_alone(data: st.DataObject) -> None:
    least = data.draw(st.integers(2, 40))  # how far out at one go: twice the shorter side
    plain = data.draw(st.lists(polygons_in(least, least), max_size=5))
    masks = _rle.many_runs(plain, least, least + 3)
    for mask, polygons in zip(masks, plain, strict=True):
        assert mask is not None
        assert mask.tolist() == _rle.runs(polygons, least, least + 3).tolist()
    odd = [{"counts": [least * least], "size": [least, least]}, [], None, [[1, 2, 3, 4]], "runs"]
    masks = _rle.many_runs([*odd, *plain], least, least + 3)
    assert [mask is None for mask in masks] == [True] * len(odd) + [False] * len(plain)


@needs_compiler
@pytest.mark.parametrize("number", [float("nan"), float("inf"), True, "1", None, 10**30, 41, -21])
def test_a_polygon_that_is_not_plain_is_left_to_be_looked_at_alone(number: Any) -> None:
    plain, odd = [[1, 1, 9, 1, 9, 9]], [[1, 1, 9, 1, 9, number]]
    assert _rle.many_runs([plain, odd], 20, 20) == [None, None]


@needs_compiler
def test_runs_that_are_not_all_of_a_picture_are_not_painted() -> None:
    good = np.array([3, 2, 1])
    for bad in ([3, 2, 2], [3, 2], [3, -1, 4], [2**62, 2**62, 6]):
        with pytest.raises(AssertionError, match="layer 1 are not 2 x 3"):
            _rle.paint([(1, good), (2, np.array(bad))], 2, 3)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 80)), min_size=1, max_size=9), st.data()
)
def test_a_pixel_of_another_colour_is_found(
    runs: list[tuple[int, int]], data: st.DataObject
) -> None:
    palette: list[colours.Rgb] = [(0, 0, 0), (255, 0, 0), (1, 2, 3), (255, 0, 1), (9, 9, 9)]
    ids = np.array([id_ for id_, count in runs for _ in range(count)] + [1], np.int32)
    rgb = colours.paint(ids, palette)
    assert (rgb == np.array(palette, np.uint8)[ids]).all()
    assert colours.has_colours(rgb, ids, palette) == bool(compiled.library())
    at = data.draw(st.integers(0, rgb.size - 1))
    rgb.reshape(-1)[at] ^= data.draw(st.integers(1, 255))
    assert not colours.has_colours(rgb, ids, palette)


@needs_compiler
def test_a_polygon_of_more_runs_than_were_made_room_for() -> None:
    comb = [v for k in range(6000) for v in (float(k // 2 % 99), float(k % 2 * 90))]
    theirs = coco_mask.merge(coco_mask.frPyObjects([comb], 99, 99))
    assert _rle.runs([comb], 99, 99).tolist() == _rle.unpack(theirs["counts"]).tolist()


def test_a_polygon_that_would_eat_all_memory_is_refused() -> None:
    shape = (999, 999)
    comb = [float(v) for k in range(5000) for v in (k % 2 * 999, k % 7)]
    for draw in (lambda: _rle.runs([comb], *shape), lambda: by_plain(_rle.runs, [comb], *shape)):
        with pytest.raises(BadSample, match="polygons of 5000 corners that might be 9998002 runs"):
            draw()
    assert _rle.many_runs([[comb], [[0, 0, 9, 0, 9, 9]]], *shape) == [None, None]


@pytest.mark.slow
def test_a_compiler_that_fails_is_told_and_nothing_else_happens(tmp_path: Path) -> None:
    code = (
        "import numpy as np; from vbdata.core.png import encode_png;"
        "print(len(encode_png(np.eye(9, dtype=np.uint8))))"
    )
    for command, cause in (("false", "exit code 1"), ("/no/such/cc", "No such file")):
        env = {"CC": command, "VBDATA_CACHE": str(tmp_path), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
        )
        assert "without its compiled loops, with the same bytes" in done.stderr
        assert cause in done.stderr
        assert int(done.stdout) == len(encode_png(np.eye(9, dtype=np.uint8)))
        assert not list(tmp_path.rglob("*.so"))


def test_doing_without_is_no_warning(plain: None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encode_png(np.zeros((3, 4), np.uint8))


@pytest.mark.slow
@needs_compiler
def test_the_library_is_compiled_once_for_a_source(tmp_path: Path) -> None:
    code = "from vbdata.core import compiled; assert compiled.library()"
    env = {"VBDATA_CACHE": str(tmp_path), "PATH": "/usr/bin:/bin"}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code], env=env, check=True)
        (made,) = (tmp_path / "compiled").glob("*.so")
    stamp = made.stat().st_mtime_ns
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    assert made.stat().st_mtime_ns == stamp


@pytest.fixture
def asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a new process that has no compiler: the library is looked for again."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(compiled, "_quiet", False)
    kept = compiled._loaded, compiled.library
    monkeypatch.setattr(compiled, "_loaded", functools.cache(kept[0].__wrapped__))
    monkeypatch.setattr(compiled, "library", functools.cache(kept[1].__wrapped__))


def built_below(folder: Path, digest: str | None = None) -> Path:
    """This machine's library where a wheel installed into `folder` would have it."""
    *_, (name, _, _) = compiler.built_names(compiled.sources(), compiler.machine())
    path = folder / "vbdata" / "core" / "compiled" / compiler.BUILT / name
    if digest:
        path = path.with_name(digest + name[len(digest) :])
    path.parent.mkdir(parents=True)
    path.write_bytes(Path(compiled.library()._name).read_bytes())
    return path


@needs_compiler
def test_a_wheels_library_serves_code_from_elsewhere_without_a_compiler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    path = built_below(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    request.getfixturevalue("asked_anew")
    assert compiled.library()._name == str(path)
    assert compiled.missing() == ""
    assert encode_png(np.eye(9, dtype=np.uint8)) == by_plain(encode_png, np.eye(9, dtype=np.uint8))


@needs_compiler
@pytest.mark.parametrize("fault", ["of other C code", "cut short"])
def test_a_wheels_library_that_does_not_fit_is_refused_and_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, fault: str
) -> None:
    path = built_below(tmp_path, "0" * 32 if fault == "of other C code" else None)
    if fault == "cut short":
        path.write_bytes(path.read_bytes()[:99])
    monkeypatch.syspath_prepend(str(tmp_path))
    request.getfixturevalue("asked_anew")
    with pytest.warns(RuntimeWarning, match="without its compiled loops") as told:
        assert compiled.library() is None
    (warning,) = told
    assert f"those in {path.parent} are of other C code" in str(warning.message)


def test_whoever_says_why_they_are_missing_says_it_alone(asked_anew: None) -> None:
    compiled.quiet()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "no C compiler was found" in compiled.missing()
        assert compiled.library() is None


DRIVER = """
#include <stdio.h>
int main(void) { /* rows, their length, pixel, then the stream: deflated to standard output */
    uint64_t shape[3];
    if (fread(shape, 8, 3, stdin) != 3) return 1;
    uint64_t size = shape[0] * shape[1];
    uint8_t *stream = calloc(1, size + 8), *to = malloc(size + size / 4 + 4096);
    if (fread(stream, 1, size, stdin) != size) return 1;
    fwrite(to, 1, vb_deflate(stream, shape[0], shape[1], (int)shape[2], to), stdout);
    return 0;
}
"""
MACHINES = {
    "an x86-64 of 2008": (["gcc", "-O3"], ["qemu-x86_64", "-cpu", "Nehalem"]),
    "a new x86-64": (["gcc", "-O3", "-march=haswell"], ["qemu-x86_64", "-cpu", "max"]),
    "an ARM": (["aarch64-linux-gnu-gcc", "-O3", "-static"], ["qemu-aarch64"]),
}


@pytest.mark.parametrize("name", MACHINES)
def test_other_processors_deflate_to_the_same_bytes(name: str, tmp_path: Path) -> None:
    command, machine = MACHINES[name]
    if not (shutil.which(command[0]) and shutil.which(machine[0])):
        pytest.skip(f"{command[0]} or {machine[0]} is not here (Debian: qemu-user)")
    program = tmp_path / "program"
    source = compiled.sources()["deflate.c"] + DRIVER
    words = [*command, "-x", "c", "-", "-o", str(program)]
    subprocess.run(words, input=source.encode(), check=True)
    rng = np.random.default_rng(9)
    height, width = 120, 200
    flat = np.repeat(rng.integers(0, 256, (height, 4, 3), dtype=np.uint8), width // 4, 1)
    for pixels in (flat, flat + rng.integers(0, 3, flat.shape, dtype=np.uint8)):
        lines = filtered(pixels.reshape(height, -1), 3, [2] * height)
        shape = struct.pack("<3Q", height, 1 + 3 * width, 3)
        done = subprocess.run(
            [*machine, str(program)], input=shape + lines, capture_output=True, check=True
        )
        assert done.stdout == deflate_plain.deflated(lines, 1 + 3 * width, 3)
