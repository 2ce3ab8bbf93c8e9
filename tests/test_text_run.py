"""Runs on texts, from the data to the report, through the same verbs as pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import graft
from graft.errors import DataError
from graft.model import Model

Tiny = Callable[..., Path]
Rows = tuple[list[str], list[str]]


def reviews(count: int = 60, seed: int = 0) -> Rows:
    """Texts of up to sixty words of which one decides the label."""
    random = np.random.default_rng(seed)
    filler = ["film", "book", "plot", "the", "a", "was", "very", "and"]
    decisive = {"pos": ["good", "great", "fine"], "neg": ["bad", "poor", "awful"]}
    texts, labels = [], []
    for number in range(count):
        label = ("pos", "neg")[number % 2]
        words = [str(word) for word in random.choice(filler, random.integers(3, 60))]
        words[0] = str(random.choice(decisive[label]))
        texts.append(" ".join(words))
        labels.append(label)
    return texts, labels


@pytest.fixture(scope="module")
def fitted(tiny_encoder: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Model:
    out = tmp_path_factory.mktemp("runs") / "probe"
    return graft.fit(
        reviews(), backbone=str(tiny_encoder("bert")), strategy="top-k:1", epochs=2, out=out
    )


def test_the_result_says_what_became_of_the_texts(fitted: Model) -> None:
    result = fitted.result
    assert result["audit"]["drift_bytes"] == 0
    assert result["audit"]["frozen"] == ["embeddings", "encoder.layer.0", "encoder.layer.1"]
    assert result["data"]["modality"] == "text"
    assert result["data"]["too_long"] > 0
    assert any("longer than the encoder's 40 tokens" in note for note in result["warnings"])
    assert set(result["baseline"]) == {"majority", "knn", "tf_idf"}
    assert result["transfer"]["against"] == "tf_idf"
    assert result["model"]["format"] == "transformers"


def test_the_saved_model_answers_alike(fitted: Model) -> None:
    assert fitted.folder is not None
    texts, labels = reviews(12, seed=1)
    again = graft.load(fitted.folder)
    first, second = fitted.predict(texts), again.predict(texts)
    for one, other in zip(first, second, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)
    found = again.evaluate((texts, labels))
    right = np.mean([row.label == label for row, label in zip(second, labels, strict=True)])
    assert found["metrics"]["accuracy"]["value"] == pytest.approx(right)


def test_evaluation_tells_how_the_texts_were_read(fitted: Model, tmp_path: Path) -> None:
    texts, labels = reviews(4)
    for number, (text, label) in enumerate(zip(texts, labels, strict=True)):
        (tmp_path / label).mkdir(exist_ok=True)
        encoding = "cp1252" if number == 0 else "utf-8"
        (tmp_path / label / f"{number}.txt").write_bytes(f"{text} Größe".encode(encoding))
    (note,) = fitted.evaluate(tmp_path)["notes"]
    assert "1 of 4 text files are not in UTF-8" in note
    assert fitted.evaluate((texts, labels))["notes"] == []


def test_a_handful_of_texts_is_learnt_in_pairs(tiny_encoder: Tiny, tmp_path: Path) -> None:
    """By default; the rows that this does not look at are told, and a user's own choice is not."""
    encoder = str(tiny_encoder("bert"))
    default = graft.fit(reviews(24), backbone=encoder, out=tmp_path / "default").result
    assert default["recipe"]["strategy"] == "contrastive"
    contrast, probe = default["plan"]["phases"]
    assert (contrast["name"], probe["name"]) == ("contrast", "probe")
    assert "head" not in contrast["trained"]
    assert probe["trained"] == ["head"]
    assert sum("--validation 0" in line for line in default["warnings"]) == 1
    own = graft.fit(
        reviews(24), backbone=encoder, strategy="contrastive", epochs=1, out=tmp_path / "own"
    ).result
    assert not any("--validation 0" in line for line in own["warnings"])


def test_the_report_shows_texts(fitted: Model) -> None:
    assert fitted.folder is not None
    page = (fitted.folder / "report.html").read_text(encoding="utf-8")
    for words in ("Lengths of the texts", "Word counts (TF-IDF)", "Texts per class", "Too long"):
        assert words in page
    assert fitted.result["errors"] == [] or fitted.result["errors"][0]["text"] in page


def test_features_of_texts(tiny_encoder: Tiny) -> None:
    features = graft.features(reviews(6), backbone=str(tiny_encoder("bert")))
    assert features.shape == (6, 16)
    assert np.isfinite(features).all()


def test_pictures_and_texts_are_not_mixed_up(
    fitted: Model, make_photos: Callable[..., Path], tmp_path: Path, tiny_encoder: Tiny
) -> None:
    folder = make_photos(tmp_path / "p", {"blue": 3, "red": 3})
    with pytest.raises(DataError):
        fitted.evaluate(folder)
    with pytest.raises(DataError):
        graft.fit(folder, backbone=str(tiny_encoder("bert")))
    with pytest.raises(DataError):
        graft.fit(reviews(), backbone="bundled")


def ratings(count: int = 75) -> Rows:
    """Texts with one to five good words, and as many stars."""
    random = np.random.default_rng(3)
    filler, texts, stars = ["film", "book", "plot", "the", "was"], [], []
    for number in range(count):
        star = number % 5 + 1
        words = [*["good"] * star, *["bad"] * (6 - star), *random.choice(filler, 3).tolist()]
        texts.append(" ".join(random.permutation(words).tolist()))
        stars.append(f"{star} stars")
    return texts, stars


def test_stars_are_learnt_in_their_order_and_open_without_graft(
    tiny_encoder: Tiny, tmp_path: Path
) -> None:
    texts, stars = ratings()
    model = graft.fit(
        (texts, stars),
        backbone=str(tiny_encoder("bert")),
        task="ordinal",
        strategy="top-k:1",
        epochs=1,
        out=tmp_path / "run",
    )
    result = model.result
    assert result["task"] == "ordinal"
    assert result["labels"] == [f"{n} stars" for n in range(1, 6)]
    assert set(result["metrics"]["test"]) >= {"quadratic_kappa", "mae", "accuracy"}
    assert set(result["baseline"]["majority"]) >= {"mae"}
    assert "quadratic kappa" in result["transfer"]["message"]
    again = graft.load(tmp_path / "run")
    (row,) = again.predict([texts[0]])
    assert row.probabilities is not None
    answers = [*row.probabilities.values()]
    assert row.answer["place"] == pytest.approx(sum(n * p for n, p in enumerate(answers)))
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path / "run" / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "run" / "model")
    logits = plain(**tokenizer(texts[0], return_tensors="pt")).logits.detach()
    assert logits.softmax(1)[0].tolist() == pytest.approx(answers, abs=1e-5)
    assert [*plain.config.id2label.values()] == result["labels"]
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "Quadratic kappa" in page
    assert "one of 5 ordered classes" in page
    figures = again.evaluate((texts, stars))["metrics"]
    assert {"quadratic_kappa", "mae"} <= set(figures)


def test_every_row_gets_an_answer_or_a_reason(fitted: Model, tmp_path: Path) -> None:
    rows = b"text\ngood film\n   \nbad film,\xff,more\nbad \xff\ngreat book\n"
    (tmp_path / "t.csv").write_bytes(rows.replace(b"   ", b'"   "'))
    (tmp_path / "a.txt").write_bytes(b"awful plot")
    (tmp_path / "b.txt").write_bytes(b"\x81\x8d\x8f")
    given = [tmp_path / "t.csv", "fine song", "", tmp_path / "a.txt", tmp_path / "b.txt", None]
    answers = fitted.predict([*given, str(tmp_path / "missing.txt"), ("good film", " ")])
    reasons = [answer.error for answer in answers]
    assert reasons == [
        None,
        "no text in column 'text'",
        "the row has 3 cells, and the header 1",
        "the row is not text in UTF-8",
        None,
        None,
        "there is no text",
        None,
        "the file is not text in UTF-8",
        "there is no text",
        "the file does not exist",
        "there is no text",
    ]
    assert all((answer.label is None) == (answer.error is not None) for answer in answers)
    alone = fitted.predict(["great book"])[0].probabilities
    assert answers[4].probabilities == pytest.approx(alone, abs=1e-5)


def test_features_keep_every_row_of_a_table(tiny_encoder: Tiny, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"text,label\ngood film,a\n\xff,a\nbad film,\nfine book,b\n")
    with pytest.warns(UserWarning, match="1 of 4 rows"):
        features = graft.features(tmp_path / "t.csv", backbone=str(tiny_encoder("bert")))
    assert np.isnan(features).all(axis=1).tolist() == [False, True, False, False]


def test_pairs_with_quantities_labels_and_several_tasks(tiny_encoder: Tiny, tmp_path: Path) -> None:
    texts, stars = ratings(60)
    table: dict[str, list[object]] = {
        "sentence1": [*texts],
        "sentence2": [*reversed(texts)],
        "score": [len(text) / 7 for text in texts],
        "tags": [["a", "b"][: 1 + number % 2] for number in range(60)],
        "stars": [*stars],
    }
    expected = {"score": "regression", "tags": "multi_label_classification"}
    for column, problem in expected.items():
        model = graft.fit(
            table,
            input="sentence1,sentence2",
            label=column,
            backbone=str(tiny_encoder("bert")),
            strategy="linear-probe",
            pooling="cls",
            out=tmp_path / column,
        )
        assert model.result["samples"][0]["label"]
        row, alone = graft.load(tmp_path / column).predict([(texts[0], texts[1]), texts[0]])
        assert alone.label is None
        assert "learnt from pairs" in str(alone.error)
        plain = AutoModelForSequenceClassification.from_pretrained(tmp_path / column / "model")
        assert plain.config.problem_type == problem
        tokenizer = AutoTokenizer.from_pretrained(tmp_path / column / "model")
        logits = plain.eval()(**tokenizer(texts[0], texts[1], return_tensors="pt")).logits[0]
        answers = [row.value] if row.probabilities is None else [*row.probabilities.values()]
        found = logits if column == "score" else logits.sigmoid()
        assert found.tolist() == pytest.approx(answers, abs=1e-4)
    together = graft.fit(
        table,
        input="sentence1,sentence2",
        labels=["score", "tags", "stars"],
        task="regression,multi-label,ordinal",
        backbone=str(tiny_encoder("bert")),
        strategy="contrastive",
        epochs=2,
        out=tmp_path / "together",
    )
    assert "pairs of rows compared" in together.result["plan"]["phases"][0]["note"]
    answer = together.predict([(texts[0], texts[1])])[0].tasks
    assert set(answer) == {"score", "tags", "stars"}
