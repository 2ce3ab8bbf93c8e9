"""`graft report`."""

from __future__ import annotations

from graft.cli.console import output, print_json
from graft.cli.options import AsJson, Run


def report(run: Run, as_json: AsJson = False) -> None:
    """Write report.html of a finished run again."""
    from graft.report import write_report

    path = write_report(run)
    if as_json:
        print_json({"report": str(path)})
    else:
        output().print(str(path), markup=False)
