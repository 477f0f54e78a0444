"""The RefCOCO reader: real refs, hostile pickles, every kind of bad ref, the miniature's truth."""

from __future__ import annotations

import builtins
import contextlib
import json
import os
import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines import coco, refcoco
from pipelines.demo import coco as coco_demo
from pipelines.demo import refcoco as demo
from pipelines.formats import plain_pickle
from tests.helpers.builds import REAL as SAMPLES
from vbdata.core.images import encode_jpeg
from vbdata.core.labels import Segments
from vbdata.core.types import Entry, Expression
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder

REAL = SAMPLES / "refer"
real = pytest.mark.skipif(not REAL.exists(), reason="no real refer samples beside the repository")

WIDTH, HEIGHT = 40, 30
CATEGORIES = [{"id": 1, "name": "person"}, {"id": 3, "name": "car"}]


def rectangle(left: int, top: int, right: int, bottom: int) -> list[list[int]]:
    return [[left, top, right, top, right, bottom, left, bottom]]


ANNOTATIONS: list[dict[str, Any]] = [
    {"id": 10, "segmentation": rectangle(2, 2, 22, 22), "area": 400, "category_id": 1},
    {"id": 11, "segmentation": rectangle(4, 4, 14, 14), "area": 100, "category_id": 3},
    {"id": 12, "segmentation": rectangle(6, 6, 8, 8), "area": 4, "category_id": 3},
    {"id": 13, "segmentation": rectangle(1, 1, 1, 1), "area": 0, "category_id": 3},
]


def ref(number: int, **changes: Any) -> dict[str, Any]:
    """A good ref to annotation 10 with two sentences, and what to change in it."""
    sentences = [
        {"tokens": ["big"], "raw": "Big!", "sent": text, "sent_id": 2 * number + k}
        for k, text in enumerate((f"the  big\tone {number} ", " "))
    ]
    good = {
        "ref_id": number,
        "ann_id": 10,
        "category_id": 1,
        "image_id": 7,
        "split": "train",
        "file_name": f"COCO_train2014_000000000007_{number}.jpg",
        "sent_ids": [2 * number, 2 * number + 1],
        "sentences": sentences,
    }
    return good | changes


def tree(folder: Path, refs: Any, *, top: str = "", protocol: int = 2) -> Folder:
    """A RefCOCO of one image, number 7."""
    place = folder / top / "refcoco"
    place.mkdir(parents=True, exist_ok=True)
    name = "COCO_train2014_000000000007.jpg"
    image = {"id": 7, "file_name": name, "width": WIDTH, "height": HEIGHT, "license": 1}
    licenses = [{"id": 1, "url": "http://creativecommons.org/licenses/by/2.0/", "name": "x"}]
    noted = [annotation | {"image_id": 7, "iscrowd": 0} for annotation in ANNOTATIONS]
    table = {"images": [image], "annotations": noted, "categories": CATEGORIES}
    (place / "instances.json").write_text(json.dumps(table | {"licenses": licenses}))
    data = refs if isinstance(refs, bytes) else pickle.dumps(refs, protocol=protocol)
    (place / "refs(unc).p").write_bytes(data)
    put_picture(folder / top / "images/mscoco/images/train2014" / name)
    return Folder(str(folder))


def put_picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_jpeg(np.full((HEIGHT, WIDTH, 3), 90, np.uint8)))


def entries(root: Folder, **options: Any) -> list[Entry]:
    return list(refcoco.index(root, **options))


def segments(root: Folder, entry: Entry) -> Segments:
    found = refcoco.load(root, entry, ["segments"]).labels["segments"]
    assert isinstance(found, Segments)
    return found


def bounds(mask: Any) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(np.asarray(mask))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


REAL_SETS = [
    ({"variant": "refcoco", "by": "unc", "split": "train"}, 1, 6),
    ({"variant": "refcocog", "by": "google", "split": "val"}, 5, 6),
]


@real
@pytest.mark.parametrize(("options", "images", "sentences"), REAL_SETS)
def test_real_targets_are_where_the_annotations_say(
    options: dict[str, str], images: int, sentences: int
) -> None:
    root, place = Folder(str(REAL)), REAL / "data" / options["variant"]
    table = json.loads((place / "instances.json").read_text())
    by_id = {annotation["id"]: annotation for annotation in table["annotations"]}
    raw = (place / f"refs({options['by']}).p").read_bytes()
    asked = {
        (f"{r['image_id']:012d}", sentence["sent"]): by_id[r["ann_id"]]
        for r in pickle.loads(raw, encoding="latin1")
        for sentence in r["sentences"]
    }
    found = entries(root, **options)
    assert len(found) == images
    assert sum(len(entry.expressions) for entry in found) == sentences == len(asked)
    for entry in found:
        assert not entry.fault
        assert entry.group == f"coco:{entry.id}"
        assert entry.license.startswith("CC-BY")
        sample = refcoco.load(root, entry, refcoco.LABELS)
        assert sample.labels["expressions"] == entry.expressions
        for expression in entry.expressions:
            (target,) = expression.targets
            label, annotation = sample.labels["segments"], asked[entry.id, expression.text]
            names = {c["id"]: c["name"] for c in table["categories"]}
            assert label.classes[target] == names[annotation["category_id"]]
            left, top, wide, high = annotation["bbox"]
            wanted = (left, top, left + wide, top + high)
            assert np.allclose(bounds(label.ids == target + 1), wanted, atol=1.5)


@real
def test_real_facts_are_those_of_coco() -> None:
    found = {e.id: e for e in coco.index(Folder(str(REAL.parent / "coco")))}
    (entry,) = entries(Folder(str(REAL)))
    twin = found[entry.id]
    assert (entry.group, entry.classes, entry.width, entry.height, entry.license) == (
        *(twin.group, twin.classes, twin.width, twin.height, twin.license),
    )


@pytest.mark.parametrize("top", ["", "data"])
@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
def test_a_small_tree(tmp_path: Path, top: str, protocol: int) -> None:
    root = tree(tmp_path, [ref(0), ref(1, ann_id=12), ref(2, split="val")], top=top)
    (entry,) = entries(root)
    assert (entry.id, entry.group) == ("000000000007", "coco:000000000007")
    assert (entry.width, entry.height, entry.license) == (WIDTH, HEIGHT, "CC-BY-2.0")
    assert entry.labels == ("segments", "expressions")
    assert entry.expressions == (
        Expression(text="the big one 0", targets=(0,)),
        Expression(text="the big one 1", targets=(2,)),
    )
    assert {(f.name, f.instances, f.smallest) for f in entry.classes} == {
        ("person", 1, 400),
        ("car", 2, 4),
    }
    assert refcoco.load(root, entry, ["expressions"]).labels == {"expressions": entry.expressions}


def test_what_is_referred_to_lies_on_top(tmp_path: Path) -> None:
    root = tree(tmp_path, [ref(0), ref(1, ann_id=12), ref(2, split="val", ann_id=11)])
    train, val = (segments(root, entries(root, split=split)[0]) for split in ("train", "val"))
    assert train.classes == val.classes == ("person", "car", "car")
    sizes = [int((train.ids == k).sum()) for k in (1, 2, 3)]
    assert sizes == [400 - 4, 0, 4]  # 11 is hidden, 12 is referred to as well and smaller
    assert [int((val.ids == k).sum()) for k in (1, 2, 3)] == [300, 100, 0]


def test_an_image_whose_sentences_are_blank_has_no_expressions(tmp_path: Path) -> None:
    blank = {"tokens": [], "raw": "", "sent": "\n", "sent_id": 0}
    root = tree(tmp_path, [ref(0, sentences=[blank])])
    (entry,) = entries(root)
    assert entry.labels == ("segments",)
    assert not entry.expressions
    assert not entry.fault


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "a\0b", "", None, 5])
def test_file_names_are_ignored(tmp_path: Path, name: Any) -> None:
    root = tree(tmp_path, [ref(0, file_name=name)])
    path = tmp_path / "refcoco/instances.json"
    table = json.loads(path.read_text())
    table["images"][0]["file_name"] = name
    path.write_text(json.dumps(table))
    (entry,) = entries(root)
    assert not entry.fault
    assert entry.files["image"].path.endswith("train2014/COCO_train2014_000000000007.jpg")
    assert refcoco.load(root, entry, []).image


@pytest.mark.parametrize("folder", ["train2017", "val2017", "train2014"])
@pytest.mark.parametrize("top", ["", "data"])
def test_pictures_of_coco_will_do(tmp_path: Path, folder: str, top: str) -> None:
    root = tree(tmp_path, [ref(0)], top=top)
    home = tmp_path / top / "images/mscoco/images/train2014"
    (home / "COCO_train2014_000000000007.jpg").unlink()
    (entry,) = entries(root)
    with pytest.raises(BadSample, match="missing"):
        refcoco.load(root, entry, [])
    name = f"{'COCO_train2014_' if '2014' in folder else ''}000000000007.jpg"
    put_picture(tmp_path / folder / name)
    (entry,) = entries(root)
    assert entry.files["image"].path == f"{folder}/{name}"
    assert refcoco.load(root, entry, []).image
    home.rmdir()
    (tmp_path / folder / name).unlink()
    (tmp_path / folder).rmdir()
    with pytest.raises(SourceError, match="no folder"):
        entries(root)


def loop() -> list[Any]:
    """A list whose plain repr would take until the sun is out."""
    value: list[Any] = []
    for _ in range(60):
        value = [value, value]
    return value


BAD_REFS: dict[str, Any] = {
    "no dict": 5,
    "no split": ref(1, split=None),
    "odd split": ref(1, split="trian"),
    "endless": ref(1, split=loop()),
    "no image": ref(1, image_id=8),
    "no annotation": ref(1, ann_id=99),
    "no area": ref(1, ann_id=13),
    "words": ref(1, ann_id="10"),
    "true": ref(1, image_id=True),
    "huge": ref(1, ref_id=1 << 2000),
    "again": ref(0),
    "sentences": ref(1, sentences=None),
    "sentence": ref(1, sentences=["the big one"]),
    "endless sentence": ref(1, sentences=[{"sent_id": 2, "sent": loop()}]),
    "sent_id": ref(1, sentences=[{"sent_id": 0, "sent": "again"}]),
    "no text": ref(1, sentences=[{"sent_id": 2, "sent": None}]),
    "long": ref(1, sentences=[{"sent_id": 2, "sent": "x" * 1001}]),
    "surrogate": ref(1, sentences=[{"sent_id": 2, "sent": "x\ud800"}]),
}


@pytest.mark.parametrize("name", BAD_REFS)
def test_a_bad_ref_is_a_fault_of_its_own(tmp_path: Path, name: str) -> None:
    root = tree(tmp_path, [ref(0), BAD_REFS[name]])
    good, bad = entries(root)
    assert not good.fault
    assert [e.text for e in good.expressions] == ["the big one 0"]
    assert bad.id == "stray-000000"
    assert bad.fault.startswith("garbled annotation: ref 1 of the file: ")
    assert len(bad.fault) < 300
    with pytest.raises(BadSample, match="garbled annotation"):
        refcoco.load(root, bad, [])


def test_one_shared_sentence_does_not_multiply(tmp_path: Path) -> None:
    shared = [{"sent_id": k, "sent": "x" * 1000} for k in range(300)]
    many = [ref(k, sentences=shared) for k in range(3000)]
    found = entries(tree(tmp_path, many))
    assert len(found) == 1 + 2999
    assert len(found[0].expressions) == 300


def test_a_bad_image_is_its_fault(tmp_path: Path) -> None:
    root = tree(tmp_path, [ref(0)])
    path = tmp_path / "refcoco/instances.json"
    table = json.loads(path.read_text())
    changed = [*table["annotations"][:1], table["annotations"][1] | {"id": 10}]
    path.write_text(json.dumps(table | {"annotations": changed}))
    (entry,) = entries(root)
    assert entry.fault == "garbled annotation: two annotations have the same id"
    with pytest.raises(BadSample, match="garbled annotation"):
        refcoco.load(root, entry, ["segments"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"category_id": 99}, "unknown category"), ({"iscrowd": 5}, "garbled annotation")],
)
def test_a_bad_annotation_costs_its_image_nothing_else(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    root = tree(tmp_path, [ref(0)])
    path = tmp_path / "refcoco/instances.json"
    table = json.loads(path.read_text())
    changed = [*table["annotations"][:1], table["annotations"][1] | change]
    path.write_text(json.dumps(table | {"annotations": changed}))
    (entry,) = entries(root)
    assert entry.fault == ""
    assert [line.partition(": ")[0] for line in entry.left_out] == [reason]
    found = refcoco.load(root, entry, ["segments"]).labels["segments"]
    assert len(found.classes) == 1
    assert all(each.targets == (0,) for each in entry.expressions)


class Call:
    """Pickles to a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


class Thing:
    """Pickles to a global, an object and its state."""

    def __init__(self) -> None:
        self.state = 1


def hostile(folder: Path) -> dict[str, bytes]:
    mark = str(folder / "mark")
    calls = {
        "system": Call(os.system, f"touch {mark}"),
        "eval": Call(builtins.eval, f"open({mark!r}, 'w')"),
        "object": Thing(),
        "class": dict,
        "set": {1, 2},
        "bytes": b"bytes",
    }
    cases = {
        f"{name} {protocol}": pickle.dumps([value], protocol=protocol)
        for name, value in calls.items()
        for protocol in (0, 1, 2, 4)
        if (name, protocol) != ("bytes", 4)
    }
    good = pickle.dumps([ref(0)], protocol=2)
    return cases | {
        "by hand": b"cos\nsystem\n(S'touch " + mark.encode() + b"'\ntR.",
        "inst": b"(S'touch " + mark.encode() + b"'\nios\nsystem\n.",
        "extension": b"\x80\x02\x82\x01.",
        "persistent": b"Pname\n.",
        "binary persistent": b"NQ.",
        "protocol 9": b"\x80\x09N.",
        "big string": b"T\xff\xff\xff\x7fx.",
        "negative string": b"T\xff\xff\xff\xffx.",
        "big text": b"X\xff\xff\xff\xffx.",
        "long digits": b"L" + b"9" * 5000 + b"L\n.",
        "frame": b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7fN.",
        "memo": b"]r\xff\xff\xff\x7f0.",
        "no memo": b"j\xff\xff\xff\x7f.",
        "empty": b"",
        "text": b"<html>",
        "nothing on the stack": b".",
        "append to a dict": b"}Na.",
        "unhashable": b"}]Ns.",
        "odd dict": b"(Nd.",
        "marks": b"(" * 100,
        "trailing": good + b"x",
        "a dict": pickle.dumps({"refs": []}, protocol=2),
        **{f"cut {end}": good[:end] for end in range(1, len(good), 37)},
    }


def test_hostile_pickles_are_refused(tmp_path: Path) -> None:
    for name, data in hostile(tmp_path).items():
        with pytest.raises(SourceError, match=r"refs\(unc\)\.p"):
            entries(tree(tmp_path, data))
        assert not (tmp_path / "mark").exists(), name


def test_a_memo_index_allocates_nothing() -> None:
    tracemalloc.start()
    assert plain_pickle.plain(b"]r\xff\xff\xff\x7f.") == []
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_a_pickle_has_a_bounded_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree(tmp_path, [ref(0)])
    monkeypatch.setattr(plain_pickle, "MAX_BYTES", 100)
    with pytest.raises(SourceError, match=r"refs\(unc\)\.p has \d+ bytes, more than 100"):
        entries(root)
    (tmp_path / "refcoco/refs(unc).p").unlink()
    with pytest.raises(SourceError, match=r"refs\(unc\)\.p is not there"):
        entries(root)


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


busy = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.slow
@busy
@given(plain_values, st.sampled_from(range(pickle.HIGHEST_PROTOCOL + 1)))
def test_plain_values_come_back(value: Any, protocol: int) -> None:
    assert plain_pickle.plain(pickle.dumps(value, protocol=protocol)) == value


@busy
@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_a_refusal(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        plain_pickle.plain(data)


def test_byte_strings_of_python_2() -> None:
    assert plain_pickle.plain(b"(lp0\n(dp1\nS'sent'\np2\nS'caf\\xe9'\np3\nsa.") == [
        {"sent": "café"}
    ]
    for protocol in (4, 5):  # saved again by Python 3, which read them as bytes
        again = pickle.dumps([{b"sent": "café".encode("latin-1"), "long": b"x" * 300}], protocol)
        assert plain_pickle.plain(again) == [{"sent": "café", "long": "x" * 300}]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variant": "refcoc"}, r"variant: 'refcoc'.*did you mean 'refcoco'"),
        ({"variant": "refcocog"}, r"by \(of refcocog\): 'unc'.*Known: google, umd"),
        ({"variant": "refcoco+", "by": "google"}, r"by \(of refcoco\+\): 'google'.*Known: unc"),
        ({"split": "testC"}, r"split \(of refcoco by unc\): 'testC'.*testA, testB"),
        ({"variant": "refcocog", "by": "google", "split": "test"}, "Known: train, val"),
        ({"variant": "refcoco", "by": "google", "split": "testA"}, "Known: test, train, val"),
        ({"variant": ["refcoco"]}, "variant"),
        ({"variant": "refcoco+"}, r"no refcoco\+/instances.json"),
        ({"by": "google"}, r"refs\(google\)\.p is not there"),
    ],
)
def test_wrong_options(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SourceError, match=message):
        entries(tree(tmp_path, [ref(0)]), **options)


def test_splits(tmp_path: Path) -> None:
    names = ("train", "val", "testA", "testB", "test")
    root = tree(tmp_path, [ref(k, split=name) for k, name in enumerate(names[:4])])
    said = {n: [e.text for e in entries(root, split=n)[0].expressions] for n in names}
    assert said["test"] == said["testA"] + said["testB"]
    assert [len(said[name]) for name in names] == [1, 1, 1, 1, 2]
    assert entries(tree(tmp_path, [ref(0)]), split="val") == []


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The miniature RefCOCO."""
    folder = tmp_path_factory.mktemp("refcoco")
    demo.write(folder, seed=3, frames=9)
    return folder


@pytest.mark.slow
def test_miniature_targets_are_the_truth(drawn: Path) -> None:
    root = Folder(str(drawn))
    shots = {int(shot.id): shot for shot in demo.truth(seed=3, frames=9)}
    refs = pickle.loads((drawn / "refcoco/refs(unc).p").read_bytes())
    keys = "ann_id category_id file_name image_id ref_id sent_ids sentences split"
    assert {" ".join(sorted(r)) for r in refs} == {keys}
    told = 0
    for split in ("train", "val", "testA", "testB"):
        for entry in entries(root, split=split):
            assert not entry.fault
            shot = shots[int(entry.id)]
            assert shot.split == split
            assert entry.files["image"].path == shot.image
            label, things = segments(root, entry), demo.things(shot)
            assert label.classes == tuple(t.name for t in sorted(things, key=annotation_number))
            by_text = {text: thing for thing in things for text in demo.expressions(thing, things)}
            for expression in entry.expressions:
                (target,) = expression.targets
                mask = label.ids == target + 1
                assert np.array_equal(mask, by_text[expression.text].mask), expression.text
                told += 1
    assert told == sum(len(r["sentences"]) for r in refs) > 30


def annotation_number(thing: demo.Seen) -> tuple[bool, int]:
    """Crowds have the high ids."""
    return thing.crowd, thing.number


@pytest.mark.slow
def test_miniature_words_are_true(drawn: Path) -> None:
    """Each phrase checked again, from pixels, by a reading of its words."""
    kinds = set()
    for shot in demo.truth(seed=3, frames=9):
        things = demo.things(shot)
        width = shot.camera.width
        for one in things:
            alike = [t for t in things if t.name == one.name and t is not one]
            middle = np.nonzero(one.mask)[1].mean()
            others = [np.nonzero(t.mask)[1].mean() for t in alike]
            for text in demo.expressions(one, things):
                words = text.removeprefix("the ").replace(one.name, "*").split()
                kinds |= set(words)
                if words[0] == one.colour:
                    assert all(t.colour != one.colour for t in alike)
                elif words in (["*"], ["only", "*"]):
                    assert not alike
                elif words[0] == "leftmost" or words[-3:] == ["to", "the", "left"]:
                    assert all(middle < other for other in others)
                elif words[0] == "rightmost" or words[-3:] == ["to", "the", "right"]:
                    assert all(middle > other for other in others)
                elif words[:3] == ["*", "on", "the"]:
                    sign = 1 if words[3] == "left" else -1
                    assert sign * middle < sign * width / 2
                    assert all(sign * other > sign * width / 2 for other in others)
                elif words[0] in ("larger", "largest", "smaller", "smallest"):
                    sizes = [int(t.mask.sum()) for t in alike]
                    big = words[0].startswith("l")
                    size = int(one.mask.sum())
                    assert all(size > s if big else size < s for s in sizes)
                    assert (len(alike) == 1) == words[0].endswith("er")
                else:
                    pytest.fail(text)
    assert kinds >= {"only", "leftmost", "rightmost", "on", "larger", "smaller"}


@pytest.mark.slow
def test_miniatures_share_their_pictures_and_ids(drawn: Path, tmp_path: Path) -> None:
    coco_demo.write(tmp_path, seed=3, frames=9)
    theirs = {e.group: e for e in coco.index(Folder(str(tmp_path)))}
    ours = [e for s in ("train", "val", "test") for e in entries(Folder(str(drawn)), split=s)]
    assert {e.group for e in ours} <= set(theirs)
    for entry in ours:
        twin = theirs[entry.group]
        one, two = drawn / entry.files["image"].path, tmp_path / twin.files["image"].path
        assert one.read_bytes() == two.read_bytes()
        assert entry.classes == twin.classes


@pytest.mark.slow
def test_held_out_images_need_refs_alone(tmp_path: Path) -> None:
    demo.write(tmp_path, seed=3, frames=8)
    root = Folder(str(tmp_path))
    found = {}
    for split in refcoco.UNC:
        wanted = [entry.group for entry in entries(root, split=split)]
        (tmp_path / "refcoco/instances.json").rename(tmp_path / "aside")
        found[split] = list(refcoco.groups(root, split=split))
        (tmp_path / "aside").rename(tmp_path / "refcoco/instances.json")
        assert found[split] == wanted
    assert all(found.values())
    assert found["test"] == sorted(found["testA"] + found["testB"])
    (tmp_path / "data").mkdir()  # the layout of the API
    (tmp_path / "refcoco").rename(tmp_path / "data" / "refcoco")
    assert list(refcoco.groups(root, split="val")) == found["val"]


def test_a_ref_that_is_no_good_is_held_out_all_the_same(tmp_path: Path) -> None:
    refs = [ref(1, sentences=None), ref(2, ann_id=999), ref(3, image_id=8), ref(4, image_id="x"), 5]
    root = tree(tmp_path, [*refs, ref(6, split="val", image_id=9)])
    assert list(refcoco.groups(root)) == ["coco:000000000007", "coco:000000000008"]


def test_every_held_out_set_is_a_choice_of_options() -> None:
    assert {"refcoco-val", "refcoco-testA", "refcoco-testB"} < refcoco.HOLDOUTS.keys()
    assert {"refcoco+-val", "refcoco+-testA", "refcoco+-testB"} < refcoco.HOLDOUTS.keys()
    assert {"refcocog-val", "refcocog-test", "refcocog-google-val"} < refcoco.HOLDOUTS.keys()
    for options in refcoco.HOLDOUTS.values():
        assert refcoco.official(**options).entries
    assert refcoco.HOLDOUTS["refcocog-val"]["by"] == "umd"


def test_the_official_release() -> None:
    for (variant, by), counts in refcoco.IMAGES.items():
        for split, count in zip(refcoco.SPLITS[variant][by], counts, strict=True):
            assert refcoco.official(variant=variant, by=by, split=split).entries == count
    for variant, total in (("refcoco", 19_994), ("refcoco+", 19_992)):  # no image is in two splits
        assert sum(refcoco.IMAGES[variant, "unc"][:4]) == total
    assert sum(refcoco.IMAGES["refcocog", "umd"]) == 25_799
    downloads = {d.path: (d.archive, d.url) for d in refcoco.official(variant="refcoco+").downloads}
    assert downloads["refcoco+/refs(unc).p"][1].endswith("/referit/data/refcoco+.zip")
    assert downloads["images/mscoco/images/train2014"][0] == "train2014.zip"
    with pytest.raises(SourceError, match=r"by \(of refcocog\)"):
        refcoco.official(variant="refcocog")
