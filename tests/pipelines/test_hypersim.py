"""The Hypersim reader: the one real frame, and a made-up scene whose answer is known."""

from __future__ import annotations

import csv
import io
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines import hypersim
from pipelines.demo import hypersim as demo
from pipelines.formats import hdf5 as _hdf5
from pipelines.parts.hypersim import stored as on_disk
from pipelines.parts.hypersim import tables
from pipelines.parts.hypersim import tonemap as _tonemap
from pipelines.parts.hypersim.camera import Camera, directions, orient, pinhole, rays
from tests.helpers.builds import REAL as SAMPLES
from vbdata.core import compiled
from vbdata.core.images import decode_rgb, encode_jpeg
from vbdata.core.labels import Depth, Normals
from vbdata.core.types import Entry
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder

REAL = SAMPLES / "hypersim"
real = pytest.mark.skipif(not REAL.exists(), reason="no real Hypersim samples here")

WIDTH, HEIGHT = 16, 12
PLAIN = (0.57735, 0.0, 0.0, 0.0, 0.433, 0.0, 0.0, 0.0, -1.0)
TILTED = (0.5796, 0.0, -0.0696, 0.0, 0.4347, 0.0927, 0.0, 0.0041, -1.0039)
SCENE = "ai_001_002"
METRES = 3.0  # of the wall that every pixel but the sky sees
HEADER = (
    "scene_name,camera_name,frame_id,included_in_public_release,exclude_reason,split_partition_name"
)


def hdf5(file: Path, values: NDArray[Any], name: str = "dataset") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(file, "w") as out:
        out.create_dataset(name, data=values, compression="gzip", compression_opts=9)


def geometry(folder: Path, frame: int, kind: str) -> Path:
    return folder / SCENE / "images/scene_cam_00_geometry_hdf5" / f"frame.{frame:04d}.{kind}.hdf5"


def color(folder: Path, frame: int) -> Path:
    return folder / SCENE / "images/scene_cam_00_final_hdf5" / f"frame.{frame:04d}.color.hdf5"


def wall(matrix: tuple[float, ...]) -> NDArray[np.float16]:
    """Distances to the plane z = METRES, nothing in the first row."""
    distance = METRES / rays(matrix, WIDTH, HEIGHT)[2]
    distance[0] = np.nan
    return distance.astype(np.float16)


def facing() -> NDArray[np.float16]:
    """The wall's normals in Hypersim's axes, with one of each defect."""
    normals = np.zeros((HEIGHT, WIDTH, 3), np.float16)
    normals[..., 2] = 1
    normals[0] = np.nan
    normals[3, 3] = (0, 0, -1)  # faces inwards
    normals[4, 4] = 0
    normals[5, 5] = (0, 0, 0.5)
    normals[6, 6] = np.nan
    return normals


def tree(
    folder: Path, *, scenes: str = ".", frames: int = 2, matrix: tuple[float, ...] = PLAIN
) -> Folder:
    """A scene of one camera, its frames all in train and in the public release."""
    folder.mkdir(parents=True, exist_ok=True)
    entities = np.full((HEIGHT, WIDTH), 4, np.int16)
    entities[0] = -1
    for k in range(frames):
        hdf5(geometry(folder / scenes, k, "depth_meters"), wall(matrix))
        hdf5(geometry(folder / scenes, k, "normal_cam"), facing())
        hdf5(geometry(folder / scenes, k, "render_entity_id"), entities)
        hdf5(color(folder / scenes, k), np.full((HEIGHT, WIDTH, 3), 0.25, np.float16))
    rows = [f"{SCENE},cam_00,{k},True,,train" for k in range(9)]
    rows += [f"{SCENE},cam_00,9,False,CONTENT,", f"{SCENE},cam_01,0,True,,train"]
    (folder / "metadata_images_split_scene_v1.csv").write_text("\n".join([HEADER, *rows]))
    write_camera(folder, matrix)
    return Folder(str(folder))


def write_camera(folder: Path, matrix: tuple[object, ...], width: int = WIDTH) -> None:
    names = [f"M_cam_from_uv_{k // 3}{k % 3}" for k in range(9)]
    head = ["scene_name", "settings_output_img_width", "settings_output_img_height", *names]
    with (folder / "metadata_camera_parameters.csv").open("w", newline="") as out:
        csv.writer(out).writerows([head, [SCENE, float(width), float(HEIGHT), *matrix]])


def first(root: Folder, **options: Any) -> Entry:
    return next(iter(hypersim.index(root, **options)))


def label(root: Folder, entry: Entry, kind: str) -> Any:
    found = hypersim.load(root, entry, [kind]).labels[kind]
    assert isinstance(found, Depth | Normals)
    return found


@pytest.mark.slow
@real
def test_the_real_frame_has_its_scenes_camera() -> None:
    root = Folder(str(REAL))
    (entry,) = hypersim.index(root)
    assert (entry.id, entry.group) == ("ai_037_002/cam_00/0000", "hypersim:ai_037_002")
    assert (entry.labels, entry.camera) == (("depth",), None)  # a tilted camera
    found = on_disk.depth(root, entry)
    assert bool(found.valid.all())
    assert tuple(found.metres.shape) == (768, 1024)
    assert abs(float(found.metres.min()) - 2.804) < 1e-3
    assert abs(float(found.metres.max()) - 12.745) < 1e-3
    x, y = np.meshgrid(np.arange(1024) - 511.5, np.arange(768) - 383.5)
    distance = on_disk.array(root, entry, "depth").astype(np.float64)
    usual = distance * 886.81 / np.sqrt(x * x + y * y + 886.81**2)
    off = np.abs(usual - found.metres) / found.metres
    assert 0.019 < np.median(off) < 0.023
    assert 0.05 < off.max() < 0.06
    with pytest.raises(BadSample, match=r"missing.*frame\.0000\.color\.hdf5"):
        hypersim.load(root, entry, ["depth"])


@real
def test_the_official_cameras() -> None:
    cameras = tables.cameras(Folder(str(REAL)))
    plain = [found for camera in cameras.values() if (found := pinhole(camera))]
    assert len(cameras) == 482
    assert len(plain) >= 194
    assert pinhole(cameras["ai_001_001"]) == pytest.approx((886.81, 886.81, 511.5, 383.5))


@pytest.mark.slow
@real
def test_the_official_split() -> None:
    root = Folder(str(REAL))
    counts = {}
    for split in hypersim.SPLITS:
        scenes = tables.frames(root, split)
        frames = sum(len(k) for cameras in scenes.values() for k in cameras.values())
        counts[split] = (len(scenes), frames)
    assert counts["train"] == (365, 59_543)
    assert counts["all"] == (457, 74_619)
    assert counts["val"] == (46, 7_386)
    assert counts["test"] == (46, 7_690)


@pytest.mark.parametrize("scenes", ["evermotion_dataset/scenes", "scenes", "."])
@pytest.mark.parametrize("matrix", [PLAIN, TILTED])
def test_a_wall_is_planar(tmp_path: Path, scenes: str, matrix: tuple[float, ...]) -> None:
    root = tree(tmp_path, scenes=scenes, matrix=matrix)
    entries = list(hypersim.index(root))
    assert [e.id for e in entries] == [f"{SCENE}/cam_00/{k:04d}" for k in range(2)]
    assert (entries[0].camera is None) == (matrix is TILTED)
    found = label(root, entries[0], "depth")
    assert not found.valid[0].any()
    assert bool(found.valid[1:].all())
    assert np.allclose(found.metres[1:], METRES, rtol=1e-3)
    assert not found.metres[0].any()


def test_rays_of_a_pinhole_agree_with_its_intrinsics() -> None:
    shifted = (0.6, 0.0, -0.05, 0.0, 0.4, 0.08, 0.0, 0.0, -1.0)
    intrinsics = pinhole(Camera(WIDTH, HEIGHT, shifted))
    assert intrinsics is not None
    fx, fy, cx, cy = intrinsics
    x, y, z = rays(shifted, WIDTH, HEIGHT)
    assert np.allclose(x / z * fx + cx, np.arange(WIDTH)[None])
    assert np.allclose(y / z * fy + cy, np.arange(HEIGHT)[:, None])


def test_normals_are_mended_or_refused(tmp_path: Path) -> None:
    root = tree(tmp_path)
    found = label(root, first(root), "normals")
    expected = np.ones((HEIGHT, WIDTH), bool)
    expected[0] = expected[4, 4] = expected[6, 6] = False
    assert np.array_equal(found.valid, expected)
    assert bool(found.sky[0].all())
    assert not found.sky[1:].any()
    towards = np.array([0, 0, -1], np.float32)[:, None]
    assert (found.xyz[:, expected] == towards).all()  # OpenCV: the wall faces along -z
    assert not found.xyz[:, ~expected].any()


def test_turning_is_judged_by_the_ray_and_not_by_z() -> None:
    """A steep surface may show a normal with z < 0 to a pixel at the side: it is seen, so right."""
    ray = np.array([0.6, 0.0, 0.8], np.float32).reshape(3, 1, 1)
    seen = np.array([-0.9, 0.0, 0.1])  # OpenCV; points away by z alone, but normal . ray < 0
    for given, wanted in ((seen, seen), (-seen, seen)):
        stored = (given * (1, -1, -1)).astype(np.float16).reshape(1, 1, 3)
        xyz, valid = orient(stored, ray, np.zeros((1, 1), bool))
        assert valid.all()
        assert np.allclose(xyz[:, 0, 0], wanted / np.linalg.norm(wanted), atol=1e-3)


def reference(
    stored: NDArray[np.float16], ray: NDArray[np.float32], sky: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The rule of the reader's docstring, for the whole picture at once."""
    x, y, z = np.moveaxis(stored.astype(np.float32), -1, 0)
    nothing, one = np.float32(0), np.float32(1)
    with np.errstate(invalid="ignore"):
        length = np.sqrt(x * x + y * y + z * z)
        valid = np.isfinite(length) & (length >= np.float32(1e-3)) & ~sky
        unit = np.where(valid, np.stack((x, -y, -z)) / np.where(valid, length, one), nothing)
    away = unit[0] * ray[0] + unit[1] * ray[1] + unit[2] * ray[2] > np.float32(1e-3)
    return np.where(away, -unit, unit), valid


@pytest.mark.parametrize("loops", ["1", "0"], ids=["compiled", "plain"])
def test_nowhere_is_where_any_part_is_nan(loops: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All half floats, in each part of a vector, whether or not planes lie apart."""
    if loops == "0":
        monkeypatch.setattr(compiled, "library", lambda: None)
    every = np.arange(1 << 16, dtype=np.uint16).reshape(256, 256).view(np.float16)
    for part in range(3):
        stored = np.ones((256, 256, 3), np.float16)
        stored[..., part] = every
        for laid in (stored, np.moveaxis(np.moveaxis(stored, -1, 0).copy(), 0, -1)):
            assert np.array_equal(on_disk.nowhere(laid), np.isnan(every))


@pytest.mark.parametrize("height", [1, 31, 32, 33, 100])
@pytest.mark.parametrize("loops", ["1", "0"], ids=["compiled", "plain"])
def test_normals_are_exact_to_the_bit(
    height: int, loops: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the signs of zeros; any half float may occur, and planes may lie apart or not."""
    if loops == "0":
        monkeypatch.setattr(compiled, "library", lambda: None)
    rng, width = np.random.default_rng(height), 40
    bits = rng.integers(0, 1 << 16, (3, height, width), np.uint16)
    smooth = rng.normal(size=bits.shape).astype(np.float16)
    planes = np.where(rng.random(bits.shape) < 0.5, bits.view(np.float16), smooth)
    for rare in (0, -0.0, np.inf, np.nan, 1e-3, 5e-4, 65504):
        planes[rng.random(bits.shape) < 0.05] = rare
    planes[:, rng.random(bits.shape[1:]) < 0.1] = 0
    ray, sky = directions(TILTED, width, height), rng.random((height, width)) < 0.1
    stored = np.moveaxis(planes, 0, -1)
    for layout in (stored, np.ascontiguousarray(stored)):
        for found, wanted in zip(
            orient(layout, ray, sky), reference(stored, ray, sky), strict=True
        ):
            assert found.dtype == wanted.dtype
            assert found.tobytes() == wanted.tobytes()


def test_without_entities_sky_is_where_normals_are_nan(tmp_path: Path) -> None:
    root = tree(tmp_path)
    for k in range(2):
        geometry(tmp_path, k, "render_entity_id").unlink()
    found = label(root, first(root), "normals")
    assert bool(found.sky[0].all())
    assert bool(found.sky[6, 6])
    assert int(found.sky.sum()) == WIDTH + 1


def test_tonemap_is_the_formula() -> None:
    rng = np.random.default_rng(3)
    values = (rng.gamma(0.7, 2.0, (64, 48, 3)) - 0.05).astype(np.float16)
    values[0, 0], values[1, 1] = np.inf, 0
    valid = rng.random((64, 48)) < 0.8
    linear = np.minimum(values.astype(np.float64), 65504)
    bright = np.percentile((linear * (0.3, 0.59, 0.11)).sum(-1)[valid], 90)
    wanted = np.clip(np.maximum(linear * 0.8**2.2 / bright, 0) ** (1 / 2.2), 0, 1) * 255
    found = _tonemap.tonemap(values, valid)
    assert np.array_equal(found, np.floor(wanted + 0.5).astype(np.uint8))
    assert not _tonemap.tonemap(np.full((2, 2, 3), 1e-5, np.float16), np.ones((2, 2), bool)).any()
    ones = _tonemap.tonemap(np.ones((2, 2, 3), np.float16), np.zeros((2, 2), bool))
    assert (ones == 255).all()


def test_the_picture_is_tone_mapped_or_the_preview(tmp_path: Path) -> None:
    root = tree(tmp_path, frames=1)
    image = hypersim.load(root, first(root), []).image
    assert isinstance(image, np.ndarray)
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert (image == 204).all()  # all of one brightness: its percentile becomes 0.8
    at = tmp_path / SCENE / "images/scene_cam_00_final_preview/frame.0000.tonemap.jpg"
    at.parent.mkdir()
    at.write_bytes(encode_jpeg(image))
    assert hypersim.load(root, first(root, image="preview"), []).image == at.read_bytes()


def test_albedo_and_shading_are_linear_and_valid_where_they_can_be(tmp_path: Path) -> None:
    root = tree(tmp_path, frames=1)
    light = np.full((HEIGHT, WIDTH, 3), 0.25, np.float16)
    light[2, 3, 1], light[4, 5, 0], light[6, 7, 2] = np.nan, 1.5, -0.5
    for kind in ("reflectance", "illumination"):
        hdf5(color(tmp_path, 0).with_name(f"frame.0000.diffuse_{kind}.hdf5"), light)
    entry = first(root)
    assert entry.labels == ("depth", "normals", "albedo", "shading")
    labels = hypersim.load(root, entry, ["albedo", "shading"]).labels
    lost = {"albedo": [(2, 3), (4, 5), (6, 7)], "shading": [(2, 3), (6, 7)]}
    for kind, places in lost.items():
        valid = np.ones((HEIGHT, WIDTH), bool)
        valid[0] = False  # where render_entity_id says that there is nothing
        valid[tuple(zip(*places, strict=True))] = False
        assert np.array_equal(labels[kind].valid, valid)
        assert set(np.unique(labels[kind].rgb[:, valid])) <= {0.25, 1.5}
    assert labels["shading"].rgb[0, 4, 5] == 1.5


def test_what_is_absent_as_a_whole_is_not_offered(tmp_path: Path) -> None:
    root = tree(tmp_path, frames=3)
    for k in range(3):
        geometry(tmp_path, k, "normal_cam").unlink()
    geometry(tmp_path, 1, "depth_meters").unlink()
    color(tmp_path, 2).unlink()
    entries = list(hypersim.index(root))
    assert [e.labels for e in entries] == [("depth",)] * 3
    for k in (1, 2):
        with pytest.raises(BadSample, match=f"missing.*frame.000{k}"):
            hypersim.load(root, entries[k], ["depth"])
    assert hypersim.load(root, entries[0], ["depth"]).labels


@pytest.mark.parametrize(
    ("kind", "values", "reason"),
    [
        ("depth", np.full((HEIGHT, WIDTH), np.nan, np.float16), "all invalid"),
        ("depth", np.ones((HEIGHT, WIDTH), np.float64), "wrong dtype"),
        ("depth", np.ones((HEIGHT, WIDTH), np.int16), "wrong dtype"),
        ("depth", np.ones((HEIGHT, WIDTH + 1), np.float16), "wrong size"),
        ("depth", np.ones((HEIGHT, WIDTH, 1), np.float16), "wrong size"),
        ("normals", np.zeros((HEIGHT, WIDTH, 3), np.float16), "all invalid"),
        ("normals", np.ones((HEIGHT, WIDTH), np.float16), "wrong size"),
        ("entities", np.ones((HEIGHT, WIDTH), np.float16), "wrong dtype"),
        ("image", np.full((HEIGHT, WIDTH, 3), np.nan, np.float16), "out of range"),
    ],
)
def test_damaged_arrays(tmp_path: Path, kind: str, values: NDArray[Any], reason: str) -> None:
    root = tree(tmp_path)
    entry = first(root)
    hdf5(tmp_path / entry.files[kind].path, values)
    with pytest.raises(BadSample, match=f"^{reason}.*frame.0000"):
        hypersim.load(root, entry, ["depth", "normals"])


def test_damaged_files(tmp_path: Path) -> None:
    root = tree(tmp_path)
    entry = first(root)
    file = tmp_path / entry.files["depth"].path
    whole = file.read_bytes()
    for data, reason in (
        (whole[: len(whole) // 2], "truncated"),
        (b"", "truncated"),
        (b"\0" * 4000, "undecodable"),
    ):
        file.write_bytes(data)
        with pytest.raises(BadSample, match=f"^{reason}"):
            hypersim.load(root, entry, ["depth"])
    hdf5(file, wall(PLAIN), name="other")
    with pytest.raises(BadSample, match=r"undecodable.*no dataset 'dataset'"):
        hypersim.load(root, entry, ["depth"])


def test_files_that_point_elsewhere_are_refused(tmp_path: Path) -> None:
    hdf5(tmp_path / "secret.hdf5", np.ones((2, 2), np.float16))
    (tmp_path / "secret.bin").write_bytes(bytes(8))
    layout = h5py.VirtualLayout((2, 2), np.float16)
    layout[:] = h5py.VirtualSource(str(tmp_path / "secret.hdf5"), "dataset", (2, 2))
    external = [(str(tmp_path / "secret.bin"), 0, 8)]
    for k in range(3):
        with h5py.File(file := tmp_path / f"{k}.hdf5", "w") as out:
            if k == 0:
                out["dataset"] = h5py.ExternalLink(str(tmp_path / "secret.hdf5"), "dataset")
            elif k == 1:
                out.create_virtual_dataset("dataset", layout)
            else:
                out.create_dataset("dataset", (2, 2), np.float16, external=external)
        with pytest.raises(BadSample):
            _hdf5.read_array(file.read_bytes(), (2, 2), np.float16)


GZIP = {"compression": "gzip", "chunks": (6, 8, 1)}
STORED: dict[str, dict[str, Any]] = {
    "plain": {},
    "gzip": {"compression": "gzip"},
    "edges": GZIP | {"chunks": (5, 7, 2)},
    "planes": GZIP | {"chunks": (5, 7, 1)},
    "one chunk": GZIP | {"chunks": (HEIGHT, WIDTH, 3)},
    "not compressed": {"chunks": (5, 7, 1)},
    "shuffled": GZIP | {"shuffle": True},
    "checked": GZIP | {"fletcher32": True},
    "lzf": {"compression": "lzf"},
    "user block": GZIP,
    "unfiltered chunk": GZIP,
}


def stored_as(form: str, values: NDArray[Any]) -> bytes:
    """An HDF5 file of the array."""
    packed, block = io.BytesIO(), {"userblock_size": 512} if form == "user block" else {}
    with h5py.File(packed, "w", **block) as out:
        dataset = out.create_dataset("dataset", values.shape, values.dtype, **STORED[form])
        dataset[...] = values
        if form == "unfiltered chunk":
            chunk = np.ascontiguousarray(values[:6, :8, :1])
            dataset.id.write_direct_chunk((0, 0, 0), chunk.tobytes(), filter_mask=1)
    return packed.getvalue()


def odd_float(values: NDArray[np.float16]) -> bytes:
    """An HDF5 file of floats of two bytes that are not half floats, though h5py says so."""
    packed, kind = io.BytesIO(), h5py.h5t.IEEE_F16LE.copy()
    kind.set_fields(15, 10, 5, 1, 9)  # a mantissa of 9 bits, one place up
    made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    made.set_chunk((6, 8, 1))
    made.set_deflate(4)
    with h5py.File(packed, "w") as out:
        space = h5py.h5s.create_simple(values.shape)
        h5py.h5d.create(out.id, b"dataset", kind, space, made)
        out["dataset"][...] = values
    return packed.getvalue()


@pytest.mark.parametrize("form", [*STORED, "odd float"])
def test_any_way_of_storage_gives_the_values(form: str) -> None:
    values = np.random.default_rng(1).integers(-8, 9, (HEIGHT, WIDTH, 3)).astype(np.float16) / 8
    data = odd_float(values) if form == "odd float" else stored_as(form, values)
    found = _hdf5.read_array(data, values.shape, np.float16)
    assert found.dtype == np.float16
    assert np.array_equal(found, values)
    with h5py.File(io.BytesIO(data)) as opened:
        assert np.array_equal(opened["dataset"][()], values)
        directly = _hdf5.gzipped_chunks(opened["dataset"], len(data)) is not None
        assert directly == (form in ("gzip", "edges", "planes", "one chunk"))
        assert _hdf5.gzipped_chunks(opened["dataset"], 100) is None  # chunks beyond the end


@pytest.mark.parametrize("form", ["plain", "edges", "not compressed", "checked", "shuffled"])
def test_what_an_interrupted_writer_leaves_is_truncated(form: str) -> None:
    for written in (0, 6):
        packed = io.BytesIO()
        with h5py.File(packed, "w") as out:
            dataset = out.create_dataset("dataset", (12, 16, 3), np.float16, **STORED[form])
            if written and form != "plain":  # of which all is there when a part is
                dataset[:written] = 1
        with pytest.raises(BadSample, match=r"^truncated: HDF5 .* were written \[a.hdf5\]"):
            _hdf5.read_array(packed.getvalue(), (12, 16, 3), np.float16, "a.hdf5")


@pytest.mark.parametrize("form", ["gzip", "checked"])
def test_checksums_of_the_file_are_compared(form: str) -> None:
    values = np.random.default_rng(1).normal(size=(HEIGHT, WIDTH, 3)).astype(np.float16)
    data = bytearray(stored_as(form, values))
    with h5py.File(io.BytesIO(data)) as opened:
        chunk = opened["dataset"].id.get_chunk_info(0)
    for place in (chunk.byte_offset + chunk.size - 1, chunk.byte_offset + chunk.size - 5):
        flipped = data.copy()
        flipped[place] ^= 1  # in the checksum behind the packed bytes, or in these
        with pytest.raises(BadSample, match=r"^undecodable"):
            _hdf5.read_array(bytes(flipped), values.shape, np.float16)


@pytest.mark.parametrize("size", [10, 6 * 8 * 2 - 2, 6 * 8 * 2 + 2, 1 << 24])
def test_chunks_of_a_wrong_size_are_refused(size: int) -> None:
    packed = io.BytesIO()
    with h5py.File(packed, "w") as out:
        dataset = out.create_dataset(
            "dataset", (12, 16), np.float16, compression="gzip", chunks=(6, 8)
        )
        dataset[...] = 1
        dataset.id.write_direct_chunk((6, 8), zlib.compress(bytes(size)))
    with pytest.raises(BadSample, match=r"^undecodable: HDF5: chunk at \(6, 8\).*\[a.hdf5\]"):
        _hdf5.read_array(packed.getvalue(), (12, 16), np.float16, "a.hdf5")


@pytest.mark.slow
def test_flipped_bytes_are_bad_samples_or_harmless(tmp_path: Path) -> None:
    hdf5(tmp_path / "a.hdf5", wall(PLAIN))
    whole, rng = (tmp_path / "a.hdf5").read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(600):
        data = np.frombuffer(whole, np.uint8).copy()
        data[rng.integers(data.size, size=4)] = rng.integers(256, size=4)
        try:
            _hdf5.read_array(data.tobytes(), (HEIGHT, WIDTH), np.float16)
        except BadSample:
            refused += 1
    assert refused > 100


def test_bombs_are_not_unpacked() -> None:
    packed = io.BytesIO()
    with h5py.File(packed, "w") as out:
        chunks = (1 << 13, 1 << 13)
        out.create_dataset("dataset", chunks, np.float16, compression="gzip", chunks=chunks)
    with pytest.raises(BadSample, match="wrong size"):
        _hdf5.read_array(packed.getvalue(), (2, 2), np.float16)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "training"}, "split: 'training' is not a choice; did you mean 'train'"),
        ({"image": "color"}, "image: 'color'.*preview, tonemap"),
        ({"split": "val"}, "no geometry of split val"),
    ],
)
def test_wrong_options(tmp_path: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(SourceError, match=message):
        list(hypersim.index(tree(tmp_path), **options))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (f"{SCENE},cam_00,x,True,,train", "line 2: ValueError"),
        (f"{SCENE},../../etc,0,True,,train", "line 2.*expected cam_NN"),
        (f"{SCENE}", "line 2"),
    ],
)
def test_malformed_split(tmp_path: Path, row: str, message: str) -> None:
    root = tree(tmp_path)
    file = tmp_path / "metadata_images_split_scene_v1.csv"
    file.write_text(f"{HEADER}\n{row}\n")
    with pytest.raises(SourceError, match=f"metadata_images_split_scene_v1.csv, {message}"):
        list(hypersim.index(root))
    file.unlink()
    with pytest.raises(SourceError, match=r"metadata_images_split_scene_v1\.csv"):
        list(hypersim.index(root))


def test_malformed_cameras(tmp_path: Path) -> None:
    root = tree(tmp_path)
    for matrix, width in ((("x", *PLAIN[1:]), WIDTH), ((np.nan, *PLAIN[1:]), WIDTH), (PLAIN, 0)):
        write_camera(tmp_path, matrix, width)
        with pytest.raises(SourceError, match=r"metadata_camera_parameters.csv, line 2"):
            list(hypersim.index(root))
    (tmp_path / "metadata_camera_parameters.csv").write_text("scene_name\n")
    with pytest.raises(SourceError, match=f"no row for {SCENE}"):
        list(hypersim.index(root))


def test_no_scenes(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no scenes ai_VVV_NNN"):
        list(hypersim.index(Folder(str(tmp_path))))


@pytest.mark.slow
def test_miniature_scenes_are_the_truth(tmp_path: Path) -> None:
    demo.write(tmp_path, seed=4, frames=2)
    root = Folder(str(tmp_path))
    entries = {e.id: e for e in hypersim.index(root, split="all")}
    shots = {shot.id.replace("/", "/cam_00/000"): shot for shot in demo.truth(seed=4, frames=2)}
    assert list(entries) == sorted(shots)
    assert len(shots) == 6
    assert len({e.camera is None for e in entries.values()}) == 2  # one scene is tilted
    for name, shot in shots.items():
        sample = hypersim.load(root, entries[name], ["depth", "normals"])
        depth, normals = sample.labels["depth"], sample.labels["normals"]
        seen = shot.frame.ids > 0
        assert np.array_equal(depth.valid, seen)
        assert np.array_equal(normals.sky, ~seen)
        assert np.allclose(depth.metres[depth.valid], shot.frame.depth[seen], rtol=6e-4)
        valid = normals.valid
        assert np.array_equal(valid, seen) or (
            shot.id == demo.DEFECTIVE and valid[seen].mean() > 0.97
        )
        cosine = (normals.xyz.transpose(1, 2, 0) * shot.frame.normals).sum(-1)
        grazing = np.abs((rays_of(entries[name]) * shot.frame.normals).sum(-1)) < 2e-3
        assert (cosine[valid & ~grazing] > 0.9999).all()
        assert isinstance(sample.image, np.ndarray)
        if "shading" in entries[name].labels:
            parts = hypersim.load(root, entries[name], ["albedo", "shading"]).labels
            back = (parts["albedo"].rgb * parts["shading"].rgb).transpose(1, 2, 0)[seen]
            off = np.abs(back / np.maximum(shot.frame.rgb[seen], 1e-3) - 1)
            assert np.median(off) < 0.02  # the picture is smoothed, its labels are not
        preview = decode_rgb((tmp_path / shot.image).read_bytes()).astype(int)
        assert np.abs(sample.image.astype(int) - preview)[seen].mean() < 3  # the preview is a JPEG


def rays_of(entry: Entry) -> NDArray[np.float64]:
    return on_disk.rays_of(entry).transpose(1, 2, 0)


def test_held_out_scenes_need_no_scenes(tmp_path: Path) -> None:
    root = tree(tmp_path)
    assert list(hypersim.groups(root)) == [f"hypersim:{SCENE}"]
    for scene in (tmp_path / SCENE).rglob("*.hdf5"):
        scene.unlink()
    assert list(hypersim.groups(root)) == [f"hypersim:{SCENE}"]
    assert list(hypersim.groups(root, split="val")) == []
    with pytest.raises(SourceError, match="split"):
        list(hypersim.groups(root, split="training"))


@pytest.mark.slow
@real
def test_the_official_held_out_sets_and_counts() -> None:
    root = Folder(str(REAL))
    held = {
        name: set(hypersim.groups(root, **options)) for name, options in hypersim.HOLDOUTS.items()
    }
    assert {name: len(found) for name, found in held.items()} == dict.fromkeys(held, 46)
    train = set(hypersim.groups(root))
    assert len(train) == 365
    assert not train & held["hypersim-val"]
    assert not held["hypersim-test"] & (train | held["hypersim-val"])
    for split in hypersim.SPLITS:
        scenes = tables.frames(root, split)
        frames = sum(len(k) for cameras in scenes.values() for k in cameras.values())
        assert hypersim.official(split=split).entries == frames
    paths = [download.path for download in hypersim.official().downloads]
    assert all(root.exists(path) for path in paths)
