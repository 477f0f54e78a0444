"""The reader `folders`: every coding of segments against truth that Pillow and NumPy decode."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

from pipelines import folders
from vbdata.core.images import encode_jpeg
from vbdata.core.labels import Segments
from vbdata.core.types import ClassFact, Entry
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder

WIDTH, HEIGHT = 12, 8
NAMES = ["sky", "road", "car"]
PALETTE = [v for k in range(256) for v in (k * 37 % 256, k * 91 % 256, k * 151 % 256)]
COLOURS = {"sky": [70, 130, 180], "road": [128, 64, 128], "car": [0, 0, 142]}


def classes() -> NDArray[np.uint8]:
    """Sky above, road below, two cars, and void at the right."""
    index = np.zeros((HEIGHT, WIDTH), np.uint8)
    index[4:] = 1
    index[3:6, 1:4] = 2
    index[3:6, 6:8] = 2
    index[:, 11] = 255
    return index


def instances() -> NDArray[np.uint8]:
    """The two cars, apart; a part of the second is of neither."""
    number = np.zeros((HEIGHT, WIDTH), np.uint8)
    number[3:6, 1:4] = 7
    number[3:5, 6:8] = 9
    return number


def put(root: Path, path: str, data: bytes | str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(data.encode() if isinstance(data, str) else data)


def png(image: Image.Image, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", **options)
    return out.getvalue()


def grey(values: NDArray[Any]) -> bytes:
    return png(Image.fromarray(values))


def palette(values: NDArray[np.uint8]) -> bytes:
    image = Image.fromarray(values)
    image.putpalette(PALETTE)
    return png(image)


def coloured(values: NDArray[np.uint8], alpha: bool = False) -> bytes:
    table = np.zeros((256, 3), np.uint8)
    table[:3] = list(COLOURS.values())
    table[255] = (1, 2, 3)
    image = Image.fromarray(table[values])
    return png(image.convert("RGBA") if alpha else image)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    put(tmp_path, "rgb/0.jpg", encode_jpeg(np.full((HEIGHT, WIDTH, 3), 90, np.uint8)))
    return tmp_path


def read(root: Path, **options: Any) -> tuple[Entry, Segments]:
    more = {key: options.pop(key) for key in ("expressions",) if key in options}
    (entry,) = folders.index(Folder(str(root)), images="rgb/*.jpg", segments=options, **more)
    if entry.fault:
        raise AssertionError(entry.fault)
    label = folders.load(Folder(str(root)), entry, ("segments",)).labels["segments"]
    for fact in entry.classes:
        parts = zip(label.classes, label.things, label.crowds, strict=True)
        alone = sum(name == fact.name and thing and not crowd for name, thing, crowd in parts)
        assert fact.instances == alone
    return entry, label


def fault(root: Path, **options: Any) -> str:
    (entry,) = folders.index(Folder(str(root)), images="rgb/*.jpg", segments=options)
    return entry.fault


def by_class(label: Segments) -> dict[str, NDArray[np.bool_]]:
    """The pixels of each class."""
    ids, found = label.ids, dict[str, NDArray[np.bool_]]()
    for place, name in enumerate(label.classes, 1):
        found[name] = found.get(name, np.zeros(ids.shape, np.bool_)) | (ids == place)
    return found


def check_classes(label: Segments, wanted: NDArray[np.uint8]) -> None:
    assert np.array_equal(label.valid, wanted != 255)
    for name, pixels in by_class(label).items():
        assert np.array_equal(pixels, wanted == NAMES.index(name)), name
    assert set(label.classes) == {NAMES[k] for k in np.unique(wanted) if k < 3}


CODINGS: dict[str, tuple[bytes, dict[str, Any]]] = {
    "index": (grey(classes()), {"coding": "index", "names": NAMES, "void": [255]}),
    "index of 16 bits": (
        grey(classes().astype(np.uint16)),
        {"coding": "index", "names": {0: "sky", 1: "road", 2: "car"}, "void": 255},
    ),
    "palette": (palette(classes()), {"coding": "palette", "names": NAMES, "void": [255]}),
    "colours": (coloured(classes()), {"coding": "colours", "names": COLOURS, "void": [1, 2, 3]}),
    "colours with alpha": (
        coloured(classes(), alpha=True),
        {
            **{"coding": "colours", "void": "edge"},
            "names": {**{n: ",".join(map(str, c)) for n, c in COLOURS.items()}, "edge": "#010203"},
        },
    ),
}


@pytest.mark.parametrize("name", CODINGS)
def test_maps_of_classes(name: str, root: Path) -> None:
    data, options = CODINGS[name]
    put(root, "mask/0.png", data)
    with Image.open(io.BytesIO(data)) as image:
        if image.mode in ("P", "L", "I;16"):
            wanted = np.asarray(image).astype(np.uint8)
        else:
            rgb = np.asarray(image.convert("RGB"))
            wanted = np.full((HEIGHT, WIDTH), 255, np.uint8)
            for index, colour in enumerate(COLOURS.values()):
                wanted[(rgb == colour).all(-1)] = index
    assert np.array_equal(wanted, classes())
    entry, label = read(root, files="mask/*.png", **options)
    check_classes(label, wanted)
    assert entry.classes == tuple(
        ClassFact(name=n, thing=False, instances=0, smallest=0) for n in sorted(NAMES)
    )
    _, label = read(root, files="mask/*.png", things=["car"], **options)
    assert dict(zip(label.classes, label.crowds, strict=True))["car"]


@pytest.mark.parametrize("suffix", ["npy", "tif", "bmp"])
def test_maps_of_other_types_are_the_same(suffix: str, root: Path) -> None:
    out = io.BytesIO()
    if suffix == "npy":
        np.save(out, classes().astype(np.int64)[None])
    elif suffix == "bmp":
        Image.open(io.BytesIO(palette(classes()))).save(out, "BMP")
    else:
        Image.fromarray(classes()).save(out, "TIFF", compression="tiff_deflate")
    put(root, f"mask/0.{suffix}", out.getvalue())
    _, label = read(root, files="mask/*.*", coding="index", names=NAMES, void=[255])
    check_classes(label, classes())


def test_few_bits_are_not_spread(root: Path) -> None:
    values = np.where(classes() == 2, 1, 0).astype(np.uint8)
    put(root, "mask/0.png", png(Image.fromarray(values * 255).convert("1"), bits=1))
    _, label = read(root, files="mask/*.png", coding="index", names={1: "car"}, background=[0])
    assert np.array_equal(by_class(label)["car"], values == 1)
    assert label.valid.all()


def test_instances_tell_things_apart(root: Path) -> None:
    put(root, "mask/0.png", grey(classes()))
    put(root, "object/0.png", grey(instances()))
    options = {"coding": "index", "names": NAMES, "void": [255], "things": "car"}
    entry, label = read(root, files="mask/*.png", instances="object/*.png", **options)
    check_classes(label, classes())
    cars = [k for k, name in enumerate(label.classes, 1) if name == "car"]
    pixels = {label.crowds[k - 1]: (label.ids == k) for k in cars}
    assert len(cars) == 3
    assert np.array_equal(pixels[True], (classes() == 2) & (instances() == 0))
    assert np.array_equal(pixels[False], instances() == 9)  # the last of the two
    fact = next(f for f in entry.classes if f.name == "car")
    assert (fact.instances, fact.smallest) == (2, 4)


def test_voc(root: Path) -> None:
    border = classes()
    border[classes() == 0] = 0
    put(root, "SegmentationClass/0.png", palette(np.where(border == 1, 0, border)))
    put(root, "SegmentationObject/0.png", palette(np.where(border == 255, 255, instances())))
    _, label = read(
        root,
        files="SegmentationClass/*.png",
        instances="SegmentationObject/*.png",
        coding="voc",
        names={2: "car"},
    )
    assert set(label.classes) == {"car"}
    assert np.array_equal(label.valid, classes() != 255)
    assert sorted(label.crowds) == [False, False, True]
    assert np.array_equal(by_class(label)["car"], classes() == 2)


IDS = np.where(instances() > 0, instances().astype(np.int32) + 1000, 0).astype(np.int32)


def rgb_of(ids: NDArray[np.int32]) -> bytes:
    return png(
        Image.fromarray(np.stack([ids & 255, ids >> 8 & 255, ids >> 16], -1).astype(np.uint8))
    )


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (grey(IDS.astype(np.uint16)), {1007: "car", 1009: "bus"}),
        (rgb_of(IDS), {"(239, 3, 0, 255)": "car", "(241, 3, 0, 255)": "bus"}),
        (grey(IDS.astype(np.uint16)), "table.json"),
    ],
    ids=["numbers", "colours", "table"],
)
def test_ids_of_objects(data: bytes, names: Any, root: Path) -> None:
    put(root, "ids/0.png", data)
    table = [{"instance": 1007, "what": "car"}, {"instance": 1009, "what": "bus"}]
    put(root, "table.json", json.dumps({"objects": table}))
    if isinstance(names, str):
        names = {"files": names, "at": "objects", "key": "instance", "name": "what"}
    _, label = read(root, files="ids/*.png", coding="ids", names=names, background=[0])
    found = by_class(label)
    assert np.array_equal(found["car"], IDS == 1007)
    assert np.array_equal(found["bus"], IDS == 1009)
    assert label.things == (True, True)
    assert label.crowds == (False, False)


def test_ids_of_one_class(root: Path) -> None:
    put(root, "ids/0.png", grey(IDS.astype(np.uint16)))
    _, label = read(root, files="ids/*.png", coding="ids", names={"*": "cell"}, background=[0])
    assert label.classes == ("cell", "cell")
    assert np.array_equal(label.ids > 0, IDS > 0)


POLYGONS = {
    "car": [[1.0, 1.0, 5.2, 1.5, 4.0, 6.75, 0.5, 4.0]],
    "road": [[0, 4, 12, 4, 12, 8, 0, 8]],
}


def drawn(polygons: list[list[float]]) -> NDArray[np.bool_]:
    """What pycocotools paints."""
    runs = coco_mask.merge(coco_mask.frPyObjects(polygons, HEIGHT, WIDTH))
    return np.asarray(coco_mask.decode(runs) > 0)


def yolo_line(code: int, polygon: list[float]) -> str:
    shares = [v / (HEIGHT if k % 2 else WIDTH) for k, v in enumerate(polygon)]
    return f"{code} " + " ".join(map(repr, shares))


def test_outlines_of_yolo(root: Path) -> None:
    lines = [
        yolo_line(2, POLYGONS["car"][0]),
        "",
        yolo_line(1, POLYGONS["road"][0]),
        "0 .5 .5 .1 .1",
    ]
    put(root, "labels/0.txt", "\n".join(lines))
    entry, label = read(root, files="labels/*.txt", coding="yolo-seg", names=NAMES)
    car, road = drawn(POLYGONS["car"]), drawn(POLYGONS["road"])
    assert road.sum() > car.sum()  # so that the car lies on top
    found = by_class(label)
    assert np.array_equal(found["car"], car)
    assert np.array_equal(found["road"], road & ~car)
    assert label.valid.all()
    assert entry.left_out == (
        "garbled annotation: line 4 is a box, which has no outline [labels/0.txt]",
    )
    put(root, "labels/0.txt", "")
    _, label = read(root, files="labels/*.txt", coding="yolo-seg", names=NAMES)
    assert label.classes == ()
    assert label.valid.all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 0.5 0.5 0.2 0.2", "1 boxes and no outline: a box says nothing of the pixels in it"),
        ("0 1 1 60 1 60 40", "coordinates from 1 to 60, expected shares from 0 to 1"),
        ("7 0 0 1 0 1 1", "unknown category: segments: line 1: class 7 has no name"),
        ("0 0 0 1 0 1", "5 coordinates"),
        ("0 a 0 1 0 1 1", "could not convert"),
        ("0 nan 0 1 0 1 1", "class 0"),
        ("0.5 0 0 1 0 1 1", "class 0.5"),
    ],
)
def test_outlines_that_are_none(text: str, said: str, root: Path) -> None:
    put(root, "labels/0.txt", text)
    assert said in fault(root, files="labels/*.txt", coding="yolo-seg", names=NAMES)


def labelme(*shapes: dict[str, Any], size: tuple[int, int] = (WIDTH, HEIGHT)) -> str:
    about = {"imageWidth": size[0], "imageHeight": size[1], "imageData": "AAAA"}
    return json.dumps({"version": "5", "shapes": list(shapes), **about})


def shape(
    label: str, points: list[list[float]], kind: str = "polygon", **more: Any
) -> dict[str, Any]:
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, **more}


def test_outlines_of_labelme(root: Path) -> None:
    pairs = np.reshape(POLYGONS["car"][0], (-1, 2)).tolist()
    mask = np.array([[1, 0], [1, 1]], np.uint8) * 255
    pasted = base64.b64encode(png(Image.fromarray(mask))).decode()
    put(
        root,
        "json/0.json",
        labelme(
            shape("car", pairs),
            shape("wheel", [[7, 1], [9, 3]], "rectangle", group_id=1),
            shape("wheel", [[10, 5], [12, 7]], "rectangle", group_id=1),
            shape("dirt", [[6, 6]], "point"),
            shape("ignore", [[8, 4], [9, 5]], "rectangle"),
            shape("leaf", [[10, 0], [11, 1]], "mask", mask=pasted),
        ),
    )
    entry, label = read(root, files="json/*.json", coding="labelme", void=["ignore"])
    found = by_class(label)
    assert np.array_equal(found["car"], drawn(POLYGONS["car"]))
    wheel = np.zeros((HEIGHT, WIDTH), np.bool_)
    wheel[1:3, 7:9] = wheel[5:7, 10:12] = True
    assert np.array_equal(found["wheel"], wheel)
    assert label.classes.count("wheel") == 1
    leaf = np.zeros((HEIGHT, WIDTH), np.bool_)
    leaf[:2, 10:12] = mask > 0
    assert np.array_equal(found["leaf"], leaf)
    void = np.zeros((HEIGHT, WIDTH), np.bool_)
    void[4, 8] = True
    assert np.array_equal(label.valid, ~void)
    assert entry.left_out[0].startswith("garbled annotation: shape 3 is a point")


def test_a_circle_of_labelme(root: Path) -> None:
    put(root, "json/0.json", labelme(shape("ball", [[6, 4], [9, 4]], "circle")))
    _, label = read(root, files="json/*.json", coding="labelme")
    y, x = np.indices((HEIGHT, WIDTH)) + 0.5
    inside = (x - 6) ** 2 + (y - 4) ** 2
    ball = by_class(label)["ball"]
    assert ball[inside < 2.4**2].all()
    assert not ball[inside > 3.6**2].any()


def test_faults_of_labelme(root: Path) -> None:
    given = {"files": "json/*.json", "coding": "labelme"}
    put(root, "json/0.json", labelme(shape("a", [[1, 1], [5, 1], [5, 5]]), size=(24, 16)))
    assert "wrong size: segments: drawn on 24x16, the picture is 12x8" in fault(root, **given)
    put(root, "json/0.json", labelme(shape("a", [[1, 1], [5, 1], [5, 5]])))
    assert "label 'a' is not among segments.names: b" in fault(root, **given, names=["b"])
    put(root, "json/0.json", labelme(shape("a", [[1, 1]], "spline")))
    assert "unknown shape_type 'spline'" in fault(root, **given)
    put(root, "json/0.json", "[]")
    assert "without a list of shapes" in fault(root, **given)


@pytest.mark.parametrize(
    ("data", "options", "said"),
    [
        (
            grey(classes()),
            {"names": NAMES},
            "1 codes without a name: 255 (as a colour 255 0 0) at 8",
        ),
        (coloured(classes()), {"names": NAMES}, "segments.coding may be colours"),
        (grey(classes()), {"coding": "colours", "names": COLOURS}, "may be index or palette"),
        (
            coloured(classes()),
            {"coding": "colours", "names": COLOURS},
            "197121 (as a colour 1 2 3) at 8 pixels; segments.names, segments.void",
        ),
        (grey(classes()[:4]), {"names": NAMES}, "12x4, expected 12x8, and of another shape"),
        (
            grey(np.full((HEIGHT, WIDTH), 9, np.uint8)),
            {"names": NAMES, "void": 9},
            "every pixel is",
        ),
    ],
    ids=["no name", "colours", "no colours", "no name of a colour", "size", "void"],
)
def test_maps_that_do_not_fit_their_options(
    data: bytes, options: dict[str, Any], said: str, root: Path
) -> None:
    put(root, "mask/0.png", data)
    assert said in fault(root, **{"files": "mask/*.png", "coding": "index", **options})


def test_codes_below_zero_and_too_large(root: Path) -> None:
    def stored(values: Any) -> bytes:
        out = io.BytesIO()
        np.save(out, values)
        return out.getvalue()

    put(root, "mask/0.npy", stored(classes().astype(np.int16) - 1))
    given = {"files": "mask/*.npy", "coding": "index", "names": {-1: "sky", 0: "road", 1: "car"}}
    _, label = read(root, **given, void=[254])
    check_classes(label, classes())
    put(root, "mask/0.npy", stored(np.full((HEIGHT, WIDTH), 2**64 - 1, np.uint64)))
    assert "out of range: segments: codes of 4611686018427387904 and more" in fault(root, **given)
    put(root, "mask/0.npy", stored(np.zeros((WIDTH, HEIGHT), np.uint8)))
    assert "8x12, expected 12x8, and of another shape" in fault(root, **given, resize=True)


def test_a_map_of_another_size_that_shows_the_same(root: Path) -> None:
    put(root, "mask/0.png", grey(classes().repeat(3, 0).repeat(3, 1)))
    given = {"coding": "index", "names": NAMES, "void": [255], "resize": True}
    _, label = read(root, files="mask/*.png", **given)
    check_classes(label, classes())


TABLES = {
    "names.txt": "sky\nroad\ncar\n",
    "names.json": json.dumps({"sky": 0, "road": 1, "car": 2}),
    "names.yaml": "names:\n  0: sky\n  1: road\n  2: car\n",
    "names.csv": "id,name\n0,sky\n1,road\n2,car\n",
    "names.tsv": "index\tx\tclass\n0\t-\tsky\n1\t-\troad\n2\t-\tcar\n",
}


@pytest.mark.parametrize("name", TABLES)
def test_names_of_indices_in_files(name: str, root: Path) -> None:
    put(root, "mask/0.png", grey(classes()))
    put(root, name, TABLES[name])
    names = {"files": name, "at": "names"} if name.endswith("yaml") else name
    _, label = read(root, files="mask/*.png", coding="index", names=names, void=[255])
    check_classes(label, classes())


COLOUR_TABLES = {
    "labelmap.txt": "# label:color_rgb:parts\nsky:70,130,180::\nroad:128,64,128::\ncar:0,0,142::\n",
    "label_colors.txt": "70 130 180\tsky\n128 64 128\t\troad\n0 0 142 car\n",
    "classes.csv": "name,r,g,b\nsky,70,130,180\nroad,128,64,128\ncar,0,0,142\n",
    "colours.json": json.dumps(COLOURS),
    "labels.json": json.dumps({str((*c, 255)): {"class": n} for n, c in COLOURS.items()}),
    "list.json": json.dumps([{"name": n, "color": c, "id": 5} for n, c in COLOURS.items()]),
}


@pytest.mark.parametrize("name", COLOUR_TABLES)
def test_names_of_colours_in_files(name: str, root: Path) -> None:
    put(root, "mask/0.png", coloured(classes()))
    put(root, name, COLOUR_TABLES[name])
    _, label = read(root, files="mask/*.png", coding="colours", names=name, void=[[1, 2, 3]])
    check_classes(label, classes())


def test_names_that_are_none(root: Path) -> None:
    put(root, "mask/0.png", grey(classes()))
    given = {"files": "mask/*.png", "coding": "index"}
    put(root, "n.csv", "what,which\n0,sky\n")
    assert "columns what, which: say which are its codes" in fault(root, **given, names="n.csv")
    put(root, "n.json", json.dumps([{"what": 0, "which": "sky"}]))
    assert "say which are its code and its name" in fault(root, **given, names="n.json")
    put(root, "n.json", "{")
    assert "no JSON" in fault(root, **given, names="n.json")
    with pytest.raises(SourceError, match=r"segments.void: 'sea' is no code and no class.*sky"):
        read(root, **given, names=NAMES, void=["sea"])
    with pytest.raises(SourceError, match=r"segments.things: 'bus' is no class"):
        read(root, **given, names=NAMES, void=[255], things=["bus"])


def test_expressions_name_segments_by_their_ids(root: Path) -> None:
    put(root, "ids/0.png", grey(IDS.astype(np.uint16)))
    lines = [
        {"image": "0", "text": "the left  car", "targets": [1007]},
        {"image": "rgb/0.jpg", "text": ["both", "all of them"], "targets": [1009, 1007]},
        {"image": "rgb/0.jpg", "text": "a third", "targets": 5},
        {"image": "rgb/1.jpg", "text": "nobody", "targets": 5},
    ]
    put(root, "refs.jsonl", "\n".join(map(json.dumps, lines)) + "\nbroken\n")
    given = {"coding": "ids", "names": {"*": "car"}, "background": [0], "files": "ids/*.png"}
    one, *strays = folders.index(
        Folder(str(root)), images="rgb/*.jpg", segments=given, expressions="refs.jsonl"
    )
    if one.fault:
        one, strays = strays[-1], [one, *strays[:-1]]
    assert [(e.text, e.targets) for e in one.expressions] == [
        ("the left car", (0,)),
        ("both", (0, 1)),
        ("all of them", (0, 1)),
    ]
    assert one.labels == ("segments", "expressions")
    assert one.left_out == (
        "missing: refs.jsonl:000000003: its target 5 is 0 visible segments, expected 1",
    )
    assert ["no image" in stray.fault for stray in strays] == [True, False]
    assert "not a JSON object" in strays[1].fault
    loaded = folders.load(Folder(str(root)), one, ("segments", "expressions")).labels
    assert loaded["expressions"] == one.expressions


def test_a_mask_that_is_missing_is_said_so(root: Path) -> None:
    put(root, "rgb/1.jpg", (root / "rgb" / "0.jpg").read_bytes())
    put(root, "mask/1.png", grey(classes()))
    given = {"files": "mask/*.png", "coding": "index", "names": NAMES, "void": [255]}
    one, _ = folders.index(Folder(str(root)), images="rgb/*.jpg", segments=given)
    assert (one.labels, one.files["segments"].size) == (("segments",), -1)
    with pytest.raises(BadSample, match=r"missing: no segments when rgb/0.jpg was .*mask/0.png"):
        folders.load(Folder(str(root)), one, ("segments",))


def test_a_mask_that_is_damaged_after_indexing_is_refused(root: Path) -> None:
    put(root, "mask/0.png", grey(classes()))
    entry, _ = read(root, files="mask/*.png", coding="index", names=NAMES, void=[255])
    put(root, "mask/0.png", grey(classes())[:-20])
    with pytest.raises(BadSample, match="truncated"):
        folders.load(Folder(str(root)), entry, ("segments",))
