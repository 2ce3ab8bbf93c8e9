"""The page: self-contained, escaped, complete, and the same for the same input."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise

import matplotlib as mpl
import pytest
from report_samples import history, pictures, png, probe, result

from graft.report import render_html, render_markdown, summarize
from graft.types import Json

HOSTILE = '<script>alert("x")</script> & $\\frac{1}{0}$ --> 日本'
VOID = {"meta", "img", "link", "br", "hr", "input", "source", "base", "col", "wbr"}


class Page(HTMLParser):
    """Collects what the tests ask about."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "svg", "script"} & set(self.open):
            self.words.append(data)

    def values(self, *names: str) -> list[str]:
        return [value for _, name, value in self.attributes if name in names]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def renamed(built: Json, old: str, new: str) -> Json:
    """The result with one class called otherwise, everywhere."""
    for row in [*built["per_class"], *built["errors"], *built["samples"]]:
        for key in ("label", "predicted"):
            if row.get(key) == old:
                row[key] = new
    built["labels"] = [new if label == old else label for label in built["labels"]]
    for counts in built["class_counts"].values():
        counts[new] = counts.pop(old)
    return built


@pytest.fixture(scope="module")
def summary() -> Json:
    built = renamed(result(classes=6), "class-3", HOSTILE)
    return summarize(built, history()[:4], pictures(8))


@pytest.fixture(scope="module")
def source(summary: Json) -> str:
    return render_html(summary)


@pytest.fixture(scope="module")
def page(source: str) -> Page:
    return Page(source)


def test_page_is_well_formed_and_has_no_script(page: Page) -> None:
    assert page.open == []
    assert "script" not in page.tags
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]


def test_page_asks_for_nothing_outside_itself(page: Page, source: str) -> None:
    addresses = page.values("src", "href", "xlink:href", "srcset", "action")
    assert addresses
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert not {"link", "iframe", "object", "embed", "base"} & set(page.tags)
    assert "http" not in source
    assert re.findall(r"url\((?!#)", source) == []
    assert "@import" not in source


def test_every_inner_address_has_one_target(page: Page, source: str) -> None:
    names = page.values("id")
    targets = [value[1:] for value in page.values("href", "xlink:href") if value.startswith("#")]
    targets += re.findall(r"url\(#([^)]+)\)", source)
    assert set(targets) <= set(names)
    assert len(names) == len(set(names))


def test_class_name_with_markup_is_shown_as_text(page: Page, source: str) -> None:
    assert "<script" not in source
    assert HOSTILE in page.text
    assert any(HOSTILE in alt for alt in page.values("alt"))


def test_every_picture_and_chart_has_words_for_it(page: Page) -> None:
    images = page.tags.count("img")
    assert images == 8 + 6
    assert len([alt for alt in page.values("alt") if alt]) == images
    roles = [value for tag, name, value in page.attributes if (tag, name) == ("svg", "role")]
    assert roles == ["img"] * page.tags.count("svg")
    assert page.tags.count("svg") == 4 + 2 + 1 + 1


def test_headings_descend_without_gaps(page: Page) -> None:
    levels = [int(tag[1]) for tag in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


def test_same_input_gives_same_bytes_whatever_matplotlib_is_set_to(source: str) -> None:
    built = renamed(result(classes=6), "class-3", HOSTILE)
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "red", "svg.fonttype": "path"}):
        assert render_html(summarize(built, history()[:4], pictures(8))) == source


def test_rendering_leaves_matplotlib_settings_alone(summary: Json) -> None:
    before = dict(mpl.rcParams)
    render_html({**summary, "sections": summary["sections"][2:3]})
    assert dict(mpl.rcParams) == before


def test_drawings_follow_the_page_in_light_and_dark(source: str) -> None:
    drawings = re.findall(r"<svg.*?</svg>", source, flags=re.DOTALL)
    colours = {
        colour for svg in drawings for colour in re.findall(r"(?:fill|stroke): ([^;\"]+)", svg)
    }
    names = ("ink", "muted", "line", "accent", "second", "on-accent")
    assert colours <= {"none", *(f"var(--{name})" for name in names)}
    assert "prefers-color-scheme: dark" in source


def test_page_with_thirty_large_pictures_stays_light() -> None:
    built = {name: result(errors=30)[name] for name in ("errors", "samples")}
    large = dict.fromkeys(pictures(30, side=8), png(0, side=400))
    assert sum(map(len, large.values())) > 3_000_000
    text = render_html(summarize(built, [], large))
    assert Page(text).tags.count("img") == 40
    assert len(text.encode()) < 3_000_000


@pytest.mark.parametrize(
    ("built", "rows"), [(result(classes=3), history()[:6]), (probe(), [])], ids=["full", "probe"]
)
def test_page_and_markdown_carry_the_same_figures(built: Json, rows: list[Json]) -> None:
    told = summarize(built, rows, {})
    told["sections"] = [_without_drawings(section) for section in told["sections"]]
    digits = re.compile(r"\d[\d,.]*\d|\d")
    page = render_html(told).replace(f"<title>graft report: {told['title']}</title>", "")
    page = re.sub("<footer>.*</footer>", "", page)
    assert Counter(digits.findall(Page(page).text)) == Counter(
        digits.findall(render_markdown(told))
    )


def _without_drawings(section: Json) -> Json:
    drawn = ("charts", "strip")  # whose numbers stand in tables of their own
    return {**section, "blocks": [b for b in section["blocks"] if b["kind"] not in drawn]}


def test_texts_are_not_told_of_pixels() -> None:
    built = result()
    assert "pixels" in Page(render_html(summarize(built, history(), {}))).text
    built["preprocess"] = {
        "modality": "text",
        "max_length": 256,
        "long": "head-tail",
        "pooling": "unit-mean",
    }
    shown = Page(render_html(summarize(built, history(), {}))).text
    assert "at most 256 tokens, longer texts: head-tail, pooling: unit-mean" in shown
