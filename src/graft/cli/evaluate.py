"""`graft evaluate`."""

from __future__ import annotations

from graft.cli.console import output, print_json
from graft.cli.options import AsJson, Data, Group, Input, Label, Run


def evaluate(
    run: Run,
    data: Data,
    input: Input = None,  # noqa: A002 - the option's name
    label: Label = None,
    group: Group = None,
    as_json: AsJson = False,
) -> None:
    """Figures with intervals of a trained model on labelled DATA."""
    from graft.api import evaluate as evaluate_model
    from graft.cli.summary import METRIC_NAMES, figure

    found = evaluate_model(run, data, input=input, label=label, group=group)
    if as_json:
        print_json(found)
        return
    console = output()
    counts = found["counts"]
    console.print(f"{counts['test']} examples; {counts['set_aside']} set aside")
    for key, shown in METRIC_NAMES.items():
        console.print(f"{shown:<18} {figure(found['metrics'][key])}")
    for item in found["set_aside"][:10]:
        console.print(f"set aside: {item['input']}: {item['reason']}", markup=False)
