"""The report in a real browser: nothing is fetched, logged or run, and all of it is seen."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.chromium import Chromium, needs_chromium
from tests.helpers.pages import changed
from tests.view.test_report import FEW, HOSTILE
from vbdata.storage.folder import Folder
from vbdata.view.report.page import page

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(scope="module")
def report(demo_build: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_bytes(page(Folder(str(demo_build)), FEW))
    return file.as_uri()


def foreign(browser: Chromium) -> list[str]:
    """What the page asked for besides itself."""
    return [url for url in browser.requested if not url.startswith(("data:", "file:"))]


def test_every_picture_is_drawn_and_nothing_is_fetched(browser: Chromium, report: str) -> None:
    browser.window(1280, 900)
    browser.open(report)
    assert browser.value("document.images.length") > 3 * FEW.samples * 8
    assert browser.value("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    sizes = "[...document.images].filter(i => i.hasAttribute('width'))"
    assert browser.value(f"{sizes}.every(i => i.naturalWidth == i.getAttribute('width'))")
    assert browser.logged == []
    assert foreign(browser) == []
    assert [url for url in browser.requested if url.startswith("file:")] == [report]


def test_the_driver_sees_what_a_bad_page_does(browser: Chromium, tmp_path: Path) -> None:
    """Else the test above proves nothing."""
    bad = tmp_path / "bad.html"
    bad.write_text("<img src='http://127.0.0.1:9/x.png'><script>console.log('ran')</script>")
    browser.open(bad.as_uri())
    assert foreign(browser) == ["http://127.0.0.1:9/x.png"]
    assert any("ran" in line for line in browser.logged)
    assert not browser.value("[...document.images].every(i => i.naturalWidth > 0)")


def test_the_policy_stops_what_an_escape_would_let_in(
    browser: Chromium, report: str, tmp_path: Path
) -> None:
    html = Path(report.removeprefix("file://")).read_text()
    attack = "<img src='http://127.0.0.1:9/x.png'><script>window.pwned = 1</script>"
    attacked = tmp_path / "attacked.html"
    attacked.write_text(html.replace("<main>", f"<main>{attack}"))
    browser.open(attacked.as_uri())
    assert browser.value("document.scripts.length") == 1
    assert browser.value("window.pwned === undefined")
    assert sum("Content Security Policy" in line for line in browser.logged) == 2


def test_hostile_texts_are_shown_and_not_run(
    browser: Chromium, demo_build: Path, tmp_path: Path
) -> None:
    def attack(row: dict[str, object]) -> None:
        row |= {"instruction": HOSTILE, "sample_id": HOSTILE, "license": HOSTILE}

    copy = changed(demo_build, tmp_path / "hostile", attack)
    (tmp_path / "hostile.html").write_bytes(page(Folder(str(copy)), FEW))
    browser.open((tmp_path / "hostile.html").as_uri())
    assert browser.value("document.scripts.length") == 0
    assert browser.value("window.pwned === undefined")
    assert browser.value("document.querySelectorAll('[onerror]').length") == 0
    assert "<script>window.pwned=1</script>" in browser.value("document.body.innerText")
    assert browser.logged == []
    assert foreign(browser) == []


@pytest.mark.parametrize("width", [320, 400, 768, 1280, 2560])
def test_it_fits_every_window(browser: Chromium, report: str, width: int) -> None:
    browser.window(width, 900)
    browser.open(report)
    assert browser.value("document.documentElement.scrollWidth") <= width
    wide = (
        "[...document.querySelectorAll('h1, h2, p, pre, summary, figure, .sample, .wide, dl')]"
        f".filter(e => e.getBoundingClientRect().right > {width} + 1).map(e => e.outerHTML)"
    )
    assert browser.value(wide) == []


def test_dark_and_light(browser: Chromium, report: str) -> None:
    """The paper's colour follows the reader's; texts stand out from it by at least 4.5 to 1."""
    papers = {}
    for scheme in ("light", "dark"):
        browser.window(1000, 600, scheme)
        browser.open(report)
        pixels = np.asarray(Image.open(io.BytesIO(browser.screenshot())).convert("L"))
        papers[scheme] = int(pixels[5, 5])
        for selector in ("body", ".faint", "a", "tbody th", "code"):
            colour, paper = (
                browser.value(f"getComputedStyle(document.querySelector('{of}')).{name}")
                for of, name in ((selector, "color"), ("body", "backgroundColor"))
            )
            assert contrast(colour, paper) >= 4.5, (scheme, selector)
    assert papers["light"] > 240
    assert papers["dark"] < 40


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, of two `rgb(r, g, b)`."""
    lights = []
    for text in (one, other):
        c = np.array([float(v) / 255 for v in text[text.index("(") + 1 : -1].split(",")[:3]])
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        lights.append(float(linear @ [0.2126, 0.7152, 0.0722]))
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def test_filters_work_without_a_script(browser: Chromium, report: str) -> None:
    browser.window(1280, 900)
    browser.open(report)
    seen = "[...document.querySelectorAll('.sheet')].filter(e => e.offsetHeight > 0).length"
    assert browser.value(seen) == 8
    browser.value(
        "[...document.querySelectorAll('label')].find(l => l.innerText.trim() == 'kitti').click()"
    )
    assert browser.value(seen) == 7
    browser.value(
        "[...document.querySelectorAll('label')].find(l => l.innerText.trim() == 'depth').click()"
    )
    assert browser.value(seen) == 6


def test_it_prints(browser: Chromium, report: str) -> None:
    browser.open(report)
    assert browser.pdf().startswith(b"%PDF")
