"""Readers of rendered frames against their miniatures' truth, and the trap of each data set.

By PIL, h5py, OpenCV and NumPy alone, where files are read or made here.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipelines import irs, mvs_synth, spring, synscapes, tartanair, unrealstereo4k, urbansyn
from pipelines.demo import exr
from pipelines.demo import irs as irs_demo
from pipelines.demo import mvs_synth as mvs_synth_demo
from pipelines.demo import spring as spring_demo
from pipelines.demo import synscapes as synscapes_demo
from pipelines.demo import tartanair as tartanair_demo
from pipelines.demo import unrealstereo4k as unrealstereo4k_demo
from pipelines.demo import urbansyn as urbansyn_demo
from pipelines.demo.balls import Still
from vbdata.core.exr import read as read_exr
from vbdata.core.images import decode_rgb
from vbdata.core.types import Entry
from vbdata.errors import BadSample, SourceError
from vbdata.plugins import mounts
from vbdata.sources.open import open_root
from vbdata.storage.folder import Folder

Truths = Iterator[tuple[str, Still, NDArray[np.bool_]]]  # id, what it shows, where nothing is known


def of_tartanair(release: str) -> Callable[[], Truths]:
    def truths() -> Truths:
        for shot in tartanair_demo.truth():
            if shot.release == release:
                place, *rest = shot.run.split("/")[-3:]
                yield "/".join((place, *rest, shot.name)), shot.still, never(shot.still)

    return truths


def of_mvs_synth() -> Truths:
    for scene, frame, shot in mvs_synth_demo.truth():
        yield f"{scene}/{frame}", shot, never(shot)


def of_unrealstereo4k() -> Truths:
    for view in unrealstereo4k_demo.truth():
        yield f"{view.scene}/00000/{view.side}", view.still, view.stored == 0


def of_spring() -> Truths:
    for sequence, frame, shot, stored in spring_demo.truth():
        yield f"{sequence}/{frame:04d}/left", shot, np.isnan(stored[::2, ::2])


def of_irs() -> Truths:
    for place, number, shot in irs_demo.truth():
        yield f"{place.partition('/')[2]}/{number}", shot, np.isinf(shot.depth)


def of_urbansyn() -> Truths:
    for name, shot, _ in urbansyn_demo.truth():
        yield name, shot, never(shot)


def of_synscapes() -> Truths:
    for number, shot, _, _ in synscapes_demo.truth():
        yield f"{number:05d}", shot, never(shot)


def never(shot: Still) -> NDArray[np.bool_]:
    return np.zeros(shot.ids.shape, np.bool_)


CASES: dict[str, tuple[Any, dict[str, Any], Callable[[], Truths]]] = {
    "tartanair": (tartanair, {}, of_tartanair("v1")),
    "tartanair v2": (tartanair, {"release": "v2"}, of_tartanair("v2")),
    "tartanair ground": (tartanair, {"release": "ground"}, of_tartanair("ground")),
    "mvs_synth": (mvs_synth, {}, of_mvs_synth),
    "unrealstereo4k": (unrealstereo4k, {}, of_unrealstereo4k),
    "spring": (spring, {}, of_spring),
    "irs": (irs, {}, of_irs),
    "urbansyn": (urbansyn, {"segments": False}, of_urbansyn),
    "synscapes": (synscapes, {}, of_synscapes),
}


@pytest.mark.parametrize("case", CASES)
def test_the_miniature_is_the_scene(case: str, demo_of: Callable[[str], Path]) -> None:
    reader, options, truths = CASES[case]
    root = Folder(str(demo_of(case.partition(" ")[0])))
    wanted = {name: (shot, unknown) for name, shot, unknown in truths()}
    entries = list(reader.index(root, **options))
    assert [e.id for e in entries] == sorted(wanted)
    for entry in entries:
        shot, unknown = wanted[entry.id]
        labels = reader.load(root, entry, ("depth", "normals")).labels
        metres, valid = labels["depth"].metres, labels["depth"].valid
        sky = np.isinf(shot.depth) & ~unknown
        finite = np.isfinite(shot.depth) & ~unknown
        assert np.array_equal(valid, ~unknown)
        assert np.array_equal(np.isposinf(metres), sky)
        assert np.abs(metres[finite] / shot.depth[finite] - 1).max() < 1e-6
        assert entry.camera == pytest.approx(shot.camera, abs=1e-5)
        normals = labels["normals"]
        cosine = (np.moveaxis(normals.xyz, 0, -1) * shot.normals).sum(-1)[normals.valid]
        degrees = np.degrees(np.arccos(cosine.clip(-1, 1)))
        assert np.median(degrees) < 0.1
        assert np.quantile(degrees, 0.95) < 10  # a ball's rim, of depth
        assert normals.valid.mean() > 0.5
        assert not normals.valid[np.isinf(shot.depth)].any()


@pytest.mark.parametrize(
    ("reader", "options", "count"),
    [
        (tartanair, {"camera": "both"}, 613_274),
        (tartanair, {"release": "v2"}, None),
        (mvs_synth, {}, 12_000),
        (unrealstereo4k, {"scenes": "00008", "camera": "left"}, 200),
        (unrealstereo4k, {}, 16_400),
        (spring, {}, 10_000),
        (irs, {}, 103_316),
        (irs, {"frames": "lists/IRSDataset_TEST.list"}, None),
        (urbansyn, {}, 7_539),
        (synscapes, {"segments": False}, 25_000),
    ],
)
def test_the_official_releases(reader: Any, options: dict[str, Any], count: int | None) -> None:
    assert reader.official(**options).entries == count


def test_places_and_bits_of_tartanair(demo_of: Callable[[str], Path]) -> None:
    folder = demo_of("tartanair")
    root = Folder(str(folder))
    groups = {e.group for e in tartanair.index(root)}
    assert groups == {"tartanair:abandonedfactory", "tartanair:seasonsforest"}  # no _winter
    for shot in tartanair_demo.truth():
        stored = next((folder / shot.run / f"depth_{shot.camera}").glob(f"{shot.name}_*"))
        if shot.release == "v1":
            metres = np.load(stored)
        else:
            red, green, blue, alpha = np.moveaxis(np.array(Image.open(stored)), -1, 0)
            metres = np.stack([blue, green, red, alpha], -1).copy().view("<f4")[..., 0]
        assert np.array_equal(metres, shot.stored)
        assert 6000 < metres.max() < 10_000.1  # what must not be taken for a place
    with pytest.raises(SourceError, match=r"image_left/000000_left\.png, here or below"):
        list(tartanair.index(Folder(str(folder / "Downtown"))))
    assert len(list(tartanair.index(root, release="v2", camera="all"))) == 4
    with pytest.raises(SourceError, match=r"release: 'v3' is not a choice\. Known: ground, v1, v2"):
        list(tartanair.index(root, release="v3"))


def test_tartanair_in_zips_as_they_lie(demo_of: Callable[[str], Path], tmp_path: Path) -> None:
    top = demo_of("tartanair") / "abandonedfactory"
    for what in ("image_left", "depth_left"):
        target = tmp_path / "abandonedfactory/Easy" / f"{what}.zip"
        target.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(target, "w") as packed:
            for path in sorted(top.rglob(f"{what}/*")):
                packed.write(path, path.relative_to(top.parent).as_posix())
    root = open_root((str(tmp_path),), mount=mounts("tartanair"))
    entries = list(tartanair.index(root))
    above = "abandonedfactory/Easy/P001"
    assert [e.id for e in entries] == [f"{above}/{n:06d}_left" for n in range(2)]
    assert tartanair.load(root, entries[0], ["normals"]).labels["normals"].valid.any()


def test_tenths_infinite_sky_and_sizes_of_mvs_synth(
    demo_of: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = tmp_path / "it"
    shutil.copytree(demo_of("mvs_synth"), folder)
    place = folder / "GTAV_720/0000"
    stored = read_exr((place / "depths/0000.exr").read_bytes())
    changed = stored.copy()
    changed[0, :3] = [np.nan, np.inf, 123]
    (place / "depths/0000.exr").write_bytes(exr.written({"Y": changed}))
    entry = next(mvs_synth.index(Folder(str(folder))))
    depth = mvs_synth.load(Folder(str(folder)), entry, ["depth"]).labels["depth"]
    assert depth.valid[0, :3].tolist() == [False, True, True]
    assert depth.metres[0, 1:3].tolist() == [np.inf, np.float32(12.3)]
    (place / "poses/0001.json").write_text(json.dumps({"f_x": 1.0}))
    faults = [e.fault for e in mvs_synth.index(Folder(str(folder)))]
    assert faults[1].startswith("garbled annotation: GTAV_720/0000/poses/0001.json: no JSON with")
    shutil.copytree(folder / "GTAV_720", folder / "GTAV_540")
    with pytest.raises(SourceError, match="size: is to be set, there are 540, 720"):
        list(mvs_synth.index(Folder(str(folder))))
    assert len(list(mvs_synth.index(Folder(str(folder)), size="540"))) == 4


def test_the_baseline_of_unrealstereo4k_is_that_of_each_frame(
    demo_of: Callable[[str], Path], tmp_path: Path
) -> None:
    root = Folder(str(demo_of("unrealstereo4k")))
    entries = list(unrealstereo4k.index(root, camera="right"))
    said = [json.loads(e.record)["depth"]["baseline"] for e in entries]
    assert said == pytest.approx([0.5, 0.2], abs=1e-7)
    text = list(unrealstereo4k.doubts(root, entries))[-1]
    assert text == ("ok", "baselines of 2 records: 0.2 to 0.5 m", ())
    picture = unrealstereo4k.load(root, entries[0], []).image
    shot = next(v.still for v in unrealstereo4k_demo.truth() if v.side == 1)
    assert isinstance(picture, bytes)
    assert np.array_equal(decode_rgb(picture), shot.rgb)  # where alpha is 0, too
    shutil.copytree(demo_of("unrealstereo4k"), tmp_path / "it")
    place = tmp_path / "it/00003"
    shutil.copy(place / "Extrinsics0/00000.txt", place / "Extrinsics1/00000.txt")
    (tmp_path / "it/00008/Extrinsics0/00000.txt").write_text("1 2 3\n")
    faults = [e.fault for e in unrealstereo4k.index(Folder(str(tmp_path / "it")))]
    assert [fault.partition(":")[0] for fault in faults] == [
        *["out of range"] * 2,
        *["garbled annotation"] * 2,
    ]
    assert "its cameras are 0 m apart" in faults[0]


def test_spring_has_four_values_a_pixel_and_a_line_of_cameras_a_frame(
    demo_of: Callable[[str], Path], tmp_path: Path
) -> None:
    shutil.copytree(demo_of("spring"), tmp_path / "it")
    place = tmp_path / "it/train/0001"
    lines = (place / "cam_data/intrinsics.txt").read_text().splitlines()
    (place / "cam_data/intrinsics.txt").write_text(lines[0] + "\n")
    disparity = place / "disp1_left/disp1_left_0001.dsp5"
    stored = next(stored for _, _, _, stored in spring_demo.truth())
    root = Folder(str(tmp_path / "it"))
    first, second, *_ = spring.index(root)
    assert second.fault.startswith(
        "garbled annotation: train/0001/cam_data/intrinsics.txt: no line"
    )
    assert spring.load(root, first, ["depth"]).labels["depth"].metres.shape == (36, 64)
    import h5py

    with h5py.File(disparity, "w") as opened:
        opened["disparity"] = stored[::2, ::2]  # as copies on a single grid have it
    with pytest.raises(BadSample, match=r"wrong size: .*32x18, expected 64x36"):
        spring.load(root, first, ["depth"])


def test_lists_baseline_and_axes_of_irs(demo_of: Callable[[str], Path], tmp_path: Path) -> None:
    root = Folder(str(demo_of("irs")))
    whole = list(irs.index(root))
    listed = list(irs.index(root, frames="lists/IRSDataset_TRAIN.list"))
    assert [e.id for e in listed] == [e.id for e in whole][:1] + [e.id for e in whole][2:]
    assert {e.group for e in whole} == {"irs:OfficeMedley3", "irs:RealisticRendering"}
    near, far = (
        irs.load(root, next(irs.index(root, baseline=metres)), ["depth"]).labels["depth"].metres
        for metres in (0.1, 0.2)
    )
    np.testing.assert_allclose(far, 2 * near, rtol=1e-6)
    level, text, _ = list(irs.doubts(root, whole))[-1]
    assert level == "ok"
    assert text.startswith("normals.frame: [right, down, forward]: 0.0")
    shutil.copytree(demo_of("irs"), tmp_path / "it")
    for path in (tmp_path / "it").rglob("n_*.exr"):
        red, green, blue = np.moveaxis(read_exr(path.read_bytes()), -1, 0)
        none = (red == 0) & (green == 0) & (blue == 0)
        up = np.where(none, 0, 1 - green)
        path.write_bytes(exr.written({"R": red, "G": up, "B": blue}))
    level, text, remedies = list(irs.doubts(Folder(str(tmp_path / "it")), whole))[-1]
    assert level == "warn"
    assert remedies[0] == "is it frame: [right, up, forward]?"
    with pytest.raises(SourceError, match="baseline: 0 is not a number of metres"):
        list(irs.index(root, baseline=0))


def test_names_unit_sky_and_classes_of_urbansyn(
    demo_of: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = demo_of("urbansyn")
    root = Folder(str(folder))
    entries = {e.id: e for e in urbansyn.index(root)}
    assert entries["3000"].files["depth"].path == "depth/depth_3000.exr.1"
    for name, shot, ids in urbansyn_demo.truth():
        label = urbansyn.load(root, entries[name], ["segments"]).labels["segments"]
        assert np.array_equal(label.valid, ids != 255)
        for number, (shown, thing, crowd) in enumerate(
            zip(label.classes, label.things, label.crowds, strict=True), 1
        ):
            train_id = {"road": 0, "building": 2, "sky": 10, "car": 13}[shown]
            assert np.array_equal(label.ids == number, ids == train_id)
            assert thing == crowd == (shown == "car")
        stored = read_exr((folder / entries[name].files["depth"].path).read_bytes())
        assert np.abs(stored * 1e5 - np.minimum(shot.depth, 1000)).max() < 1e-3
    shutil.copytree(folder, tmp_path / "it")
    (tmp_path / "it/camera_metadata.json").unlink()
    (tmp_path / "it/ss/ss_0001.png").write_bytes(b"")
    faults = [e.fault for e in urbansyn.index(Folder(str(tmp_path / "it")))]
    assert faults[0].startswith("truncated: ss/ss_0001.png")
    assert not any(faults[1:])
    (first, *_) = urbansyn.index(Folder(str(tmp_path / "it")), segments=False)  # opens no map
    assert (first.fault, first.labels, first.camera) == ("", ("depth",), None)


def test_a_class_of_sky_that_is_not_behind_all_else_is_a_doubt(
    demo_of: Callable[[str], Path], tmp_path: Path
) -> None:
    shutil.copytree(demo_of("urbansyn"), tmp_path / "it")
    whole = list(urbansyn.index(Folder(str(tmp_path / "it"))))
    level, text, _ = list(urbansyn.doubts(Folder(str(tmp_path / "it")), whole))[-1]
    assert level == "ok"
    assert "their stored depth 1e+03 m in the median" in text
    for path in (tmp_path / "it/ss").iterdir():
        ids = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(path), np.where(ids == 10, 2, np.where(ids == 0, 10, ids)).astype(np.uint8))
    level, text, remedies = list(urbansyn.doubts(Folder(str(tmp_path / "it")), whole))[-1]
    assert level == "warn"
    assert remedies == ("is another class the sky, or are class and depth of other frames?",)


def test_sky_instances_and_cameras_of_synscapes(
    demo_of: Callable[[str], Path], tmp_path: Path
) -> None:
    root = Folder(str(demo_of("synscapes")))
    entries = {int(e.id): e for e in synscapes.index(root)}
    for number, _, labels, instances in synscapes_demo.truth():
        entry = entries[number]
        label = synscapes.load(root, entry, ["segments"]).labels["segments"]
        assert np.array_equal(label.valid, labels != synscapes_demo.EGO)
        cars = set()
        for place, (name, crowd) in enumerate(zip(label.classes, label.crowds, strict=True), 1):
            inside = label.ids == place
            assert set(labels[inside]) == {{"sky": 23, "road": 7, "building": 11, "car": 26}[name]}
            if name == "car":
                (own,) = set(instances[inside])
                assert crowd == (own == 0)
                assert np.array_equal(inside, (labels == 26) & (instances == own))
                cars.add(own)
        assert cars == set(instances[labels == 26])
        told = {fact.name: fact.instances for fact in entry.classes}
        assert told["car"] == len(cars - {0})
        assert np.array_equal(
            np.isinf(synscapes.load(root, entry, ["depth"]).labels["depth"].metres), labels == 23
        )
    shutil.copytree(demo_of("synscapes"), tmp_path / "it")
    larger = tmp_path / "it/meta/1.json"
    about = json.loads(larger.read_text())
    about["camera"]["intrinsic"]["resx"] = 2048
    larger.write_text(json.dumps(about))
    first, *_ = synscapes.index(Folder(str(tmp_path / "it")))
    assert first.fault == "wrong size: meta/1.json: a camera of 2048x48, the picture is 96x48"


def test_only_the_first_picture_of_a_folder_is_opened(
    demo_of: Callable[[str], Path], tmp_path: Path
) -> None:
    shutil.copytree(demo_of("urbansyn"), tmp_path / "it")
    cv2.imwrite(str(tmp_path / "it/rgb/rgb_7539.png"), np.zeros((9, 9, 3), np.uint8))
    (tmp_path / "it/rgb/rgb_0001.png").write_bytes(b"no picture")
    (tmp_path / "it/depth/depth_0002.exr").unlink()
    root = Folder(str(tmp_path / "it"))
    entries: list[Entry] = list(urbansyn.index(root, segments=False))
    assert [e.fault.partition(":")[0] for e in entries] == ["undecodable", "missing", "", ""]
    with pytest.raises(BadSample, match=r"wrong size: .*9x9, expected 96x48"):
        urbansyn.load(root, entries[-1], ["depth"])
