"""Planted faults in pairs of texts are found and named; sound pairs raise no alarm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import graft
from graft.checkup import Checkup
from graft.cli.main import main
from graft.doctor.diagnose import PAIR_CHECKS
from graft.doctor.finding import Finding
from tests.tiny_pairs import reversal

Pairs = list[tuple[str, str]]
NUMBERS = "one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905
ZAHLEN = "eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf".split()  # noqa: SIM905


def sound(count: int = 120) -> Pairs:
    """Sentences of different lengths with what may pass for their translations."""
    pairs = []
    for row in range(count):
        places = [(row * step + step) % 12 for step in range(1, 3 + row % 7)]
        first = f"The house of {row} is with {' and '.join(NUMBERS[p] for p in places)}"
        second = f"Das Haus der {row} ist nicht mit {' und '.join(ZAHLEN[p] for p in places)}"
        pairs.append((first, second))
    return pairs


def doctor(pairs: Pairs, tmp_path: Path, **options: object) -> Checkup:
    path = tmp_path / "pairs.tsv"
    path.write_text("en\tde\n" + "".join(f"{a}\t{b}\n" for a, b in pairs), encoding="utf-8")
    return graft.doctor(str(path), task="translation", **options)  # type: ignore[arg-type]


def found(checkup: Checkup) -> dict[str, Finding]:
    return {finding.check: finding for finding in checkup.findings}


def test_sound_pairs_have_no_findings(tmp_path: Path) -> None:
    checkup = doctor(sound(), tmp_path)
    assert checkup.findings == ()
    assert (checkup.rows, checkup.forecast, checkup.rehearsed) == (120, None, False)


def at(row: int, change: Callable[[str, str], tuple[str, str]]) -> Callable[[Pairs], Pairs]:
    return lambda pairs: [change(*pair) if n == row else pair for n, pair in enumerate(pairs)]


PLANTED: list[tuple[str, Callable[[Pairs], Pairs], str]] = [
    ("left-out", at(7, lambda a, _: (a, " ")), "row 8"),
    ("wordless", at(7, lambda _, b: ("-" * len(b), b)), "row 8"),
    ("untranslated", at(7, lambda a, _: (a, a.upper())), "row 8"),
    ("misaligned", lambda p: [(a, p[n - 1][1]) for n, (a, _) in enumerate(p)], "1 row below"),
    ("misaligned", lambda p: [(a, p[n * 7 % 120][1]) for n, (a, _) in enumerate(p)], "nothing to"),
    (
        "repeated",
        lambda p: [
            (a, b if n % 6 else "Kein Text vorhanden, siehe oben") for n, (a, b) in enumerate(p)
        ],
        "20 r",
    ),
    ("unequal-lengths", at(7, lambda a, b: (a, f"{b} {b} {b} {b} {b} {b}")), "row 8"),
    ("copies", lambda p: [*p, p[3]], "row 121"),
    ("mojibake", at(7, lambda a, b: (a, b.replace("a", "Ã¤"))), "row 8"),
    ("other-language", at(7, lambda a, b: (b, a)), "row 8"),
    ("several-translations", lambda p: [*p, (p[3][0], p[4][1])], "row 121"),
    ("markup", lambda p: [(f"<b>{a}</b>", b) for a, b in p], "120 pairs"),
]


@pytest.mark.parametrize(("check", "plant", "named"), PLANTED)
def test_a_planted_fault_is_found_and_named(
    check: str, plant: Callable[[Pairs], Pairs], named: str, tmp_path: Path
) -> None:
    finding = found(doctor(plant(sound()), tmp_path))[check]
    assert any(named in text for text in (finding.what, *finding.examples))


def test_texts_on_both_sides_of_the_split(tmp_path: Path) -> None:
    (tmp_path / "test.tsv").write_text("en\tde\n" + "\t".join(sound()[5]) + "\n")
    told = found(doctor(sound(), tmp_path, test=str(tmp_path / "test.tsv")))
    assert told["texts-across"].severity == "fault"
    assert told["translations-across"].count == 2


def test_a_cleaned_list_of_pairs_is_clean(tmp_path: Path) -> None:
    pairs = [*sound(), sound()[3], ("The end of it is the same", "The end of it is the same")]
    cleaned = tmp_path / "cleaned.csv"
    checkup = doctor(pairs, tmp_path, fix=str(cleaned))
    assert checkup.cleaned == (cleaned, 120)
    again = graft.doctor(str(cleaned), task="translation")
    assert (again.rows, again.findings) == (120, ())


def test_a_backbone_counts_tokens_and_is_tried(
    tmp_path: Path, tiny_marian: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = "".join(f"{a}\t{b}\n" for a, b in [*reversal(60), ("1 2 " * 40, "2 1 " * 40)])
    (tmp_path / "digits.tsv").write_text("source\ttarget\n" + lines)
    options = ["--task", "translation", "--backbone", str(tiny_marian), "--size", "20"]
    with pytest.raises(SystemExit) as stop:
        main(["doctor", str(tmp_path / "digits.tsv"), *options])
    shown = capsys.readouterr().out
    assert stop.value.code == 0
    assert "1 pair of more than 20 tokens a text" in shown
    assert "A small run trained" in shown
    assert "All rows through the backbone: about" in shown


def test_every_check_has_a_docstring() -> None:
    assert all(check.__doc__ for check in PAIR_CHECKS.values())
