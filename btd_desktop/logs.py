"""Logging that says what the program did and never whom it looked at.

Two sinks: a rotating file in the user's log folder and, if wanted, the console. What
identifies a patient is kept out in these ways:

* paths given as arguments or through `extra` become case-local ids (`path-3`);
* values of the `extra` keys in `SENSITIVE_KEYS` become ids by their kind;
* texts registered with `Redactor.register` (names, patient ids, folders) are replaced
  wherever they occur, in messages and in traces;
* as a net below these, absolute paths in messages and in the words of an error become
  ids too, since errors of the operating system name their file; and what an error's
  words quote is left out, since errors of Python quote the value that they met.

The same text gets the same id as long as the redactor lives, so a log can still be
followed; the ids are numbered by appearance and mean nothing outside it. Nothing here
finds a name that nobody registered: the rule stays to log ids only.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import TextIO

from btd_desktop.errors import SettingsError

LOGGER_NAME = "btd_desktop"
"""Root of all loggers of this package; modules use `logging.getLogger(__name__)`."""

SENSITIVE_KEYS: Mapping[str, str] = {
    "patient_name": "patient",
    "patient_id": "patient",
    "birth_date": "birth-date",
    "accession_number": "accession",
    "institution": "institution",
    "physician": "physician",
    "client": "client",
    "case_number": "case",
    "path": "path",
    "folder": "path",
    "file_name": "path",
}
"""`extra` keys whose values never reach a log, and the kind of id they get."""

MIN_SECRET_LENGTH = 3
"""Shorter texts are not searched for: replacing every "12" would spoil the log."""

_ExcInfo = (
    tuple[type[BaseException], BaseException, TracebackType | None]
    | tuple[None, None, None]
)
_FILE_NAME = "btd.log"
_MAX_BYTES = 2_000_000
_N_OLD_FILES = 4
_FORMAT = "%(asctime)sZ %(levelname)s %(name)s: %(message)s"
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_QUOTED = re.compile(r"(?<!\w)(['\"])(?:\\.|(?!\1(?!\w)).)+\1(?!\w)")
_NAME_SEPARATORS = re.compile(r"[\^=\s,;/\\]+")
_ABSOLUTE = r"(?:[A-Za-z]:[\\/]|\\\\|/)"
_PATH_IN_TEXT = re.compile(
    rf"(?P<quote>['\"])(?P<quoted>{_ABSOLUTE}.+?)(?P=quote)"
    rf"|(?<![\w./:\\-])(?P<bare>{_ABSOLUTE}[^\s'\",;]*[^\s'\",;:.)])"
)


class Redactor:
    """Replaces registered texts by ids; safe from any thread.

    Attributes are private: the map back from id to text is never handed out.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._alias_by_text: dict[str, str] = {}
        self._count_by_kind: dict[str, int] = {}
        self._pattern: re.Pattern[str] | None = None

    def register(self, text: str, kind: str = "secret") -> str:
        """Id under which a text will appear; the same one for the same text.

        Letter case does not count. For `kind="patient"` the parts of a DICOM person
        name ("DOE^JANE") are registered too, in any order, under the same id.

        Args:
            text: What must not be logged. Texts shorter than `MIN_SECRET_LENGTH` get
                an id but are not searched for.
            kind: First part of the id, such as "patient" or "path".
        """
        whole = text.strip()
        with self._lock:
            alias = self._alias_by_text.get(whole.casefold())
            if alias is None:
                number = self._count_by_kind.get(kind, 0) + 1
                self._count_by_kind[kind] = number
                alias = f"{kind}-{number}"
                self._add(whole, alias)
            if kind == "patient":
                for part in _NAME_SEPARATORS.split(whole):
                    self._add(part, alias)
        return alias

    def _add(self, text: str, alias: str) -> None:
        key = text.casefold()
        if key and key not in self._alias_by_text:
            self._alias_by_text[key] = alias
            self._pattern = None

    def redact(self, text: str) -> str:
        """The text with each registered one replaced by its id, longest first."""
        with self._lock:
            if self._pattern is None:
                self._pattern = _pattern_of(self._alias_by_text)
            aliases, pattern = self._alias_by_text, self._pattern
            return pattern.sub(
                lambda match: aliases.get(match.group().casefold(), "redacted"), text
            )


def _pattern_of(texts: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(
        (t for t in texts if len(t) >= MIN_SECRET_LENGTH), key=len, reverse=True
    )
    if not longest_first:
        return re.compile(r"(?!)")
    choices = "|".join(re.escape(t) for t in longest_first)
    # Not \b: a path starts with a slash, which is no word character.
    return re.compile(rf"(?<!\w)(?:{choices})(?!\w)", re.IGNORECASE)


class PatientDataFilter(logging.Filter):
    """Turns paths and sensitive extras of a record into ids, in place.

    Args:
        redactor: Where the ids come from.
    """

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record once; always true, since nothing is dropped."""
        if getattr(record, "is_redacted", False):
            return True
        record.is_redacted = True
        for key, kind in SENSITIVE_KEYS.items():
            value = record.__dict__.get(key)
            if value is not None:
                record.__dict__[key] = self._redactor.register(str(value), kind)
        if isinstance(record.args, tuple):
            record.args = tuple(self._argument(value) for value in record.args)
        elif record.args:
            record.args = {k: self._argument(v) for k, v in record.args.items()}
        return True

    def learn(self, text: str, kind: str) -> None:
        """Let a text appear as an id from now on."""
        if text.strip():
            self._redactor.register(text, kind)

    def _argument(self, value: object) -> object:
        if isinstance(value, os.PathLike):
            return self._redactor.register(os.fsdecode(value), "path")
        return value


class RedactingFormatter(logging.Formatter):
    """One line a record, times in UTC, traces indented below, no registered text.

    Control and formatting characters are shown as escapes, so that tag text cannot
    forge a log line or reorder it.

    Args:
        redactor: What replaces the registered texts.
    """

    converter = staticmethod(time.gmtime)

    def __init__(self, redactor: Redactor) -> None:
        super().__init__(_FORMAT, datefmt="%Y-%m-%dT%H:%M:%S")
        self._redactor = redactor
        self._home = str(Path.home())

    def format(self, record: logging.LogRecord) -> str:
        """The finished text of a record, trace included."""
        # A trace that another handler cached would pass unredacted, and ours, being
        # indented, is nothing that another handler should find.
        cached, record.exc_text = record.exc_text, None
        try:
            return super().format(record)
        finally:
            record.exc_text = cached

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """The line without its trace."""
        record.message = self._clean(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802
        """The trace, each line cleaned and indented."""
        return self._clean_trace(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        """The stack, each line cleaned and indented."""
        return self._clean_trace(super().formatStack(stack_info))

    def _clean_trace(self, text: str) -> str:
        return "\n".join(
            "    " + self._clean(line, keep_paths=line.lstrip().startswith('File "'))
            for line in _without_quotes(text.splitlines())
        )

    def _clean(self, text: str, *, keep_paths: bool = False) -> str:
        if not keep_paths:
            text = _PATH_IN_TEXT.sub(self._path_id, text)
        text = _visible(self._redactor.redact(text))
        return text.replace(self._home, "~") if len(self._home) > 1 else text

    def _path_id(self, match: re.Match[str]) -> str:
        return self._redactor.register(match["quoted"] or match["bare"], "path")


def _without_quotes(lines: Iterable[str]) -> Iterator[str]:
    """Lines of a trace; what the words of an error quote is left out, code is kept.

    Traceback indents the code, and begins the words of an error at the margin. Their
    further lines cannot be told from code and are left out as a whole.
    """
    in_words = False
    for line in lines:
        if line.startswith(("Traceback (", "The above exception", "During handling")):
            in_words = False
            yield line
        elif line.startswith(" ") and not in_words:
            yield line
        elif not in_words and line.strip():
            in_words = True
            # A path is told apart by its own rule and gets an id there.
            yield _QUOTED.sub(_quote_left_out, line)
        elif not line.strip():
            yield line


def _quote_left_out(match: re.Match[str]) -> str:
    return match.group() if _PATH_IN_TEXT.fullmatch(match.group()) else "'…'"


def _visible(text: str) -> str:
    return "".join(
        c if unicodedata.category(c) not in _UNSEEN else _code(c) for c in text
    )


def _code(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def configure_logging(
    folder: Path,
    *,
    level: str = "INFO",
    console: TextIO | None = None,
    redactor: Redactor | None = None,
) -> Redactor:
    """Send this package's log to a rotating file and, if given, to a stream.

    Calling it again replaces what the first call set up. Other packages' loggers are
    left alone: what pydicom or Qt log may hold tag text, so it is not collected.

    Args:
        folder: Created if missing; holds `btd.log` and up to four older files.
        level: Name of the lowest level that is written.
        console: Stream for warnings and errors, usually standard error; None for
            none. The file gets every record from `level` on.
        redactor: Shared redactor; a new one by default.

    Returns:
        The redactor, to register names and folders with as they become known.

    Raises:
        SettingsError: The level is not known or the file cannot be opened.
    """
    if level not in logging.getLevelNamesMapping():
        raise SettingsError(f"there is no log level {level!r}", code="bad-setting")
    redactor = Redactor() if redactor is None else redactor
    try:
        folder.mkdir(parents=True, exist_ok=True)
        to_file: logging.Handler = RotatingFileHandler(
            folder / _FILE_NAME,
            maxBytes=_MAX_BYTES,
            backupCount=_N_OLD_FILES,
            encoding="utf-8",
            errors="backslashreplace",
        )
    except OSError as error:
        raise SettingsError(
            f"the log file in {folder} cannot be opened ({error.strerror or error})",
            hint="check the folder's permissions and the free space",
            code="log-not-writable",
        ) from error
    handlers = [to_file]
    if console is not None:
        to_console = logging.StreamHandler(console)
        to_console.setLevel(logging.WARNING)
        handlers.append(to_console)
    close_logging()
    logger = logging.getLogger(LOGGER_NAME)
    logger.setLevel(level)
    logger.propagate = False
    for handler in handlers:
        handler.addFilter(PatientDataFilter(redactor))
        handler.setFormatter(RedactingFormatter(redactor))
        logger.addHandler(handler)
    return redactor


def keep_out_of_logs(texts: Iterable[str], kind: str = "patient") -> None:
    """Let texts that have become known appear as ids in the logs kept now.

    Does nothing while no log is kept.

    Args:
        texts: Names, numbers; empty ones do not count.
        kind: First part of their ids.
    """
    for handler in logging.getLogger(LOGGER_NAME).handlers:
        for rule in handler.filters:
            if isinstance(rule, PatientDataFilter):
                for text in texts:
                    rule.learn(text, kind)


def close_logging() -> None:
    """Flush and remove what `configure_logging` set up; harmless when it did not."""
    logger = logging.getLogger(LOGGER_NAME)
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    logger.propagate = True
