"""Damage to arrays and tables of numbers that stays inside their formats. Seeded."""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Callable
from random import Random
from typing import Any

import h5py
import numpy as np

from tests.helpers.fuzzing.files import HTML
from tests.helpers.fuzzing.values import exploits


def npy(data: bytes, rng: Random, outside: str) -> tuple[bytes, str]:
    """An array of another shape or type, values that are none, or a header that says too much."""
    array = np.load(io.BytesIO(data))
    spots = rng.sample(range(array.size), min(array.size, 5))
    shape, kind = repr(array.shape), repr(array.dtype.str)

    def header(shape: str = shape, kind: str = kind, order: str = "False", rest: str = "") -> bytes:
        text = f"{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}{rest}}}\n".encode()
        return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + array.tobytes()

    kinds: dict[str, Callable[[], bytes]] = {
        "flat": lambda: _npy(array.ravel()),
        "turned": lambda: _npy(np.ascontiguousarray(array.swapaxes(0, -1))),
        "columns": lambda: _npy(np.asfortranarray(array)),
        "double": lambda: _npy(array.astype(np.float64)),
        "big-endian": lambda: _npy(array.astype(array.dtype.newbyteorder(">"))),
        "integers": lambda: _npy(array.astype(np.int32)),
        "complex": lambda: _npy(array.astype(np.complex64)),
        "records": lambda: _npy(np.zeros(array.shape, [("a", "f4")])),
        "empty": lambda: _npy(array[:0]),
        "scalar": lambda: _npy(np.array(1.0, np.float32)),
        "text": lambda: _npy(array.astype("U8")),
        "objects": lambda: _objects(outside),
        "version 3": lambda: b"\x93NUMPY\3" + data[7:],
        "huge": lambda: header("(10000000, 10000000)"),
        "negative": lambda: header("(-1, 5)"),
        "overflow": lambda: header("(4294967296, 4294967296)"),
        "call": lambda: header("__import__('os').system('x')"),
        "order": lambda: header(order="True"),
        "a key more": lambda: header(rest=", 'x': 1"),
        "a list": lambda: header(str(list(array.shape))),
        "true": lambda: header("(True, 5)"),
        "deep": lambda: header("(" * 5000 + ")" * 5000),
        "long header": lambda: b"\x93NUMPY\2\0\xff\xff\xff\x7f" + data[10:],
        **{
            f"{value}": lambda value=value: _npy(_with(array, spots, value))
            for value in (np.nan, np.inf, -np.inf, -1.0, 1e30, 0.0)
        },
        "all nan": lambda: _npy(_with(array, slice(None), np.nan)),
    }
    name = rng.choice(sorted(kinds))
    return kinds[name](), name


def exr(data: bytes, rng: Random, outside: str) -> tuple[bytes, str]:
    """Other channels, types or windows of the pixels of an EXR, and values that are none."""
    import OpenEXR

    whole = OpenEXR.File(io.BytesIO(data), separate_channels=True)
    planes = {name: channel.pixels for name, channel in whole.channels().items()}
    first = next(iter(planes.values()))

    def put(channels: dict[str, np.ndarray]) -> bytes:
        buffer, kind = io.BytesIO(), OpenEXR.scanlineimage
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": kind}
        OpenEXR.File(header, channels).write(buffer)
        return buffer.getvalue()

    spots = rng.sample(range(first.size), 5)
    kinds: dict[str, Callable[[], bytes]] = {
        "one channel": lambda: put({"Y": first}),
        "names": lambda: put({f"N.{k}": v for k, v in zip("XYZ", planes.values(), strict=False)}),
        "strange names": lambda: put({f"{name}'s": plane for name, plane in planes.items()}),
        "half": lambda: put({name: plane.astype(np.float16) for name, plane in planes.items()}),
        "whole": lambda: put({n: np.abs(p).astype(np.uint32) for n, p in planes.items()}),
        "smaller": lambda: put({name: plane[:5, :7].copy() for name, plane in planes.items()}),
        **{
            f"{value}": lambda value=value: put(
                {name: _with(plane, spots, value) for name, plane in planes.items()}
            )
            for value in (np.nan, np.inf, -np.inf, 1e30, 0.0)
        },
        "all nan": lambda: put({n: np.full_like(plane, np.nan) for n, plane in planes.items()}),
    }
    name = rng.choice(sorted(kinds))
    return kinds[name](), name


def floats(data: bytes, rng: Random, outside: str) -> tuple[bytes, str]:
    """Raw float32 numbers with some that are none, one number more, or a byte less."""
    array = np.frombuffer(data, np.float32).copy()
    kinds: dict[str, Callable[[], bytes]] = {
        "byte less": lambda: data[:-1],
        "number more": lambda: data + b"\0\0\x80?",
        "swapped": lambda: array.byteswap().tobytes(),
        "double": lambda: array.astype(np.float64).tobytes(),
        **{
            f"{value}": lambda value=value: _with(array, slice(None, None, 7), value).tobytes()
            for value in (np.nan, np.inf, -np.inf, -1.0, 1e30, 0.0)
        },
        "all infinite": lambda: np.full_like(array, np.inf).tobytes(),
    }
    name = rng.choice(sorted(kinds))
    return kinds[name](), name


def floats_with_header(data: bytes, rng: Random, outside: str) -> tuple[bytes, str]:
    """Raw numbers behind a header of some bytes (DPT, PFM, .cam), as `floats` changes them."""
    start = len(data) % 4 + 4 * rng.choice((0, 3, 5))
    changed, done = floats(data[start:], rng, outside)
    return data[:start] + changed, done


def mat(data: bytes, rng: Random, outside: str) -> tuple[bytes, str]:
    """A file of MATLAB: of level 7.3 as HDF5, of level 5 with a tag of another type or size."""
    if not data.startswith(b"MATLAB 5.0"):
        return hdf5(data, rng, outside)
    at = 128 + 4 * rng.randrange(min(16, (len(data) - 128) // 4))
    value = rng.choice((0, 1, 7, 14, 15, 1 << 16, (4 << 16) + 1, 1 << 31, 0xFFFFFFFF))
    return data[:at] + value.to_bytes(4, "little") + data[at + 4 :], f"tag at {at}: {value}"


def _with(array: np.ndarray, spots: Any, value: float) -> np.ndarray:
    if array.dtype.kind in "iub":
        value = 1 if value != value else int(np.clip(value, 0, 255))
    array = array.copy()
    array.reshape(-1)[spots] = value
    return array


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _objects(outside: str) -> bytes:
    text = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}\n"
    head = b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text
    return head + exploits(f"{outside}/touched")["reduce 2"]


def hdf5(data: bytes, rng: Random, outside: str) -> tuple[bytes, str]:
    """One of the file's datasets replaced by another, by a link, or by a claim."""
    buffer = io.BytesIO(data)
    with h5py.File(buffer, "r+") as file:
        names: list[str] = []
        file.visit(
            lambda name: names.append(name) if isinstance(file[name], h5py.Dataset) else None
        )
        name = rng.choice(sorted(names))
        array = file[name][()]
        del file[name]
        kinds = _links(file, name, outside) | _arrays(file, name, array, rng, outside)
        act = rng.choice(sorted(kinds))
        try:
            kinds[act]()
        except (ValueError, TypeError, OSError, RuntimeError, KeyError) as err:
            act = f"{act}: none ({type(err).__name__})"
    return buffer.getvalue(), f"{name}: {act}"


def _links(file: Any, name: str, outside: str) -> dict[str, Callable[[], Any]]:
    layout = h5py.VirtualLayout((4, 4), np.float16)
    layout[:] = h5py.VirtualSource(f"{outside}/file.hdf5", "dataset", (4, 4), np.float16)
    return {
        "gone": lambda: None,
        "external link": lambda: file.update(
            {name: h5py.ExternalLink(f"{outside}/file.hdf5", "x")}
        ),
        "upward link": lambda: file.update({name: h5py.ExternalLink("../secret/file.hdf5", "x")}),
        "soft link": lambda: file.update({name: h5py.SoftLink("/nowhere")}),
        "link to itself": lambda: file.update({name: h5py.SoftLink(f"/{name}")}),
        "group": lambda: file.create_group(name),
        "virtual": lambda: file.create_virtual_dataset(name, layout),
    }


def _arrays(
    file: Any, name: str, array: Any, rng: Random, outside: str
) -> dict[str, Callable[[], Any]]:
    def put(value: Any = array, **options: Any) -> Callable[[], Any]:
        return lambda: file.create_dataset(name, data=value, **options)

    def claim(shape: tuple[int, ...], **options: Any) -> Callable[[], Any]:
        return lambda: file.create_dataset(name, shape, array.dtype, **options)

    stored = [(f"{outside}/file.hdf5", 0, h5py.h5f.UNLIMITED)]
    kinds = {
        "stored outside": claim(array.shape, external=stored),
        "claimed": claim((10**6, 10**6)),
        "claimed in chunks": claim((10**6, 10**6), chunks=(1000, 1000), compression="gzip"),
        "never written": claim(array.shape, chunks=True),
        "huge chunk": claim((10**5,) * 2, chunks=(20_000, 20_000), compression="gzip"),
        "scalar": put(1.0),
        "text": put("x" * 100),
        "flat": put(array.ravel()),
        "a row less": put(array[:-1]),
        "an axis more": put(array[None]),
        "empty": put(h5py.Empty("f4")),
        "lzf": put(chunks=True, compression="lzf"),
        "shuffled": put(chunks=True, shuffle=True, compression="gzip"),
        "summed": put(chunks=True, fletcher32=True),
        "objects": put(np.array([pickle.dumps(1)], object), dtype=h5py.special_dtype(vlen=bytes)),
    }
    if array.dtype.kind in "iuf":
        kinds |= {
            f"as {kind}": put(array.astype(kind))
            for kind in ("<f8", ">f2", "<f4", "<i4", "u1", "?")
        }
        spot = rng.randrange(max(1, array.size))
        for value in (np.nan, np.inf, -1, 30_000):
            kinds[f"{value}"] = put(_with(array, spot, value) if array.size else array)
        kinds["all negative"] = put(np.full_like(array, -1 if array.dtype.kind != "u" else 0))
    return kinds


def parquet(data: bytes, rng: Random, outside: str) -> tuple[bytes, str]:
    """A Parquet file with one column of other values, types or names."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = pq.read_table(io.BytesIO(data))
    at = rng.randrange(found.num_columns)
    name, values = found.column_names[at], found.column(at).to_pylist()
    row = rng.randrange(max(1, len(values)))
    texts = [None, "", "x" * 100_000, f"{outside}/x", "../secret/x", HTML]
    other: dict[str, Callable[[], Any]] = {
        "none": lambda: pa.nulls(len(values)),
        "numbers": lambda: pa.array(range(len(values))),
        "not numbers": lambda: pa.array([float("nan")] * len(values)),
        "lists": lambda: pa.array([[1, 2]] * len(values)),
        "one value": lambda: pa.array(_put(values, row, rng.choice(texts))),
        "one empty": lambda: pa.array(_put(values, row, None)),
        "texts": lambda: pa.array([str(v)[:20] for v in values]),
        "bytes": lambda: pa.array([str(v)[:20].encode() for v in values]),
        "dates": lambda: pa.array([0] * len(values), pa.timestamp("ns")),
    }
    act = rng.choice([*sorted(other), "twice", "gone", "renamed", "no rows"])
    try:
        if act in other:
            found = found.set_column(at, name, other[act]())
        elif act == "twice":
            found = found.append_column(name, found.column(at))
        elif act == "gone":
            found = found.remove_column(at)
        elif act == "renamed":
            found = found.rename_columns(
                [f"{n}x" if k == at else n for k, n in enumerate(found.column_names)]
            )
        else:
            found = found.slice(0, 0)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as err:
        act = f"{act}: none ({type(err).__name__})"
    buffer = io.BytesIO()
    packing = rng.choice(("snappy", "gzip", "zstd", "brotli", "lz4", "none"))
    pq.write_table(found, buffer, compression=packing, use_dictionary=rng.random() < 0.5)
    return buffer.getvalue(), f"{name}: {act}, {packing}"


def _put(values: list[Any], row: int, value: Any) -> list[Any]:
    return [value if k == row else old for k, old in enumerate(values)]
