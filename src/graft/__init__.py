"""Transfer learning in one command.

    import graft
    model = graft.fit("photos/", backbone="resnet50")
    model.evaluate("photos-test/")
    model.predict(["a.jpg", "b.jpg"])

Names are imported when they are first used, so that `import graft` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graft.api import backbones, evaluate, features, fit, load, predict, report
    from graft.errors import GraftError, UserError
    from graft.features import FeatureTable
    from graft.model import Model, Prediction

__version__ = "0.1.0"

_HOMES = {
    "backbones": "graft.api",
    "evaluate": "graft.api",
    "features": "graft.api",
    "fit": "graft.api",
    "load": "graft.api",
    "predict": "graft.api",
    "report": "graft.api",
    "FeatureTable": "graft.features",
    "GraftError": "graft.errors",
    "Model": "graft.model",
    "Prediction": "graft.model",
    "UserError": "graft.errors",
}

__all__ = [
    "FeatureTable",
    "GraftError",
    "Model",
    "Prediction",
    "UserError",
    "__version__",
    "backbones",
    "evaluate",
    "features",
    "fit",
    "load",
    "predict",
    "report",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'graft' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
