"""The lines of a snippet that say what the outputs of a saved model mean."""

from __future__ import annotations

from graft.export.manifest import Manifest
from graft.types import Task, slices


def with_answers(code: str, description: Manifest) -> str:
    """A snippet for one class a row, its last line replaced by one for each task.

    Args:
        code: Python that ends with a line that prints the class of `logits` (1, C).
        description: What the outputs mean.
    """
    if not description.tasks:
        return code
    places = slices(task.outputs for task in description.tasks)
    names = f"names = {list(description.labels)!r}"
    lines = [_line(task, place) for task, place in zip(description.tasks, places, strict=True)]
    return "\n".join([*code.splitlines()[:-1], names, *lines])


def _line(task: Task, place: slice) -> str:
    start, stop = place.start, place.stop
    if task.kind == "regression":
        return f"print(names[{start}], float(logits[0, {start}]))"
    if task.one_class:
        return f"print(names[{start} + int(logits[0, {start}:{stop}].argmax())])"
    return f"print([names[n] for n in range({start}, {stop}) if logits[0, n] >= 0])"
