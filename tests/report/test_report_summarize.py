"""The summary: it says all that the result holds, honestly, and survives what is missing."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from report_samples import figure, history, pictures, probe, result, scores

from graft.report import render_html, render_markdown, summarize
from graft.types import Json


def told(built: Json, rows: list[Json] | None = None) -> str:
    return render_markdown(summarize(built, rows or [], {}))


def section(summary: Json, name: str) -> Json:
    return next(entry for entry in summary["sections"] if entry["name"] == name)


def test_sections_come_in_the_order_of_reading() -> None:
    names = [entry["name"] for entry in summarize(result(), history(), {})["sections"]]
    assert names == [
        "plan",
        "data",
        "metrics",
        "training",
        "classes",
        "confusion",
        "calibration",
        "errors",
        "time",
        "environment",
        "usage",
    ]


def test_summary_is_json() -> None:
    summary = summarize(result(), history(), pictures(8))
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


@pytest.mark.parametrize(
    "words",
    [
        "bundled",
        "lp-ft",
        "linear",
        "The first 8 of 13 blocks stayed frozen",
        "`░░░░░░░░█████`",
        "stages.3.2",
        "evaluation under frozen blocks",
        "linear probe before fine-tuning",
        "1,911,250 of 3,419,010 trained (55.9%)",
        "0 bytes drifted",
        "96 × 96 pixels, center 0.875, bicubic, RGB",
        "0.485 / 0.456 / 0.406",
        "photos/flowers",
        "1,012 RGB, 28 L",
        "min 64 × 48, median 640 × 480, max 4032 × 3024",
        "class-3/IMG_0042.jpg: truncated: the file ends early",
        "93.4% (91.4 to 95.4)",
        "94.1% (92.1 to 96.1)",
        "0.166 (0.146 to 0.186)",
        "87.2% (84.2 to 90.2)",
        "11.3% (8.3 to 14.3)",
        "61.1% (57.1 to 65.1)",
        "+32.3 points (+28.1 to +36.6)",
        "| class-7 | 36 | 86.1%",
        "| class-2 | class-4 | 3 |",
        "| class-0 | class-3 | >99.9% | class-0/IMG_1000.jpg |",
        "| 90.0% to 100.0% | 264 |",
        "1 min 18 s in all",
        "832 rows: 640 rows stood in it, 192 rows were computed; 22.4 MB read",
        "torch: 2.11.0",
        "Seed: 17",
        "torch-cpu-float32",
        "9f2c4e7a1b9f2c",
        "batch_size: 32",
        "timm.create_model('local-dir:model'",
        'graft.load("RUN")',
        "graft evaluate RUN NEW_DATA",
        "2 inputs could not be used",
        "2026-11-22 19:58 UTC",
    ],
)
def test_everything_in_the_result_is_told(words: str) -> None:
    built = result()
    built["per_class"][7]["recall"] = figure(0.861)
    assert words in told(built, history())


def test_headline_names_model_figures_and_verdict() -> None:
    assert summarize(result(), [], {})["headline"] == (
        "The bundled backbone with a linear head, trained with the strategy lp-ft, tells 10 "
        "classes apart: test accuracy 93.4% (91.4 to 95.4), beside 11.3% (8.3 to 14.3) for always "
        "answering the most common class and 87.2% (84.2 to 90.2) for nearest neighbours on the "
        "pretrained features; transfer helps."
    )


@pytest.mark.parametrize(
    ("transfer", "kind", "title"),
    [
        ({"helps": True}, "helps", "Transfer helps"),
        ({"helps": False}, "not", "Transfer does not help here"),
        (
            {"helps": False, "difference": {"value": -0.1, "low": -0.2, "high": -0.05}},
            "hurts",
            "Transfer makes it worse here",
        ),
        ({"helps": None}, "unclear", "Whether transfer helps could not be shown"),
        ({}, "unmeasured", "Whether transfer helps was not measured"),
        (None, "unmeasured", "Whether transfer helps was not measured"),
    ],
)
def test_verdict_stands_before_every_section(transfer: Json | None, kind: str, title: str) -> None:
    summary = summarize({**probe(), "transfer": transfer}, [], {})
    assert (summary["verdict"]["kind"], summary["verdict"]["title"]) == (kind, title)
    assert title.lower() in summary["headline"].lower()
    page = render_html({**summary, "sections": []})
    assert f'<div class="verdict {kind}">' in page
    assert title in page


def test_transfer_that_fails_gives_its_message_and_difference() -> None:
    text = summarize(probe(), [], {})["verdict"]["text"]
    assert "Raw pixels do as well as the pretrained backbone" in text
    assert "raw pixels without the backbone is −1.2 points (−6.1 to +3.4)" in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"audit": {"drift_bytes": 4}}, "4 bytes of frozen weights drifted"),
        ({"baseline": {"majority": scores(0.93)}}, "reaches down to always answering"),
        ({"baseline": {"knn": scores(0.95)}}, "Nearest neighbours"),
    ],
)
def test_figures_that_speak_against_the_model_become_warnings(change: Json, words: str) -> None:
    assert not any(words in warning for warning in summarize(result(), [], {})["warnings"])
    assert any(words in warning for warning in summarize(result() | change, [], {})["warnings"])


def test_set_aside_list_is_capped_and_says_so() -> None:
    rows = [{"input": f"{i:04d}.jpg", "reason": "not a picture"} for i in range(1000)]
    text = told(result() | {"set_aside": rows})
    assert "Set aside: 1,000 inputs" in text
    assert "0049.jpg: not a picture" in text
    assert "0050.jpg" not in text
    assert "and 950 more in result.json" in text


def test_long_tables_are_capped_and_say_so() -> None:
    text = told(result(classes=260))
    assert "and 60 more in result.json" in text
    assert "A matrix of 260 classes is too large to draw" in text


def test_exact_solver_has_a_sentence_in_place_of_curves() -> None:
    training = section(summarize(probe(), [], {}), "training")
    assert [block["kind"] for block in training["blocks"]] == ["text"]
    assert "Phase “probe” was solved exactly" in training["blocks"][0]["text"]


def test_curves_have_one_chart_per_phase_and_quantity_with_the_best_epoch() -> None:
    rows = history()
    drawn = section(summarize(result(), rows, {}), "training")["blocks"][0]["charts"]
    assert [chart["caption"] for chart in drawn] == [
        "Loss, phase “head”",
        "Accuracy, phase “head”",
        "Loss, phase “fine-tune”",
        "Accuracy, phase “fine-tune”",
    ]
    data = drawn[3]["data"]
    assert data["best"] == 9
    assert data["epochs"] == list(range(1, 13))
    assert data["series"][1]["values"] == [row["validation_accuracy"] for row in rows[4:]]


def test_resumed_epoch_is_told_once_with_its_last_figures() -> None:
    rows = [{"phase": "a", "epoch": 1, "loss": 2.0}, {"phase": "a", "epoch": 2, "loss": 1.0}]
    again = [{"phase": "a", "epoch": 2, "loss": 0.5}]
    data = section(summarize({}, rows + again, {}), "training")["blocks"][0]["charts"][0]["data"]
    assert data["series"] == [{"name": "train", "values": [2.0, 0.5]}]


def test_hardest_class_comes_first() -> None:
    built = result(classes=4)
    for row, value in zip(built["per_class"], (0.9, None, 0.2, 0.5), strict=True):
        row["f1"] = None if value is None else figure(value)
    rows = section(summarize(built, [], {}), "classes")["blocks"][0]["rows"]
    assert [row[0] for row in rows] == ["class-2", "class-3", "class-0", "class-1"]


def test_metrics_of_several_label_columns_are_told_by_column() -> None:
    nested = {"colour": {"accuracy": figure(0.8)}, "shape": {"accuracy": figure(0.7)}}
    text = told(result() | {"metrics": {"test": nested}})
    assert "| colour: Accuracy | 80.0% (78.0 to 82.0)" in text
    assert "| shape: Accuracy | 70.0% (68.0 to 72.0)" in text
    assert "test accuracy was not measured" in text


def test_a_quantity_is_no_class_that_lacks_examples() -> None:
    built = result(classes=3)
    built["labels"] = [*built["labels"], "age"]
    built["tasks"] = {"age": {"kind": "regression", "labels": [], "column": "age"}}
    assert "| age | 0 |" not in told(built)
    assert "| class-0 | " in told(built)


@pytest.mark.parametrize("name", sorted(result()))
@pytest.mark.parametrize("absence", ["missing", None])
def test_any_missing_part_leaves_a_whole_report(name: str, absence: str | None) -> None:
    built = result(classes=3)
    del built[name]
    if absence is None:
        built[name] = None
    text = told(built, history()[:2])
    assert len(text) > 1000
    assert "nan" not in text.lower().replace("nano", "")
    assert "None" not in text


def test_result_of_nothing_gives_sentences_and_a_page() -> None:
    summary = summarize({}, [], {})
    assert len(summary["sections"]) == 11
    assert all(entry["blocks"] for entry in summary["sections"])
    assert "No metric was measured." in render_html(summary)


def blanked(value: Any, blank: Any) -> Any:
    """The value with every number replaced."""
    if isinstance(value, dict):
        return {key: blanked(item, blank) for key, item in value.items()}
    if isinstance(value, list):
        return [blanked(item, blank) for item in value]
    return blank if isinstance(value, int | float) and not isinstance(value, bool) else value


@pytest.mark.parametrize("blank", [None, float("nan"), float("inf")])
def test_numbers_that_were_not_measured_never_show_as_nan(blank: float | None) -> None:
    summary = summarize(blanked(result(3), blank), blanked(history()[:2], blank), {})
    for text in (render_html(summary), render_markdown(summary)):
        assert not {"nan", "inf", "None", "NaN"} & set(text.replace(">", " ").split())
        assert "nan%" not in text
        assert "inf%" not in text


def test_single_metric_of_none_says_not_measured() -> None:
    rows = section(summarize(probe(), [], {}), "metrics")["blocks"][0]["rows"]
    assert rows[-1][:2] == ["Calibration error (ECE), lower is better", "not measured"]


def test_missing_picture_is_said_in_words() -> None:
    summary = summarize(result(3), [], {"pictures/error-0.png": b"\x89PNG" + b"x" * 99_000})
    errors = section(summary, "errors")
    assert [entry["picture"] for entry in errors["blocks"][0]["entries"]] == [None] * 8
    assert render_html({**summary, "sections": [errors]}).count("no picture kept") == 8


def test_summarize_leaves_its_input_alone() -> None:
    built, rows = result(), history()
    before = copy.deepcopy((built, rows))
    summarize(built, rows, pictures(2))
    assert (built, rows) == before


def test_commands_quote_what_a_shell_would_split() -> None:
    text = told(result() | {"run": "runs/my run", "data": {"source": "a b; rm -rf x"}})
    assert "graft predict 'runs/my run' picture.jpg" in text
    assert "graft fit 'a b; rm -rf x' --recipe 'runs/my run/recipe.yaml' --seed 18" in text


def test_unshowable_characters_are_replaced() -> None:
    text = told(result(2) | {"warnings": ["a\x00b \ud800 c\u202egpj.exe"]})
    assert "a�b � c�gpj.exe" in text
    assert text.encode("utf-8")


def test_frozen_blocks_after_trained_ones_and_parts_of_blocks_are_told() -> None:
    built = result()
    built["frozen_depth"] = 0
    for number, block in enumerate(built["plan"]["blocks"]):
        block["trained"] = number < 2
    text = told(built)
    assert "2 of 13 blocks trained with the head; the others stayed frozen." in text
    assert "In the blocks that trained" not in text
    built["plan"]["part"] = "norm"
    assert "only the scales and shifts of normalisation layers did." in told(built)


FINDING = {
    "check": "copies",
    "severity": "fault",
    "what": "2 pairs of pictures are equal byte by byte",
    "count": 2,
    "examples": ["a/1.png = a/2.png"],
    "next": "remove one of each",
}


def test_what_a_look_at_the_data_found_has_a_section_of_its_own() -> None:
    built = {**result(), "findings": [FINDING, {**FINDING, "severity": "note", "examples": []}]}
    summary = summarize(built, [], {})
    names = [entry["name"] for entry in summary["sections"]]
    assert names[names.index("data") + 1] == "findings"
    rows = section(summary, "findings")["blocks"][1]["rows"]
    assert rows[0][:5] == ["copies", "Fault", "2", FINDING["what"], "a/1.png = a/2.png"]
    assert rows[1][1] == "Note"
    assert "remove one of each" in render_html(summary)
    assert "all well" in told({**result(), "findings": []})


def test_where_a_run_was_taken_up_is_told() -> None:
    place = {
        "stage": 1,
        "phase": "unfreeze",
        "epoch": 3,
        "step": 7,
        "at": "2026-11-22T19:58:03+00:00",
    }
    counts = {"written": 4, "seconds": 0.5, "resumed": 1, "taken_up": [place]}
    shown = told({**result(), "checkpoints": counts})
    assert "4 checkpoints written" in shown
    assert "taken up 1 time: in phase unfreeze, epoch 3, after step 7 (2026-11-22 19:58" in shown
    between = {**place, "epoch": None, "step": None, "phase": ""}
    assert "after the last phase" in told({"checkpoints": {**counts, "taken_up": [between]}})
    assert "before a checkpoint was due" in told(
        {"checkpoints": {**counts, "written": 0, "taken_up": []}}
    )
