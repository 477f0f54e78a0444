"""What is taken out of texts, and what looks like it but shapes what is seen."""

from __future__ import annotations

import pytest

from vbdata.core.texts import seen

ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\0 cat", "a cat"),
        ("a\u202ecat\u202c", "acat"),
        ("a \u2066cat\u2069\u200f", "a cat"),
        ("a\u200b cat\ufeff", "a cat"),
        ("a\u2060\u00adcat\x07\x1b[0m", "acat[0m"),
        ("a\ncat\r\n\ton\x1fa\u2028mat\x85", "a cat on a mat"),
        ("cat\U000e0041\U000e0042", "cat"),
        ("ca\u200dt\u200c", "cat"),
        ("a\udcffcat", "acat"),
        ("\u3164\u2800", ""),
        ("\u200b", ""),
    ],
)
def test_what_nobody_sees_is_left_out(text: str, said: str) -> None:
    assert seen(text) == said


@pytest.mark.parametrize(
    "text",
    [
        "a cat",
        "نمی\u200cکنم",
        "क्\u200dष",
        "\U0001f469\u200d\U0001f680 in space",
        "\u2764\ufe0f\u200d\U0001f525",
        "1\ufe0f\u20e3 cat",
        "葛\U000e0100",
        f"{ENGLAND} flags",
        "日本語 עברית",
        "\ue000",
    ],
)
def test_what_shapes_its_neighbours_stays(text: str) -> None:
    assert seen(text) == text
    assert seen(f"\u200b {text}\0") == text


def test_one_joiner_and_one_selector_are_enough() -> None:
    assert seen("é\u200d\u200d\u200dé") == "éé"
    assert seen("\u2764\ufe0f\ufe0e\ufe0f") == "\u2764\ufe0f"
