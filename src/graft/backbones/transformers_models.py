"""Encoders of transformers: construction, pooling, longest input, saving."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from graft.backbones.json_file import read_object, read_value
from graft.backbones.sound import MOST_LAYERS, WEIGHTS, bytes_in, check_size, is_count
from graft.backbones.tokens import Tokenizer
from graft.errors import BackboneError, GraftError
from graft.memory import ran_out
from graft.types import Json, TextSpec

# Left out, transformers asks on the terminal whether to run a checkpoint's own Python.
NO_CODE = {"trust_remote_code": False}
# A tokenizer without a limit of its own says a number with thirty digits.
_NO_LIMIT = 1_000_000
DEFAULT_LENGTH = 512
_POOLING_FILE, _LENGTH_FILE = "1_Pooling/config.json", "sentence_bert_config.json"
# What sentence-transformers adds to a checkpoint; a plain one has none of them.
_MODULES_FILE, _MODULES = "modules.json", "sentence_transformers.models"
SIDE_FILES = (_POOLING_FILE, _LENGTH_FILE, _MODULES_FILE)
# Parts of a configuration that say where it was, not what it is.
_PLACES = (
    "_name_or_path",
    "transformers_version",
    "architectures",
    "label2id",
    "id2label",
    "dtype",
)


Read = TypeVar("Read")


def version() -> str:
    """The version of transformers."""
    import transformers

    return str(transformers.__version__)


def is_folder(folder: Path) -> bool:
    """Whether a folder's `config.json` is one of transformers."""
    try:
        config = read_object(folder / "config.json")
    except (OSError, ValueError):
        return False
    return isinstance(config.get("model_type"), str)


def is_text_folder(folder: Path) -> bool:
    """Whether it is one of transformers that has a tokenizer."""
    files = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "spiece.model")
    return is_folder(folder) and any((folder / name).is_file() for name in files)


def load_encoder(place: str, *, name: str, random_seed: int | None = None) -> nn.Module:
    """The encoder without a task's own layers, in evaluation mode.

    Args:
        place: A folder or a hub name.
        name: What messages call it.
        random_seed: Seed of random weights; None loads the checkpoint's.

    Raises:
        BackboneError: It cannot be built, is no encoder, or the checkpoint lacks weights.
    """
    check_layers(Path(place), name)
    with _told(name), quiet():
        import transformers

        check_size(Path(place) / WEIGHTS, _bytes_of(transformers, place))
        if random_seed is None:
            model, report = transformers.AutoModel.from_pretrained(
                place, output_loading_info=True, dtype=torch.float32, **NO_CODE
            )
            missing = sorted(key for key in report["missing_keys"] if not _is_pooler(key))
        else:
            model, missing = _random(transformers, place, random_seed), []
    if missing:
        raise BackboneError(
            f"The weights of '{name}' lack {len(missing)} tensors, such as {missing[0]}",
            allowed="weights of the architecture that config.json names",
        )
    if getattr(model.config, "is_encoder_decoder", False):
        raise BackboneError(
            f"'{name}' is an encoder-decoder ({model.config.model_type})",
            allowed="encoders, such as BERT, RoBERTa, DistilBERT, DeBERTa, ELECTRA, ModernBERT",
            next="say --task translation, or name an encoder",
        )
    if isinstance(getattr(model, "pooler", None), nn.Module):
        model.pooler = None  # the backbone pools by itself
    encoder: nn.Module = model.eval()
    return encoder


def _bytes_of(transformers: Any, place: str) -> int | None:
    """Bytes that a folder's configuration describes; None where its weights are not beside it."""
    if not (Path(place) / WEIGHTS).is_file():
        return None
    config = transformers.AutoConfig.from_pretrained(place, **NO_CODE)
    with torch.device("meta"):
        model = transformers.AutoModel.from_config(config, **NO_CODE)
    return bytes_in(model)


def check_layers(folder: Path, name: str) -> None:
    """Check the number of layers: building them takes time, whatever the weights hold.

    Raises:
        BackboneError: There are too many.
    """
    named = ("num_hidden_layers", "n_layers", "num_layers", "n_layer", "encoder_layers")
    config = _json(folder, "config.json")
    wrong = {k: config[k] for k in named if config.get(k) and not is_count(config[k], MOST_LAYERS)}
    if wrong:
        raise BackboneError(
            f"config.json of '{name}' says {next(iter(wrong))} is {next(iter(wrong.values()))!r}",
            allowed=f"up to {MOST_LAYERS}",
            next="copy or download the folder again",
        )


def _random(transformers: Any, place: str, seed: int) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        config = transformers.AutoConfig.from_pretrained(place, **NO_CODE)
        return transformers.AutoModel.from_config(config, **NO_CODE)


def _is_pooler(key: str) -> bool:
    return "pooler" in key.split(".") or key.endswith("position_ids")


def load_tokenizer(place: str, *, name: str) -> Tokenizer:
    """The checkpoint's tokenizer.

    Raises:
        BackboneError: There is none, or it cannot be read.
    """
    with _told(name), quiet():
        import transformers

        return Tokenizer(transformers.AutoTokenizer.from_pretrained(place, **NO_CODE))


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars and no advice from transformers inside the block."""
    import transformers

    log = transformers.utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity(logging.CRITICAL)
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()


@contextmanager
def told(name: str, cannot_open: Callable[[str], BackboneError]) -> Iterator[None]:
    """Problems inside the block as one sentence; `cannot_open` makes it of what was raised."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise BackboneError(
            f"The backbone '{name}' needs the package {error.name}",
            next=f"pip install {error.name}",
        ) from error
    except (GraftError, MemoryError):
        raise
    except Exception as error:  # readers of a foreign folder raise whatever they meet
        if ran_out(error):
            raise
        if "trust_remote_code" in str(error):
            raise brings_code(name) from error
        raise cannot_open(" ".join(str(error).split())[:600]) from error


def _told(name: str) -> AbstractContextManager[None]:
    def cannot_open(text: str) -> BackboneError:
        if "ignore_mismatched_sizes" in text:  # it names nothing but its own setting
            text = "its weights have other shapes than its config.json describes"
        return BackboneError(
            f"The backbone '{name}' cannot be opened: {text}",
            allowed="an encoder of transformers: config.json, model.safetensors and a tokenizer",
            next="check the name or the folder",
        )

    return told(name, cannot_open)


def brings_code(name: str) -> BackboneError:
    """The error for a checkpoint that only works with Python of its own."""
    return BackboneError(
        f"The backbone '{name}' brings Python code of its own (auto_map in its configuration), and "
        "graft runs no code from a checkpoint: trust_remote_code is off",
        allowed="architectures that transformers has itself",
        next="name another backbone, or a release of transformers that has this architecture",
    )


def model_config(model: nn.Module) -> Json:
    """The encoder's configuration as JSON values, without places and versions."""
    config: Any = model.config
    fields = json.loads(config.to_json_string(use_diff=False))
    return {key: value for key, value in fields.items() if key not in _PLACES}


def width(model: nn.Module) -> int:
    """D, the width of its token vectors."""
    return int(model.config.hidden_size)  # type: ignore[union-attr, arg-type]


def pooling(place: Path | None) -> str | None:
    """How sentence-transformers trained the checkpoint to be pooled; None where it did not."""
    fields = _json(place, _POOLING_FILE)
    modes = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
    modes["pooling_mode_max_tokens"] = "max"
    named = fields.get("pooling_mode")
    found = [mode for key, mode in modes.items() if fields.get(key)]
    if isinstance(named, str) and named in modes.values():
        found = [named]
    if found == ["mean"] and _ends_at_length_one(place):
        return "unit-mean"
    return found[0] if len(found) == 1 else None


def _ends_at_length_one(place: Path | None) -> bool:
    """Whether sentence-transformers scales the pooled vector to length one."""
    modules = _side_file(place, _MODULES_FILE, read_value)
    steps = modules if isinstance(modules, list) else []
    kinds = [str(step.get("type", "")) for step in steps if isinstance(step, dict)]
    return any(kind.rsplit(".", 1)[-1] == "Normalize" for kind in kinds)


def longest(model: nn.Module, tokenizer: Tokenizer, place: Path | None) -> int:
    """Tokens that the encoder takes at once: sentence-transformers' limit, else the tokenizer's,
    and never more than it has positions for."""
    config: Any = model.config
    limits = [int(tokenizer.native.model_max_length)]
    positions = getattr(config, "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0:
        limits.append(positions - _first_position(model))
    declared = _json(place, _LENGTH_FILE).get("max_seq_length")
    if isinstance(declared, int):
        limits.append(declared)
    limit = min(limits)
    return limit if limit < _NO_LIMIT else DEFAULT_LENGTH


def _first_position(model: nn.Module) -> int:
    """RoBERTa counts positions from the padding token's number on."""
    positions = next(
        (m for n, m in model.named_modules() if n.endswith("position_embeddings")), None
    )
    if isinstance(positions, nn.Embedding) and positions.padding_idx is not None:
        return positions.padding_idx + 1
    return 0


def _json(place: Path | None, name: str) -> Json:
    return _side_file(place, name, read_object) or {}


def _side_file(place: Path | None, name: str, read: Callable[[Path], Read]) -> Read | None:
    if place is None:
        return None
    try:
        return read(place / name)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise BackboneError(
            f"{place / name} cannot be read: {error}",
            allowed="the JSON that its makers wrote",
            next="copy or download the folder again",
        ) from error


# Saving.


def classifier(encoder: nn.Module, labels: Sequence[str]) -> Any | None:
    """The architecture's own sequence classifier on a copy of the encoder's weights; None where
    it has none, or one whose encoder is not the same.

    Args:
        encoder: As `load_encoder` gives it.
        labels: Label names, in the order of the logits.
    """
    import transformers

    config: Any = copy.deepcopy(encoder.config)
    config.id2label = dict(enumerate(labels))
    config.label2id = {name: number for number, name in enumerate(labels)}
    config.problem_type = None  # the one of what it was pretrained for; saving says the new one
    try:
        with torch.random.fork_rng(devices=[]), quiet():
            kind = transformers.AutoModelForSequenceClassification
            model = kind.from_config(config, dtype=torch.float32, **NO_CODE)
    except (ValueError, KeyError):
        return None
    wanted = {name: tensor.detach().cpu() for name, tensor in encoder.state_dict().items()}
    report = model.base_model.load_state_dict(wanted, strict=False)
    lacking = [name for name in report.missing_keys if not _is_pooler(name)]
    return None if lacking or report.unexpected_keys else model.eval()


def output_layer(native: nn.Module, labels: int) -> nn.Linear | None:
    """The classifier's last layer."""
    found = [m for m in native.modules() if isinstance(m, nn.Linear) and m.out_features == labels]
    return found[-1] if found and found[-1].bias is not None else None


def dense_layer(native: Any, last: nn.Linear, width: int) -> nn.Linear | None:
    """The layer between the pooled features and the last one, where there is one."""
    layers = [
        module
        for name, module in native.named_modules()
        if isinstance(module, nn.Linear)
        and module is not last
        and module.in_features == module.out_features == width
        and not _in_layers(name)
    ]
    return layers[-1] if layers and layers[-1].bias is not None else None


def _in_layers(name: str) -> bool:
    """Whether a module's name has a number in it: it then belongs to one of the layers."""
    return any(part.isdigit() for part in name.split("."))


def save(model: Any, folder: Path) -> None:
    """Write configuration and weights in transformers' layout."""
    with quiet():
        model.save_pretrained(folder)


def write_side_files(folder: Path, spec: TextSpec, features: int) -> None:
    """Pooling and longest input as sentence-transformers writes them."""
    pooling: Json = {"word_embedding_dimension": features}
    named = {"cls_token": "cls", "mean_tokens": "mean", "max_tokens": "max"}
    mode_named = spec.pooling.removeprefix("unit-")
    pooling |= {f"pooling_mode_{key}": mode_named == mode for key, mode in named.items()}
    longest: Json = {"max_seq_length": spec.max_length, "do_lower_case": False}
    (folder / _POOLING_FILE).parent.mkdir(exist_ok=True)
    files: dict[str, object] = {_POOLING_FILE: pooling, _LENGTH_FILE: longest}
    if spec.pooling == "unit-mean":
        places = {"Transformer": "", "Pooling": "1_Pooling", "Normalize": "2_Normalize"}
        files[_MODULES_FILE] = [
            {"idx": at, "name": str(at), "path": path, "type": f"{_MODULES}.{kind}"}
            for at, (kind, path) in enumerate(places.items())
        ]
    for name, fields in files.items():
        (folder / name).write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")


def label_names(folder: Path) -> list[str]:
    """The label names in a folder's `config.json`, in the order of the logits."""
    named = _json(folder, "config.json").get("id2label")
    if not isinstance(named, dict) or not all(key.isdecimal() for key in named):
        return []
    return [named[key] for key in sorted(named, key=int)]
