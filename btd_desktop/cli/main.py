"""The command line: commands, exit codes, and the one place where a bug is caught.

Exit codes: 0 done; 1 the command's answer is no (`demo`, `doctor`), or an error of no
other kind; 2 the command cannot be understood; 3 to 11 by kind of error (`errors`);
70 a bug, whose trace is in the log file; 130 stopped by the user; 141 the reader of the
output went away.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, cast

import typer

from btd_desktop import __version__
from btd_desktop.cli.commands import COMMANDS, GROUPS
from btd_desktop.cli.invocation import Invocation
from btd_desktop.cli.output import OutputClosedError, prepare_streams, print_json, warn
from btd_desktop.errors import BtdError, Cancelled, SettingsError
from btd_desktop.logs import Redactor, close_logging, configure_logging
from btd_desktop.paths import log_dir

EXIT_USAGE = 2
EXIT_BUG = 70
_EXIT_PIPE = 141  # as a shell reports SIGPIPE: the reader went away, nothing is wrong

# Typer brings its own copy of click; its classes are reached through Typer's names.
_ClickError = cast("type[Exception]", typer.BadParameter.__bases__[0].__bases__[0])

_log = logging.getLogger(__name__)


def _make_app() -> typer.Typer:
    app = typer.Typer(
        name="btd",
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name, command in COMMANDS.items():
        app.command(name)(command)
    for name, group in GROUPS.items():
        app.add_typer(group, name=name)
    return app


def _root(
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and exit.",
            is_eager=True,
            callback=lambda wanted: _print_version() if wanted else None,
        ),
    ] = False,
) -> None:
    """Examine CT and MR scans for tampering: scores, p-values, signed reports.

    Without a command the window opens.
    """


def _print_version() -> None:
    sys.stdout.write(f"btd {__version__}\n")
    raise typer.Exit


def run(argv: Sequence[str], open_window: Callable[[Path | None], int]) -> int:
    """Run one command and return its exit status; no exception escapes.

    Args:
        argv: Arguments without the program's name.
        open_window: Opens the window, given a path to open in it or None.
    """
    prepare_streams()
    as_json = "--json" in argv
    command = typer.main.get_command(_make_app())
    try:
        _start_log(argv)
        status = command.main(
            args=list(argv),
            prog_name="btd",
            obj=Invocation(tuple(argv), open_window),
            standalone_mode=False,
        )
    except (BtdError, Cancelled) as error:
        return _tell(error, as_json=as_json)
    except _ClickError as error:
        return _tell_usage(error, as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        return _tell(Cancelled(), as_json=as_json)
    except OutputClosedError:
        # Python would complain once more when it flushes standard output at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _EXIT_PIPE
    except Exception as error:  # noqa: BLE001 - the outermost edge: a bug of ours
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            return _tell(_too_long(), as_json=as_json)
        return _tell_bug(error, as_json=as_json)
    finally:
        close_logging()
    return status if isinstance(status, int) else 0


def _too_long() -> BtdError:
    return BtdError(
        "a path that was given is longer than this system allows",
        hint="move the folder closer to the root, or check what was typed",
        code="long_path",
    )


def _start_log(argv: Sequence[str]) -> None:
    """Log to the user's folder; where that fails, say so and go on without."""
    if not argv or {"-h", "--help", "--version"} & set(argv):
        return
    from btd_desktop.settings import load_settings

    redactor = Redactor()
    for word in argv:
        if os.path.lexists(word):
            redactor.register(word, "path")
    loaded = load_settings()
    for problem in loaded.problems:
        warn(f"settings: {problem}; its default is used")
    try:
        configure_logging(log_dir(), level=loaded.settings.log_level, redactor=redactor)
    except SettingsError as error:
        warn(f"no log is kept: {error.detail}")


def _tell(error: BtdError | Cancelled, *, as_json: bool) -> int:
    from btd_desktop.examination.wording import error_json, error_text

    if as_json:
        print_json(error_json(error))
    prefix = "" if isinstance(error, Cancelled) else "error: "
    warn(*f"{prefix}{error_text(error)}".splitlines())
    return error.exit_code


def _tell_usage(error: Exception, *, as_json: bool) -> int:
    from btd_desktop.examination.wording import error_json

    message = getattr(error, "format_message", lambda: str(error))()
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "btd"
    told = BtdError(message, hint=f"see {path} --help", code="usage")
    if as_json:
        print_json(error_json(told))
    warn(*f"error: {message}".splitlines(), f"See {path} --help.")
    return EXIT_USAGE


def _tell_bug(error: Exception, *, as_json: bool) -> int:
    from btd_desktop.examination.wording import error_json

    _log.error("unexpected error", exc_info=error)
    kind = type(error).__name__
    told = BtdError(
        f"an error in the program itself ({kind}); its trace is in {log_dir()}",
        hint="nothing that was stored is lost; please report it with the log file",
        code="bug",
    )
    if as_json:
        print_json(error_json(told))
    warn(f"error: {told.detail}. {told.hint}")
    return EXIT_BUG
