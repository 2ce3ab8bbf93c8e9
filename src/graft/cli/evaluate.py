"""`graft evaluate`."""

from __future__ import annotations

from graft.cli.console import output, print_json
from graft.cli.options import AsJson, Data, Group, Input, Label, Labels, Run


def evaluate(
    run: Run,
    data: Data,
    input: Input = None,  # noqa: A002 - the option's name
    label: Label = None,
    labels: Labels = None,
    group: Group = None,
    as_json: AsJson = False,
) -> None:
    """Figures with intervals of a trained model on labelled DATA."""
    from graft.api import evaluate as evaluate_model
    from graft.cli.summary import metric_lines

    columns = tuple(name.strip() for name in labels.split(",")) if labels else ()
    found = evaluate_model(run, data, input=input, label=label, labels=columns, group=group)
    if as_json:
        print_json(found)
        return
    console = output()
    counts = found["counts"]
    console.print(f"{counts['test']} examples; {counts['set_aside']} set aside")
    for line in metric_lines(found["metrics"]):
        console.print(line)
    for item in found["set_aside"][:10]:
        console.print(f"set aside: {item['input']}: {item['reason']}", markup=False)
    for note in found["notes"]:
        console.print(f"note: {note}", markup=False)
