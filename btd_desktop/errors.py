"""Errors that describe the examiner's situation, not ours.

A `BtdError` is shown as a sentence with a hint and logged without a trace. Anything
else that escapes is a bug and takes the crash path.

::

    BtdError                     exit code
    ├── EvidenceError            3   the files received cannot be used as asked
    ├── ModelError               4   weights or card missing, damaged or not matching
    ├── CalibrationError         5   no profile covers this, or too few scans
    ├── CaseError                6   case folder missing, damaged, newer or locked
    │   └── UnauthenticatedError 9   a case that this computer did not seal, not adopted
    ├── ReportError              7   report cannot be written, signed or verified
    ├── SettingsError            8   a setting or an argument is not usable
    ├── MissingPartError         10  a part that this needs is not installed
    └── ArchiveError             11  an archive on the network is silent or refuses

`Cancelled` is neither: the examiner asked for it (exit code 130).
"""

from __future__ import annotations


class BtdError(Exception):
    """A situation that the examiner can act on.

    Attributes:
        detail: One sentence: what happened, naming the file or the value.
        hint: One sentence: what to do about it; may be empty.
        code: Short machine-readable reason, stable between versions.
    """

    exit_code = 1

    def __init__(self, detail: str, *, hint: str = "", code: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        self.code = code or type(self).__name__.removesuffix("Error").lower()


class EvidenceError(BtdError):
    """The files received cannot be used as asked."""

    exit_code = 3


class ModelError(BtdError):
    """Weights or model card are missing, damaged or do not match."""

    exit_code = 4


class CalibrationError(BtdError):
    """No calibration covers this, or it holds too few scans for what is asked."""

    exit_code = 5


class CaseError(BtdError):
    """The case folder is missing, damaged, locked or newer than this program."""

    exit_code = 6


class UnauthenticatedError(CaseError):
    """The case was not sealed with this computer's key, and nobody adopted it."""

    exit_code = 9


class ReportError(BtdError):
    """The report cannot be written, signed or verified."""

    exit_code = 7


class SettingsError(BtdError):
    """A setting or an argument is not usable."""

    exit_code = 8


class MissingPartError(BtdError):
    """A part of the program that is asked for is not installed, or does not load."""

    exit_code = 10


class ArchiveError(BtdError):
    """An archive on the network is silent, refuses, or answers what cannot be used."""

    exit_code = 11


class Cancelled(Exception):  # noqa: N818 - an answer to the examiner, not an error
    """The examiner asked to stop; what is done so far is kept."""

    exit_code = 130
