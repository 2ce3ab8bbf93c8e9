"""Classes with an order: found from numbers in their names, or given."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from graft.data.examples import Examples
from graft.data.targets import listed
from graft.errors import DataError
from graft.types import Task

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


def in_order(examples: Examples, order: Sequence[str], task: str | None) -> Examples:
    """The same rows, the classes of ordinal tasks in their order.

    Args:
        examples: As they were read, the classes in any order.
        order: The classes from the lowest to the highest; empty where their names hold numbers.
        task: The kinds that the user named. Where none is, an order makes those columns of classes
            ordinal that have no other classes.

    Raises:
        DataError: The order is neither given nor found, lacks a class or has nothing to order.
    """
    _check_order(order)
    tasks = tuple(_ordered(each, order, task) for each in examples.tasks)
    if order and not any(each.kind == "ordinal" for each in tasks):
        found = "; ".join(f"{each.name}: {listed(each.labels)}" for each in examples.tasks)
        raise DataError(
            f"The order {', '.join(order)} was given, and no column has these classes: {found}",
            allowed="every class of the column, from the lowest to the highest",
            next="correct --order, or leave it out",
        )
    return examples if tasks == examples.tasks else examples.with_tasks(tasks)


def split_order(text: str | None) -> tuple[str, ...]:
    """The names of `low,mid,high`.

    >>> split_order("low, mid,high"), split_order(None)
    (('low', 'mid', 'high'), ())
    """
    return tuple(part.strip() for part in text.split(",")) if text else ()


def _check_order(order: Sequence[str]) -> None:
    if len(set(order)) < len(order) or "" in order:
        raise DataError(
            f"The order {','.join(order)} names a class twice, or an empty one",
            allowed="every class once, from the lowest to the highest, with commas between them",
            next="correct --order",
        )


def _ordered(task: Task, order: Sequence[str], named: str | None) -> Task:
    if not _is_ordinal(task, order, named):
        return task
    if order:
        missing = [name for name in task.labels if name not in order]
        if missing:
            raise DataError(
                f"The order {', '.join(order)} lacks classes of '{task.name}': {listed(missing)}",
                allowed="every class of the column, from the lowest to the highest",
                next="correct --order",
            )
        return replace(task, kind="ordinal", labels=tuple(order))
    return replace(task, kind="ordinal", labels=by_number(task.labels, task.name))


def _is_ordinal(task: Task, order: Sequence[str], named: str | None) -> bool:
    if task.kind == "ordinal" or (task.one_class and named == "ordinal"):
        return True
    return named is None and task.one_class and bool(order) and set(task.labels) <= set(order)


def by_number(labels: Sequence[str], column: str = "label") -> tuple[str, ...]:
    """Class names in the order of the one number in each.

    Raises:
        DataError: A name holds no number, or several, or two hold the same.

    >>> by_number(["10 stars", "2 stars", "1 star"])
    ('1 star', '2 stars', '10 stars')
    """
    found = {name: [float(m.group()) for m in _NUMBER.finditer(name)] for name in labels}
    unclear = [name for name, numbers in found.items() if len(numbers) != 1]
    if unclear or len({numbers[0] for numbers in found.values()}) < len(found):
        raise DataError(
            f"The order of the classes of '{column}' is not clear: {listed([*labels])}",
            allowed="names with one number each, all different",
            next="say --order with the classes from the lowest to the highest, such as "
            "--order low,mid,high",
        )
    return tuple(sorted(labels, key=lambda name: found[name][0]))
