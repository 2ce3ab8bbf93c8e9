"""Hugging Face data sets: objects of the `datasets` library, and names on the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graft.data.columns import Columns
from graft.data.examples import SetAside
from graft.data.parts import SPELLINGS, UNDECLARED, part_named
from graft.errors import DataError, NetworkError

PREFIX = "hf:"


def is_dataset(source: object) -> bool:
    """Whether an object is a `Dataset` or `DatasetDict`, told without importing the library."""
    return any(
        kind.__module__.split(".")[0] == "datasets" and kind.__name__ in ("Dataset", "DatasetDict")
        for kind in type(source).__mro__
    )


def download(name: str) -> Any:
    """The data set of this name on the hub, from the local cache where it lies there.

    Args:
        name: `hf:NAME`, or `hf:NAME:CONFIGURATION`.

    Raises:
        NetworkError: The hub cannot be reached.
        DataError: The hub knows no such data set or configuration.
    """
    import datasets

    path, _, configuration = name.removeprefix(PREFIX).partition(":")
    try:
        return datasets.load_dataset(path, configuration or None)
    except (FileNotFoundError, ValueError) as error:
        raise DataError(
            f"The hub's data set '{path}' cannot be read: {_first_line(error)}",
            allowed="hf:NAME or hf:NAME:CONFIGURATION",
            next="check the name on huggingface.co/datasets",
        ) from error
    except (OSError, RuntimeError) as error:
        raise NetworkError(
            f"The data set '{path}' could not be downloaded: {_first_line(error)}",
            next="connect to the network, or download it on another machine, save it as Parquet "
            "(dataset.to_parquet) and give that file",
        ) from error


def dataset_columns(source: Any, shown: str) -> tuple[list[Columns], list[SetAside]]:
    """The columns of each part; splits that are no part are left out and named.

    Args:
        source: A `Dataset` or `DatasetDict`; a table is converted part by part.
        shown: What to call it.

    Raises:
        DataError: None of the splits is a part.
    """
    if not isinstance(source, dict):
        return [_columns(source, shown, UNDECLARED)], []
    parts = {name: part for name in source if (part := part_named(str(name)))}
    if not parts:
        raise DataError(
            f"{shown} has the splits {', '.join(source)}",
            allowed=SPELLINGS,
            next="give one of its splits, such as data['...']",
        )
    tables = [_columns(source[name], shown, part) for name, part in parts.items()]
    reason = "not a train, validation or test split"
    return tables, [SetAside(f"split {name}", reason) for name in source if name not in parts]


def _columns(dataset: Any, shown: str, part: str) -> Columns:
    """Pictures stay encoded until they are opened: a decoded set may not fit into memory."""
    import datasets

    class_names: dict[str, tuple[str, ...]] = {}
    for name, feature in dataset.features.items():
        if isinstance(feature, datasets.Image):
            dataset = dataset.cast_column(name, datasets.Image(decode=False))
        elif isinstance(feature, datasets.ClassLabel) and feature.names:
            class_names[name] = tuple(feature.names)
    plain = dataset.with_format(None)
    cells = {name: list(plain[name]) for name in plain.column_names}
    return Columns(shown, Path.cwd(), cells, class_names, part)


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
