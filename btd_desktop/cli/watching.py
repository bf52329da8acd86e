"""Progress on standard error, and Ctrl-C as a request to stop.

On a terminal there is a bar; elsewhere a line at most every five seconds, so that a
log file stays readable. The first Ctrl-C lets the work stop where it is consistent,
the second ends the program at once.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

from btd_desktop.progress import Progress, TaskContext

_LINE_EVERY_S = 5.0


@contextlib.contextmanager
def watched() -> Iterator[TaskContext]:
    """A context whose progress is shown and that Ctrl-C cancels."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(_bar()) if sys.stderr.isatty() else _Lines()
        context = TaskContext(listener)
        stack.enter_context(_interrupt_cancels(context))
        yield context


@contextlib.contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    # Imported late: `btd --version` needs no bar.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars
    from rich.text import Text

    from btd_desktop.report.visible import visible_text

    class TimeLeft(TimeRemainingColumn):
        """The bar's own estimate, unless the work gives a better one."""

        def render(self, task: Task) -> Text:
            told = task.fields["left"]
            return super().render(task) if told is None else Text(told)

    bars = Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeLeft(),
        TextColumn("{task.fields[detail]}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )
    shown = ""
    task = bars.add_task("", total=None, visible=False, detail="", left=None)

    def listen(progress: Progress) -> None:
        nonlocal shown
        total = progress.total or None
        if progress.stage != shown:
            shown = progress.stage
            # A new stage is a new start for the estimate.
            bars.reset(task, total=total, visible=True, description=visible_text(shown))
        bars.update(
            task,
            completed=progress.done,
            total=total,
            left=progress.left,
            detail=visible_text(progress.detail),
        )

    with bars:
        yield listen


class _Lines:
    """Progress as plain lines: at once for a new kind of work, else seldom."""

    def __init__(self) -> None:
        self._last_s = 0.0
        self._told: set[str] = set()
        self._stage, self._began_s, self._first = "", 0.0, 0

    def __call__(self, progress: Progress) -> None:
        from btd_desktop.cli.output import warn

        now = time.monotonic()
        if progress.stage != self._stage:
            self._stage, self._began_s = progress.stage, now
            self._first = progress.done
        # Stages that take turns are announced once each.
        if progress.stage in self._told and now - self._last_s < _LINE_EVERY_S:
            return
        self._told.add(progress.stage)
        self._last_s = now
        warn(self._text(progress, now))

    def _text(self, progress: Progress, now: float) -> str:
        text = progress.stage
        if progress.total:
            text += f": {progress.done} of {progress.total}"
        made = progress.done - self._first
        if progress.left is not None:
            text += f", {progress.left}" if progress.left else ""
        elif made > 0 and progress.total > progress.done:
            pace = (now - self._began_s) / made
            text += f", {pace * (progress.total - progress.done):.0f} s left"
        return f"{text}, {progress.detail}" if progress.detail else text


@contextlib.contextmanager
def _interrupt_cancels(context: TaskContext) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_interrupt(_number: int, _frame: FrameType | None) -> None:
        context.cancel()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
