"""Transfer learning in one command.

    import graft
    model = graft.fit("photos/", backbone="resnet50")
    model.evaluate("photos-test/")
    model.predict(["a.jpg", "b.jpg"])

Names are imported when they are first used, so that `import graft` costs next to nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graft.api import (
        backbones,
        bank,
        doctor,
        evaluate,
        export,
        features,
        fit,
        load,
        lr,
        predict,
        rank,
        report,
    )
    from graft.errors import GraftError, UserError
    from graft.features import FeatureTable
    from graft.model import Model, Prediction
    from graft.selection import Ranking

__version__ = "0.1.0"

_HOMES = {
    "backbones": "graft.api",
    "bank": "graft.api",
    "doctor": "graft.api",
    "evaluate": "graft.api",
    "export": "graft.api",
    "features": "graft.api",
    "fit": "graft.api",
    "load": "graft.api",
    "lr": "graft.api",
    "predict": "graft.api",
    "rank": "graft.api",
    "report": "graft.api",
    "FeatureTable": "graft.features",
    "GraftError": "graft.errors",
    "Model": "graft.model",
    "Prediction": "graft.model",
    "Ranking": "graft.selection",
    "UserError": "graft.errors",
}

__all__ = [
    "FeatureTable",
    "GraftError",
    "Model",
    "Prediction",
    "Ranking",
    "UserError",
    "__version__",
    "backbones",
    "bank",
    "doctor",
    "evaluate",
    "export",
    "features",
    "fit",
    "load",
    "lr",
    "predict",
    "rank",
    "report",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'graft' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


class _Package(ModuleType):
    """Keeps the verbs' names: `graft.features` stays the verb when the file `features.py` is read.

    Python sets every imported file as an attribute of its package; here that would replace
    verbs such as `features` and `report` by the files of these names as soon as one is imported.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
