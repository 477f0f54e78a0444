"""What the descriptions of a build share: names of its shards, members of a sample, licences."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from vbdata.core import members as names
from vbdata.layout import DIGEST_LENGTH
from vbdata.manifest.json_text import json_pieces

SPDX = re.compile(r"CC-BY(-NC)?(-SA|-ND)?-\d\.\d|CC0-1\.0|MIT|Apache-2\.0|BSD-[23]-Clause")


MEDIA = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
TEXTS = {
    names.INSTRUCTION: ("text/plain", "the prompt, UTF-8"),
    names.FACTS: ("application/json", "facts of the sample, the same keys in all"),
}


class SampleMember(NamedTuple):
    """A member of samples: a file KEY.extension in their tar. samples: how many have it."""

    extension: str
    media_type: str
    meaning: str
    samples: int

    @property
    def is_image(self) -> bool:
        """Whether it holds pixels."""
        return self.media_type.startswith("image/")


def inputs(manifest: Mapping[str, Any]) -> list[str]:
    """The extensions that inputs have in a build: "input.jpg" or "input.png".

    Both where some are photographs and some are drawn (vbdata.core.reversal).
    """
    return _of_role(manifest, names.INPUT)


def _input_extension(manifest: Mapping[str, Any]) -> str:
    """The extension of photographs that are inputs, the same in a whole build."""
    return names.picture(names.INPUT, manifest["recipe"]["image"]["input"])


def members(manifest: Mapping[str, Any]) -> tuple[SampleMember, ...]:
    """The members that samples have, in the order in which they lie in the tar."""
    counts = manifest.get("members") or dict.fromkeys(
        (_input_extension(manifest), *TEXTS, names.LABEL, names.VALID), manifest["samples"]
    )
    return tuple(_member(name, counts[name]) for name in sorted(counts))


def _member(name: str, samples: int) -> SampleMember:
    if name in TEXTS:
        return SampleMember(name, *TEXTS[name], samples)
    return SampleMember(name, MEDIA[names.kind(name)], _meaning(name), samples)


def _meaning(name: str) -> str:
    """What a picture among the members is, in a few words."""
    if name == names.VALID:
        return "mask: 255 where the target has a label, else 0; none: all of it is valid"
    if name == names.LABEL:
        return "the answer as RGB; its colours are the label"
    if names.is_reference(name):
        return "a further picture that the prompt refers to, of a size of its own"
    if names.role(name) == names.INPUT:
        return "input image; black if the task needs none"
    return "the answer: a photograph, as its file is or encoded once"


def targets(manifest: Mapping[str, Any]) -> list[str]:
    """The extensions that targets have in a build, such as ["target.jpg", "target.png"]."""
    return _of_role(manifest, names.TARGET)


def _of_role(manifest: Mapping[str, Any], role: str) -> list[str]:
    found = [member.extension for member in members(manifest)]
    return [name for name in found if names.role(name) == role]


def references(manifest: Mapping[str, Any]) -> list[str]:
    """The extensions that references have in a build, in their order; mostly none."""
    return names.references([member.extension for member in members(manifest)])


def short_digest(manifest: Mapping[str, Any]) -> str:
    """The first digits of the build's digest, as they stand in the shards' path."""
    return str(manifest["build_sha256"][:DIGEST_LENGTH])


def shard_folder(manifest: Mapping[str, Any]) -> str:
    """The folder of the shards, relative to that of the build."""
    return posixpath.dirname(manifest["shards"][0]["tar"])


def braces(manifest: Mapping[str, Any]) -> str:
    """All shards as one pattern with braces ({00000..00002}), as webdataset and energon read it."""
    count, split = len(manifest["shards"]), manifest["split"]
    numbers = f"{{00000..{count - 1:05d}}}"
    return f"{shard_folder(manifest)}/{split}-{numbers}-of-{count:05d}.tar"


def glob(manifest: Mapping[str, Any]) -> str:
    """All shards as a glob, which matches no .tar.idx."""
    return f"{shard_folder(manifest)}/{manifest['split']}-*.tar"


def licence_url(name: str) -> str:
    """The page of a licence at spdx.org, or its name if it is not the name of one there."""
    return f"https://spdx.org/licenses/{name}.html" if SPDX.fullmatch(name) else name


def lost(line: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """What a source lost while the rest of its records is used: what it is, how many.

    line: the source's of the manifest; one of before, which does not say it, has nothing.
    """
    for role, count in line.get("missing", {}).items():
        yield f"records without their {role} file", count
    for reason, count in line.get("left_out", {}).items():
        yield f"annotations left out: {reason}", count
    for what, count in line.get("filtered", {}).items():
        yield f"by its filters: {what}", count


def summary(manifest: Mapping[str, Any]) -> str:
    """What the build is, in one sentence."""
    tasks = sorted({cell["task"] for cell in manifest["cells"] if cell["realised"]})
    return (
        f"{manifest['samples']} instruction-following image pairs ({', '.join(tasks)}): an input "
        "image, an instruction, and an RGB image that is the answer and decodes to the label."
    )


def json_text(value: Any) -> Iterator[bytes]:
    """A value as JSON, in pieces; keys keep their order."""
    return json_pieces(value)
