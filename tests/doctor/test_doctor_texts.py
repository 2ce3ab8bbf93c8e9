"""Planted faults in texts are found and named; clean sets raise no alarm."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import rankdata

import graft
from graft.checkup import Checkup
from graft.data import Examples
from graft.data import read as read_data
from graft.data.texts import Text
from graft.doctor import Finding
from graft.doctor.checks import telltale_texts
from graft.doctor.text_look import WORD, language_of, plain
from graft.doctor.text_similarity import near_texts

Rows = list[dict[str, str]]
Tiny = Callable[[str], Path]

SYLLABLES = ("ba", "ke", "li", "mo", "nu", "ra", "se", "ti", "vo", "za")
TOPICS = {"music": "melody", "sport": "goal", "law": "court"}


def sentence(seed: int, topic: str, words: int = 12) -> str:
    """Words of an invented language, a few of them the topic's; unlike that of any other seed."""
    random = np.random.default_rng(seed)
    made = ["".join(random.choice(SYLLABLES, 3)) for _ in range(words)]
    if seed % 3:
        made[seed % words] = TOPICS[topic]
    return " ".join(made).capitalize() + "."


def clean_rows() -> Rows:
    """A declared split of three classes, nothing wrong."""
    rows: Rows = []
    for part, count in (("train", 25), ("test", 20)):
        for topic in TOPICS:
            for _ in range(count):
                seed = len(rows)
                rows.append({"text": sentence(seed, topic, 8 + seed % 7), "label": topic})
                rows[-1] |= {"split": part, "author": f"author{seed}"}
    return rows


def write(path: Path, rows: Rows) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


@pytest.fixture
def examine(tmp_path: Path, tiny_encoder: Tiny) -> Callable[..., Checkup]:
    """`examine(rows, **options)`: the doctor's word on a table, with a tiny encoder."""

    def check(rows: Rows, **options: str) -> Checkup:
        path, encoder = write(tmp_path / "texts.csv", rows), str(tiny_encoder("bert"))
        return graft.doctor(path, backbone=encoder, rehearse=False, **options)  # type: ignore[arg-type]

    return check


def found(checkup: Checkup) -> dict[str, Finding]:
    return {finding.check: finding for finding in checkup.findings}


def test_clean_texts_have_no_findings(examine: Callable[..., Checkup]) -> None:
    checkup = examine(clean_rows(), group="author")
    assert checkup.findings == ()
    assert checkup.columns["text"]["role"] == "input"
    assert len(checkup.columns["text"]["examples"]) == 3


def copy(rows: Rows) -> None:
    rows[10]["text"] = rows[0]["text"]


def leak(rows: Rows) -> None:
    rows[80]["text"] = rows[0]["text"]


def conflict(rows: Rows) -> None:
    rows[30]["text"] = rows[0]["text"]


def louder(rows: Rows) -> None:
    rows[80]["text"] = rows[0]["text"].upper().replace(".", "!!")


def one_word_more(rows: Rows) -> None:
    words = (sentence(500, "music", 20), sentence(501, "music", 1))
    rows[0]["text"], rows[80]["text"] = words[0], f"{words[0]} {words[1]}"


def near_at_home(rows: Rows) -> None:
    rows[10]["text"] = rows[0]["text"].lower()


def shared_author(rows: Rows) -> None:
    rows[80]["author"] = rows[0]["author"]


def empty(rows: Rows) -> None:
    rows[3]["text"] = "   "


def punctuation(rows: Rows) -> None:
    rows[3]["text"] = "?!... --"


def placeholder(rows: Rows) -> None:
    rows[3]["text"] = "N/A"


def garbled(rows: Rows) -> None:
    rows[3]["text"] = "Ein schöner Tag für Käse".encode().decode("cp1252")


def replaced(rows: Rows) -> None:
    rows[3]["text"] = "Ein sch\ufffdner Tag"


def book(rows: Rows) -> None:
    rows[3]["text"] = sentence(600, "music", 200)


def telltale_length(rows: Rows) -> None:
    for number, row in enumerate(rows):
        if row["label"] == "law":
            row["text"] += " " + sentence(700 + number, "law", 15)


def shouting(rows: Rows) -> None:
    for row in rows:
        if row["label"] == "law":
            row["text"] = row["text"].upper()


def telltale_language(rows: Rows) -> None:
    for row in rows:
        german = row["label"] == "law"
        row["text"] += " das ist nicht für die" if german else " that is not for the from"


def label_inside(rows: Rows) -> None:
    for row in rows:
        row["text"] = f"{row['label']}: {row['text']}"


def mark(rows: Rows) -> None:
    for row in rows:
        row["text"] += " #42" if row["label"] == "law" else ""


def few_words(rows: Rows) -> None:
    for number, row in enumerate(rows):
        row["remark"], row["text"] = row["text"], f"id{number}"


def numbers(rows: Rows) -> None:
    for number, row in enumerate(rows):
        row["text"] = str(number)


def constant(rows: Rows) -> None:
    for row in rows:
        row["source"] = "web"


def tiny_class(rows: Rows) -> None:
    rows[0]["label"] = "rare"


def spelling(rows: Rows) -> None:
    for row in rows[:6]:
        row["label"] = "Music "
        row["label"] = "MUSIC"


def html(rows: Rows) -> None:
    for row in rows[::4]:
        row["text"] += "<br />"


PLANTS: tuple[tuple[Callable[[Rows], None], str], ...] = (
    (copy, "copies"),
    (leak, "copies-across"),
    (conflict, "conflicting-labels"),
    (louder, "near-copies-across"),
    (one_word_more, "near-copies-across"),
    (near_at_home, "near-copies"),
    (shared_author, "groups-across"),
    (empty, "left-out"),
    (punctuation, "wordless"),
    (placeholder, "wordless"),
    (garbled, "mojibake"),
    (replaced, "mojibake"),
    (book, "too-long"),
    (telltale_length, "telltale-length"),
    (telltale_language, "telltale-language"),
    (shouting, "telltale-case"),
    (label_inside, "label-in-text"),
    (mark, "telltale-word"),
    (few_words, "wrong-column"),
    (numbers, "wrong-column"),
    (constant, "constant-columns"),
    (tiny_class, "tiny-classes"),
    (spelling, "spellings"),
    (html, "markup"),
)


@pytest.mark.parametrize(("plant", "check"), PLANTS, ids=[p.__name__ for p, _ in PLANTS])
def test_a_planted_fault_is_found_and_named(
    examine: Callable[..., Checkup], plant: Callable[[Rows], None], check: str
) -> None:
    rows = clean_rows()
    plant(rows)
    finding = found(examine(rows, group="author"))[check]
    assert finding.count >= 1
    assert finding.next


def test_what_is_cut_is_told_in_shares(examine: Callable[..., Checkup]) -> None:
    rows = clean_rows()
    for row in rows[:50]:
        row["text"] = sentence(len(row["text"]) + 900, "music", 78)
    what = found(examine(rows))["too-long"].what
    # 50 of 135 texts of 80 tokens, of which 40 are read.
    assert what.startswith("37 % of texts exceed 40 tokens, ")
    assert what.endswith(" % of all tokens would be lost")


def test_pairs_of_texts(examine: Callable[..., Checkup]) -> None:
    rows = [
        {"premise": sentence(n, "music"), "hypothesis": sentence(n + 999, "law"), "label": label}
        for n, label in enumerate(["yes", "no"] * 20)
    ]
    assert examine(rows).findings == ()
    rows[5]["hypothesis"] = rows[5]["premise"]
    rows[9] |= {"premise": rows[7]["premise"], "hypothesis": rows[7]["hypothesis"].upper()}
    checks = found(examine(rows))
    assert checks["equal-halves"].count == 1
    assert checks["near-copies"].count == 1


def test_a_cleaned_list_of_texts_is_one_that_fit_reads(
    examine: Callable[..., Checkup], tmp_path: Path
) -> None:
    rows = clean_rows()
    leak(rows)
    punctuation(rows)
    rows[4]["text"] = 'A "quoted"\nline, with a comma'
    checkup = examine(rows, fix=str(tmp_path / "clean.csv"))
    assert checkup.cleaned == (tmp_path / "clean.csv", len(rows) - 2)
    read = read_data(tmp_path / "clean.csv")
    assert [t.content for t in read.texts] == [
        row["text"] for n, row in enumerate(rows) if n not in (3, 80)
    ]
    assert set(read.parts) == {"train", "test"}


def test_the_rehearsal_runs_on_texts_too(
    tmp_path: Path, tiny_encoder: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "texts.csv", clean_rows())
    checkup = graft.doctor(path, backbone=str(tiny_encoder("bert")))
    assert checkup.rehearsed
    assert checkup.forecast is not None
    assert checkup.forecast.rows == len(clean_rows())


def test_languages_are_told_apart() -> None:
    assert language_of("The cat sat on the mat and that is it") == "Latin, English"
    assert language_of("Les chats sont sur le tapis avec des amis") == "Latin, French"
    assert language_of("Кот сидел") == "Cyrillic"
    assert language_of("zabu keli") == "Latin"


def test_near_texts_are_those_that_all_pairs_give() -> None:
    random = np.random.default_rng(0)
    keys = []
    for number in range(60):
        words = sentence(number, "law", 30).lower().rstrip(".").split()
        keys.append(" ".join(words))
        for changes in (1, 2, 8):
            changed = list(words)
            for at in random.choice(len(words), changes, replace=False):
                changed[at] = f"w{random.integers(10**9)}"
            keys.append(" ".join(changed))
    sets = [_grams(key) for key in keys]
    wanted = {
        (a, b)
        for b in range(len(keys))
        for a in range(b)
        if len(sets[a] & sets[b]) >= 0.8 * len(sets[a] | sets[b])
    }
    pairs = set(near_texts(keys, [""] * len(keys)))
    assert pairs <= wanted
    # Each look-alike is paired at least with the first of its kind.
    firsts = {(a, b) for a, b in wanted if a % 4 == 0}
    assert len(firsts & pairs) >= 0.97 * len(firsts)


def _grams(key: str) -> set[str]:
    words = key.split()
    return {*words, *(f"{a} {b}" for a, b in itertools.pairwise(words))}


def test_a_crowd_of_equal_texts_costs_no_square() -> None:
    keys = [f"one and the same long text but for a number at the end {n}" for n in range(5000)]
    pairs = near_texts(keys, ["train", "test"] * 2500)
    assert len(pairs) < 40_000
    assert {b for _, b in pairs} | {0, 1} == set(range(5000))


def test_no_check_goes_through_all_texts_for_each_of_them(
    examine: Callable[..., Checkup], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else 100,000 texts would take hours: `texts` makes a tuple of all of them."""
    gathered, made = list[int](), vars(Examples)["texts"].fget

    def count(self: Examples) -> tuple[Text, ...]:
        gathered.append(len(self))
        found: tuple[Text, ...] = made(self)
        return found

    monkeypatch.setattr(Examples, "texts", property(count))
    rows = clean_rows()
    examine([{**row, "text": "..."} if n % 2 else row for n, row in enumerate(rows)])
    assert 0 < len(gathered) < 20 < len(rows)


def test_ranks_are_scipys() -> None:
    values = np.random.default_rng(0).integers(0, 20, 100)
    np.testing.assert_array_equal(telltale_texts._ranks(values), rankdata(values))


@pytest.mark.parametrize("content", ["It's a_b, 3.5%!", "", " \t\n", "a\x1cb-c", "..."])
def test_words_of_ascii_are_those_of_the_pattern(content: str) -> None:
    assert plain(content) == " ".join(WORD.findall(content.casefold()))
