"""Translation from end to end: fit, evaluate, predict, and the saved model without graft."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import sacrebleu

import graft
from graft.cli.main import main
from graft.errors import DataError, UserError
from graft.model import Model
from graft.training import loop
from graft.types import Batch, Json
from tests.tiny_pairs import reversal

NEW = reversal(40, seed=9, longest=5)
ALONE = """
import json, sys
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
import torch
folder, texts, labels = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
tokens = tokenizer(texts, padding=True, return_tensors="pt")
found = tokenizer.batch_decode(model.generate(**tokens), skip_special_tokens=True)
wanted = tokenizer(text_target=labels, padding=True, return_tensors="pt")["input_ids"]
with torch.no_grad():
    logits = model(**tokens, labels=wanted).logits
kept = wanted != tokenizer.pad_token_id
alone = "graft" not in sys.modules
print(json.dumps({"texts": found, "logits": logits[kept].tolist(), "alone": alone}))
"""


def test_reversing_digits_is_learnt(translator: Model) -> None:
    tested = translator.result["metrics"]["test"]
    assert tested["bleu"]["value"] == pytest.approx(100)
    assert tested["chrf"]["low"] <= tested["chrf"]["value"] <= tested["chrf"]["high"]
    assert {*translator.result["baseline"]} == {"untuned", "copy"}
    assert translator.result["transfer"]["helps"] is True
    assert [row.translation for row in translator.predict(["3 1 4", "7 2"])] == ["4 1 3", "2 7"]


def test_bleu_is_that_of_sacrebleu_on_what_predict_says(translator: Model) -> None:
    scrambled = [(text, target if n % 3 else text) for n, (text, target) in enumerate(NEW)]
    found = translator.evaluate(scrambled)["metrics"]
    said = [str(row.translation) for row in translator.predict([text for text, _ in scrambled])]
    references = [[target for _, target in scrambled]]
    assert found["bleu"]["value"] == sacrebleu.corpus_bleu(said, references).score
    assert found["chrf"]["value"] == sacrebleu.corpus_chrf(said, references).score
    plus = sacrebleu.corpus_chrf(said, references, word_order=2).score
    assert found["chrf++"]["value"] == plus
    assert 0 < found["bleu"]["value"] < 100


def test_transformers_alone_gives_equal_logits_and_translations(translator: Model) -> None:
    assert translator.folder is not None
    texts = [text for text, _ in NEW]
    labels = [target for _, target in NEW]
    command = [sys.executable, "-c", ALONE, str(translator.folder / "model")]
    done = subprocess.run(
        [*command, json.dumps(texts), json.dumps(labels)],
        capture_output=True,
        check=True,
        text=True,
        env={"HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1"},
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["alone"]
    assert found["texts"] == [row.translation for row in translator.predict(texts)]
    assert _logits(translator) == pytest.approx(
        [value for row in found["logits"] for value in row], abs=1e-4
    )


def _logits(model: Model) -> list[float]:
    import torch

    from graft.backbones.collate import padded
    from graft.backbones.seq2seq import Seq2SeqBackbone

    backbone = model.network.backbone
    assert isinstance(backbone, Seq2SeqBackbone)
    texts, targets = [text for text, _ in NEW], [target for _, target in NEW]
    rows, _ = backbone.tokenizer.pack(texts, targets, backbone.spec)
    with torch.no_grad():
        logits = model.network(torch.from_numpy(padded(rows, max(map(len, rows)))))
    return [float(value) for value in logits.reshape(-1)]


def test_a_loaded_model_says_the_same(translator: Model) -> None:
    assert translator.folder is not None
    again = graft.load(translator.folder)
    texts = [text for text, _ in NEW]
    assert again.predict(texts) == translator.predict(texts)
    assert again.network.backbone.spec == translator.network.backbone.spec


QUICK: Json = {"task": "translation", "size": 20, "beams": 1, "threads": 1}
STRATEGIES = ("top-k:1", "top-k:3", "gradual:2", "lora:2", "lp-ft+ema+wise", "bias-only")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_strategies(strategy: str, tiny_marian: Path, tmp_path: Path) -> None:
    model = graft.fit(
        reversal(60),
        task="translation",
        backbone=str(tiny_marian),
        strategy=strategy,
        epochs=2,
        size=20,
        beams=1,
        threads=1,
        out=tmp_path / "run",
    )
    result = model.result
    trained = [block["name"] for block in result["plan"]["blocks"] if block["trained"]]
    assert result["audit"]["drift_bytes"] == 0
    assert set(result["audit"]["moved"]) <= set(trained)  # the head is tied: it is in a block
    assert {phase["solver"] for phase in result["plan"]["phases"]} == {"gradient"}
    if strategy.startswith("top-k"):  # frozen blocks ran once for every pair
        assert result["frozen_depth"] == 5 - int(strategy[-1])
        assert result["bank"]["computed"] == 60
    assert not [said for said in result["warnings"] if "recomputed" in said]
    assert graft.load(tmp_path / "run").predict(["1 2"]) == model.predict(["1 2"])


def test_what_cannot_be_meant_is_refused(tiny_marian: Path) -> None:
    pairs = reversal(20)
    with pytest.raises(DataError, match="needs a pretrained encoder-decoder"):
        graft.fit(pairs, task="translation")
    with pytest.raises(DataError, match="--head mlp:8 means nothing"):
        graft.fit(pairs, task="translation", backbone=str(tiny_marian), head="mlp:8")
    with pytest.raises(DataError, match="--beams is given"):
        graft.fit("nowhere.csv", beams=3)
    with pytest.raises(DataError, match="--budget compares figures of labels"):
        graft.fit(pairs, task="translation", backbone=str(tiny_marian), budget="1m")
    with pytest.raises(UserError, match="translations have no labels"):
        graft.fit(pairs, task="translation", backbone=str(tiny_marian), strategy="contrastive")
    with pytest.raises(UserError, match="no exact solution"):
        graft.fit(pairs, task="translation", backbone=str(tiny_marian), strategy="linear-probe")
    with pytest.raises(UserError, match="shares its weights with the frozen embeddings"):
        graft.fit(pairs, task="translation", backbone=str(tiny_marian), strategy="head")


class KilledError(BaseException):
    """Stands for the end of a process: nothing may catch it."""


def test_a_killed_run_goes_on_to_the_same_bytes(tiny_marian: Path, tmp_path: Path) -> None:
    table = tmp_path / "pairs.tsv"
    table.write_text("".join(f"{a}\t{b}\n" for a, b in reversal(60)), encoding="utf-8")
    settings = {**QUICK, "backbone": str(tiny_marian), "strategy": "top-k:3", "epochs": 3}
    steps, step_on = list[int](), loop.Loop.step_on

    def broken(self: loop.Loop, group: list[Batch]) -> None:
        steps.append(1)
        if len(steps) == 5:
            raise KilledError
        step_on(self, group)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop.Loop, "step_on", broken)
        with pytest.raises(KilledError):
            graft.fit(str(table), **settings, checkpoint_every=0, out=tmp_path / "killed")
    again = graft.fit(resume=tmp_path / "killed")
    whole = graft.fit(str(table), **settings, checkpoint_every=0, out=tmp_path / "whole")
    assert again.result["metrics"] == whole.result["metrics"]
    assert again.result["baseline"] == whole.result["baseline"]
    assert _weights(tmp_path / "killed") == _weights(tmp_path / "whole")


def _weights(run: Path) -> bytes:
    return (run / "model" / "model.safetensors").read_bytes()


def test_a_rate_is_suggested_on_the_command_line(
    tiny_marian: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "pairs.tsv"
    table.write_text("".join(f"{a}\t{b}\n" for a, b in reversal(60)), encoding="utf-8")
    command = ["lr", str(table), "--task", "translation", "--backbone", str(tiny_marian)]
    with pytest.raises(SystemExit) as ended:
        main([*command, "--size", "20", "--steps", "20", "--json"])
    assert not ended.value.code
    found = json.loads(capsys.readouterr().out)
    assert found["phase"] == "full"
    assert 1e-7 < found["suggestion"] <= 0.1
