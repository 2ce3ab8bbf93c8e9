"""The entry point: verbs, exit status, and how a failure is told.

Exit status: 0 done; 2 the user's input or machine is at fault; 1 a fault of graft's own; 130
Ctrl-C.
"""

from __future__ import annotations

import atexit
import errno
import gc
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress

import typer

from graft.cli import (
    backbones,
    bank,
    demo,
    doctor,
    evaluate,
    export,
    features,
    fit,
    lr,
    predict,
    rank,
    report,
)
from graft.cli.console import messages, print_json
from graft.cli.deferred import defer_compiler
from graft.cli.waiting import choose_waiting
from graft.errors import GraftError, OutputError, ResourceError, UserError
from graft.files import is_full, system_error
from graft.memory import (
    free_reserve,
    keep_within_limit,
    out_of_memory,
    ran_out,
    set_reserve,
)

INTERRUPTED = 130
UsageError: type[Exception] = typer.BadParameter.__bases__[0]

app = typer.Typer(
    name="graft",
    help="Transfer learning in one command: freeze, graft a head, train, evaluate honestly.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("fit")(fit.fit)
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.command("features")(features.features)
app.command("rank")(rank.rank)
app.command("lr")(lr.lr)
app.command("backbones")(backbones.backbones)
app.command("bank")(bank.bank)
app.command("report")(report.report)
app.command("export")(export.export)
app.command("doctor")(doctor.doctor)
app.command("demo")(demo.demo)


@app.callback(invoke_without_command=True)
def _top(
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
) -> None:
    if version:
        from graft import __version__

        typer.echo(f"graft {__version__}")
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    choose_waiting(os.environ)
    defer_compiler()
    keep_within_limit()
    set_reserve()
    # Nearly all that imports make stays: looking for garbage among it takes a sixth of their time.
    gc.set_threshold(10_000, 20, 20)
    given = [*(sys.argv[1:] if arguments is None else arguments)]
    sys.exit(_run(given))


def _run(arguments: list[str]) -> int:
    as_json = "--json" in arguments
    try:
        status = app(arguments, prog_name="graft", standalone_mode=False)
    except GraftError as problem:
        return _fail(problem, as_json, 2 if isinstance(problem, UserError) else 1)
    except UsageError as problem:
        return _fail(_usage(problem), as_json, 2)
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    except SystemExit as stop:
        # Typer exits with 1 when the reader of a pipe goes away, as `head` does: no fault.
        if not isinstance(stop.__context__, BrokenPipeError):
            raise
        # Writing more at exit would raise again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except Exception as problem:
        if ran_out(problem):
            traceback.clear_frames(problem.__traceback__)  # and with them what filled the memory
            _leave_quietly()
        machine = _machine_fault(problem)
        if machine is not None:
            return _fail(machine, as_json, 2)
        traceback.print_exc()
        return _fail(_own_fault(problem), as_json, 1)
    if status == INTERRUPTED:  # which Typer makes of Ctrl-C
        messages().print("Stopped.")
    return status if isinstance(status, int) else 0


def _leave_quietly() -> None:
    """Make room for the message; PyTorch's compiler need not tell at exit what it compiled."""
    free_reserve()
    told = vars(sys.modules.get("torch._dynamo.utils", object)).get("dump_compile_times")
    if told is not None:
        atexit.unregister(told)


def _fail(problem: GraftError, as_json: bool, status: int) -> int:
    if isinstance(problem, ResourceError):
        _leave_quietly()
    if as_json:
        with suppress(OSError):  # standard output itself may be what is full or gone
            print_json({"error": problem.to_dict()})
            return status
    messages().print(str(problem), markup=False, emoji=False)
    return status


def _usage(problem: Exception) -> UserError:
    context = getattr(problem, "ctx", None)
    command = context.command_path if context else "graft"
    text = problem.format_message() if hasattr(problem, "format_message") else str(problem)
    return UserError(text, next=f"'{command} --help' lists the options")


def _machine_fault(problem: Exception) -> UserError | None:
    """The machine's part in a failure: memory, disk, permissions; None where it has none."""
    if ran_out(problem) or "out of memory" in str(problem):
        return out_of_memory("Memory ran out")
    system = system_error(problem)
    if system is None:
        return None
    if is_full(system):
        return ResourceError(
            f"The disk is full ({system.filename or 'while writing'})",
            allowed="room for the run folder and the bank",
            next="free some space, choose another --out, or move the bank with GRAFT_CACHE",
        )
    if system.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputError(
            f"{system.filename or 'A file'} cannot be opened ({system.strerror})",
            allowed="files and folders that you may read and write",
            next="change its permissions, or choose another place",
        )
    return None


def _own_fault(problem: Exception) -> GraftError:
    return GraftError(
        f"graft failed with {type(problem).__name__}: {problem}",
        next="please report this with the lines above",
    )
