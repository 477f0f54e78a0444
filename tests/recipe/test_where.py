"""The language of `where:`: what is a condition, and that nothing else is or runs."""

from __future__ import annotations

import pytest

from vbdata.recipe.where import fault


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "should be a condition of 1 to 2000 characters"),
        ("1 < " * 600 + "2", "should be a condition of 1 to 2000 characters"),
        ("width", "width is a number, no condition"),
        ("classes", "classes is a list, no condition"),
        ("width >=", "invalid syntax"),
        ("width > 1; height > 1", "invalid syntax"),
        ("width > 1\0", "null bytes"),
        ("heigth > 3", "did you mean 'height'?"),
        ("width.real > 1", "width.real is not allowed"),
        ("width ** 2 > 1", "width ** 2 is not allowed"),
        ("width % 2 == 1", "width % 2 is not allowed"),
        ("(width := 3) > 2", "is not allowed"),
        ("width > 1 if 1 > 0 else 2 > 1", "is not allowed"),
        ("[x for x in classes] == 1", "is not allowed"),
        ("(lambda: 1) == 1", "is not allowed"),
        ("f'{id}' == 'a'", "is not allowed"),
        ("__import__('os').system('true') == 0", "unknown function"),
        ("eval('1') == 1", "unknown function 'eval'"),
        ("open(id) == 1", "unknown function 'open'"),
        ("instances() > 1", "instances takes 1 values, got 0"),
        ("instances(name='cat') > 1", "unknown function 'instances'"),
        ("instances(id) > 1", "should be a text in quotes"),
        ("like(id, group)", "should be a text in quotes"),
        ("count(id) > 1", "id is a text, expected a list"),
        ("id < 'b'", "cannot be compared"),
        ("id == 3", "cannot be compared"),
        ("id in classes", "cannot be compared"),
        ("width is 3", "cannot be compared"),
        ("width == True", "should be a text in quotes, or a number"),
        ("width > 1e999", "should be a text in quotes, or a number"),
        ("width > 99999999999999999999", "should be a text in quotes, or a number"),
        ("width in [1, 'a']", "should be a list of texts or one of numbers"),
        ("width in []", "should be a list of texts or one of numbers"),
        ("id == b'a'", "should be a text in quotes"),
        ("(" * 900 + "1 < 2" + ")" * 900, "too many nested parentheses"),
        ("not width", "width is a number, expected a condition"),
        ("-id > 1", "id is a text, expected a number"),
    ],
)
def test_what_is_no_condition_is_refused(text: str, said: str) -> None:
    assert said in fault(text)


@pytest.mark.parametrize(
    "text",
    [
        "width >= 640 and height / width < 2",
        '"sky" in classes and instances("car") <= 3 and not like(id, "night/*")',
        'license in ["CC BY 4.0", "CC0"] or count(captions) > 1',
        "0 < width <= 9 * 3",
        "\n  width > 1\n  and height > 1\n",
    ],
)
def test_conditions_have_no_fault(text: str) -> None:
    assert fault(text) == ""
