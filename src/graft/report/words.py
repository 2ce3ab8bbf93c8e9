"""How figures and names are written: one place, so that every table says them alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from graft.report.reading import number, part
from graft.types import Json

ABSENT = "–"  # what stands where nothing was measured
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True)
class Metric:
    """How one metric is shown.

    Attributes:
        title: The name in words.
        percent: Shown in per cent; otherwise as a plain number.
        higher_is_better: The direction of improvement.
        digits: Decimals of a plain number.
    """

    title: str
    percent: bool
    higher_is_better: bool
    digits: int = 3


METRICS = {
    "accuracy": Metric("Accuracy", percent=True, higher_is_better=True),
    "balanced_accuracy": Metric("Balanced accuracy", percent=True, higher_is_better=True),
    "macro_f1": Metric("Macro F1", percent=True, higher_is_better=True),
    "log_loss": Metric("Log loss", percent=False, higher_is_better=False),
    "ece": Metric("Calibration error (ECE)", percent=True, higher_is_better=False),
    "mean_average_precision": Metric("Mean average precision", percent=True, higher_is_better=True),
    "micro_f1": Metric("Micro F1", percent=True, higher_is_better=True),
    "subset_accuracy": Metric("All labels right", percent=True, higher_is_better=True),
    "hamming_loss": Metric("Wrong labels (Hamming)", percent=True, higher_is_better=False),
    "mae": Metric("Mean absolute error", percent=False, higher_is_better=False),
    "quadratic_kappa": Metric("Quadratic kappa", percent=False, higher_is_better=True),
    "rmse": Metric("Root mean square error", percent=False, higher_is_better=False),
    "r2": Metric("R²", percent=False, higher_is_better=True),
    "bleu": Metric("BLEU", percent=False, higher_is_better=True, digits=1),
    "chrf": Metric("chrF", percent=False, higher_is_better=True, digits=1),
    "chrf++": Metric("chrF++", percent=False, higher_is_better=True, digits=1),
    "spearman": Metric("Spearman correlation", percent=False, higher_is_better=True),
}

BASELINES = {
    "majority": "always answering the most common class",
    "knn": "nearest neighbours on the pretrained features",
    "raw_pixels": "raw pixels without the backbone",
    "tf_idf": "weighted word counts without the backbone",
    "prior": "the share of rows that bear each label",
    "mean": "always answering the mean",
    "constant": "base rates and means",
    "single_task": "a linear probe for one task at a time",
    "untuned": "the model before fine-tuning",
    "copy": "copying the source",
}

SHORT_BASELINES = {
    "majority": "Most common class",
    "knn": "Nearest neighbours",
    "raw_pixels": "Raw pixels",
    "tf_idf": "Word counts (TF-IDF)",
    "prior": "Base rates",
    "mean": "Mean",
    "constant": "Base rates",
    "single_task": "One task at a time",
    "untuned": "Before fine-tuning",
    "copy": "Copying the source",
}


def noun(result: Json) -> str:
    """What a row of the data is called.

    >>> noun({}), noun({"data": {"modality": "text"}})
    ('image', 'text')
    """
    named = {"text": "text", "translation": "pair"}
    return named.get(str(part(result, "data").get("modality")), "image")


def metric(name: str) -> Metric:
    """The metric's table entry; an unlisted metric is shown as a plain number.

    >>> metric("colour: macro_f1").title
    'colour: Macro F1'
    """
    column, colon, key = name.rpartition(": ")
    plain = Metric(sentence_case(key), percent=False, higher_is_better=True)
    known = METRICS.get(key, plain)
    return replace(known, title=f"{column}{colon}{known.title}")


def baseline(name: str) -> str:
    """The baseline in words."""
    return BASELINES.get(name, name.replace("_", " "))


def short_baseline(name: str) -> str:
    """The baseline in two or three words, for a column or an axis."""
    return SHORT_BASELINES.get(name, sentence_case(name))


def sentence_case(name: str) -> str:
    """`some_name` as `Some name`."""
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def decimal(value: float | None, digits: int = 3) -> str:
    """A plain number with a real minus sign.

    >>> decimal(-0.12345), decimal(None)
    ('−0.123', '–')
    """
    if value is None:
        return ABSENT
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def percent(value: float | None) -> str:
    """A share in per cent; a share close to, yet not, everything is not rounded up to it.

    >>> percent(0.934), percent(0.99997), percent(1.0), percent(None)
    ('93.4%', '>99.9%', '100.0%', '–')
    """
    if value is None:
        return ABSENT
    if 0.9995 <= value < 1:
        return ">99.9%"
    return f"{decimal(100 * value, 1)}%"


def whole(value: float | None) -> str:
    """A count with thousands separated.

    >>> whole(21130)
    '21,130'
    """
    return ABSENT if value is None else f"{round(value):,}".replace("-", MINUS)


def with_interval(figure: Json, *, in_percent: bool, digits: int = 3) -> str:
    """A figure with its 95 % interval.

    >>> with_interval({"value": 0.934, "low": 0.912, "high": 0.951}, in_percent=True)
    '93.4% (91.2 to 95.1)'
    >>> with_interval({"value": 31.42, "low": 29.0, "high": 33.9}, in_percent=False, digits=1)
    '31.4 (29.0 to 33.9)'
    """
    value, low, high = (number(figure, name) for name in ("value", "low", "high"))
    text = percent(value) if in_percent else decimal(value, digits)
    if value is None or low is None or high is None:
        return text
    scale, digits = (100, 1) if in_percent else (1, digits)
    return f"{text} ({decimal(scale * low, digits)} to {decimal(scale * high, digits)})"


def points(difference: Json) -> str:
    """A difference of two shares, in percentage points, with its interval.

    >>> points({"value": 0.042, "low": -0.011, "high": 0.072})
    '+4.2 points (−1.1 to +7.2)'
    """
    value, low, high = (number(difference, name) for name in ("value", "low", "high"))
    if value is None:
        return ABSENT
    text = f"{_signed(value)} points"
    return text if low is None or high is None else f"{text} ({_signed(low)} to {_signed(high)})"


def _signed(value: float) -> str:
    text = decimal(100 * value, 1)
    return f"+{text}" if value > 0 and float(f"{100 * value:.1f}") > 0 else text


def duration(seconds: float | None) -> str:
    """Seconds as people say them.

    >>> duration(0.2), duration(75), duration(7384)
    ('0.2 s', '1 min 15 s', '2 h 03 min')
    """
    if seconds is None:
        return ABSENT
    if seconds < 59.95:
        return f"{decimal(seconds, 1)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min"


def moment(iso: str) -> str:
    """A point in time to the minute; other texts stay as they are.

    >>> moment("2026-11-22T19:58:03+00:00"), moment("today")
    ('2026-11-22 19:58 UTC', 'today')
    """
    try:
        when = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    return f"{when:%Y-%m-%d %H:%M %Z}".strip()


def size(count: float | None) -> str:
    """Bytes in decimal units.

    >>> size(0), size(22_400_000)
    ('0 bytes', '22.4 MB')
    """
    if count is None:
        return ABSENT
    if count < 1000:
        return f"{whole(count)} {'byte' if count == 1 else 'bytes'}"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 1000:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:,.1f} TB"


def counted(count: float, one: str, many: str = "") -> str:
    """A count with its noun.

    >>> counted(1, "image"), counted(2000, "image"), counted(2, "class", "classes")
    ('1 image', '2,000 images', '2 classes')
    """
    return f"{whole(count)} {one if count == 1 else many or one + 's'}"


def dimensions(sides: Sequence[object]) -> str:
    """Width and height in pixels.

    >>> dimensions([640, 480]), dimensions([None, None])
    ('640 × 480', '–')
    """
    return " × ".join(str(side) for side in sides if isinstance(side, int | float)) or ABSENT


def first_few(names: Sequence[str], most: int = 4) -> str:
    """The first names, and how many more there are.

    >>> first_few(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most:,} more"


def shorten(name: str, most: int = 22) -> str:
    """A name on one line, cut in the middle where it is too long for a chart.

    >>> shorten("a-very-long-name-for-a-class", most=11)
    'a-ver…class'
    """
    name = " ".join(name.split())
    if len(name) <= most:
        return name
    half = (most - 1) // 2
    return f"{name[: most - 1 - half]}…{name[len(name) - half :]}"


def test_figure(result: Json, source: str, name: str) -> Json:
    """The test-set figure of the model (`source` is `model`) or of a baseline."""
    if source == "model":
        return part(result, "metrics", "test", name)
    return part(result, "baseline", source, name)
