"""The files of a sample by extension, "input.jpg" of KEY.input.jpg; no other place decides them.

    input.KIND         jpg or png, the same in a whole build, but png where the input is drawn
    instruction.txt    the prompt
    json               facts
    target.KIND        png of an encoded label; jpg, png or webp of a photograph
    valid.png          which pixels of the target have a label; not beside a photograph, where all
                       are valid, unless the recipe's `image.target` is png
    reference1.KIND    further pictures of the question, up to MOST: jpg, png or webp

What stands before the first dot is a member's role; no sample has two members of one role. With
`image.target: png` every target is target.png and every sample has the same five members.
"""

from __future__ import annotations

from collections.abc import Collection

INSTRUCTION, FACTS, VALID, LABEL = "instruction.txt", "json", "valid.png", "target.png"
DRAWN_INPUT = "input.png"  # of a task the other way round (vbdata.core.reversal)
INPUT, TARGET, REFERENCE = "input", "target", "reference"
KINDS = ("jpg", "png", "webp")  # of pictures that may stand in a build as their files are
ALWAYS = frozenset((INPUT, "instruction", FACTS, TARGET))  # the roles that every sample has
REFERENCES = "references"  # in a sample's params: how many it has, where it has any
MOST = 9  # references of a sample: one digit, so that their names sort by number


def role(name: str) -> str:
    """The role of a member: "target" of "target.png"."""
    return name.partition(".")[0]


def kind(name: str) -> str:
    """The kind of file that a member is: "png" of "target.png"."""
    return name.rpartition(".")[2]


def picture(of: str, kind: str) -> str:
    """The name of a picture in a role: "target.png" for ("target", "png")."""
    return f"{of}.{kind}"


def named(names: Collection[str], of: str) -> str:
    """The member of a role among a sample's, "" if there is none."""
    return next((name for name in names if role(name) == of), "")


def references(names: Collection[str]) -> list[str]:
    """The references among a sample's members, in their order."""
    return sorted(name for name in names if is_reference(name))


def is_reference(name: str) -> bool:
    """Whether a member is a reference."""
    number = role(name).removeprefix(REFERENCE)
    return name.startswith(REFERENCE) and number in "123456789" and len(number) == 1


def expected(names: Collection[str], input_kind: str, whole: bool, references: int) -> list[str]:
    """The members that a sample must have, in their order in the tar.

    names: those that it has, which say of which kind a photograph is; input_kind: jpg or png;
    whole: whether target.png and valid.png are both among them, as beside encoded labels;
    references: how many it has.
    """
    roles = [f"{REFERENCE}{number}" for number in range(1, references + 1)]
    free = roles if whole else [TARGET, *roles]
    pictures = [picture(of, _kind_there(names, of)) for of in free]
    return sorted(
        [picture(INPUT, input_kind), INSTRUCTION, FACTS, *pictures, *([LABEL, VALID] * whole)]
    )


def _kind_there(names: Collection[str], of: str) -> str:
    """The kind of a role's picture, the first of KINDS unless a member of another one is there."""
    return next((kind for kind in KINDS if picture(of, kind) in names), KINDS[0])
