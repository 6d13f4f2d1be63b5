"""Why something was not done: one class for each kind of error that the command line knows.

The texts are the command line's. `kind` is its word for the error in JSON, `next_command` a command that helps.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from .check import CheckReport


class PatchsweepError(Exception):
    """Base of all errors of this package."""

    kind: ClassVar[str] = "failed"

    def __init__(self, message: str, next_command: str | None = None) -> None:
        super().__init__(message)
        self.next_command = next_command


class PatchsweepWarning(UserWarning):
    """What a person should know before trusting the scores."""


class ConfigError(PatchsweepError):
    """The config file cannot be used."""

    kind = "config"


class InputError(PatchsweepError):
    """A file or folder cannot be used."""

    kind = "input"


class CredentialsError(InputError):
    """The credentials file cannot be used."""


class SpecError(PatchsweepError):
    """A spec, its dataset or its model is refused."""

    kind = "spec"

    #: In the spec, from 1, where the refusal says them.
    line: int | None
    column: int | None
    #: The spec's file; None of a dict.
    path: Path | None
    #: The TOML that lines and columns count in; of a dict, or of a file with another dataset, what was made of it.
    text: str | None

    def __init__(
        self, message: str, path: Path | None = None, text: str | None = None, next_command: str | None = None
    ) -> None:
        super().__init__(message, next_command)
        self.path, self.text = path, text
        place = re.search(r"\bspec line (\d+), column (\d+)\b", message)
        self.line, self.column = (int(place[1]), int(place[2])) if place else (None, None)


class Refused(PatchsweepError):
    """The coordinator does not understand what it is asked, such as a cell that there is not."""

    kind = "usage"


class RequestFailed(PatchsweepError):
    """The coordinator understands, but cannot do it, such as give results of a sweep that has none."""


class UnknownSweep(PatchsweepError):
    """No sweep, or several, are called that."""

    kind = "no_sweep"


class Unreachable(PatchsweepError, ConnectionError):
    """Nobody answers, or the connection broke."""

    kind = "unreachable"

    def __init__(self, message: str, reason: str, next_command: str) -> None:
        super().__init__(message, next_command)
        #: The innermost cause.
        self.reason = reason


class AnswerLost(Unreachable):
    """The connection broke after a submission was sent and before it was answered."""


class NotLetIn(PatchsweepError):
    """Token, certificate or TLS; trying again cannot help."""

    kind = "not_let_in"


class OtherRelease(PatchsweepError):
    """The coordinator is of another release than this package."""

    kind = "other_release"


class SweepEnded(PatchsweepError):
    """A sweep has ended, and not all that it should compute is there."""

    def __init__(self, message: str, sweep: str, reason: str, can_resume: bool = True) -> None:
        super().__init__(message, f"patchsweep resume {sweep}" if can_resume else None)
        #: Its id.
        self.sweep = sweep
        #: Why; empty where it was cancelled.
        self.reason = reason


class SweepFailed(SweepEnded):
    """No tile could be computed."""


class SweepPartial(SweepEnded):
    """Some tiles could not be computed; all other scores are there."""

    kind = "partial"


class SweepCancelled(SweepEnded):
    """Somebody cancelled it."""

    kind = "cancelled"


class CheckDisagrees(PatchsweepError):
    """Scores differ from those of plain forward passes."""

    kind = "check"

    def __init__(self, message: str, report: CheckReport) -> None:
        super().__init__(message)
        self.report = report


class MissingPackage(PatchsweepError, ImportError):
    """A package that only some functions need is not installed."""


class NoProgram(PatchsweepError):
    """The program `patchsweep` is not on this machine, or what is called so does not start or answer as it does."""


class ProgramFailed(PatchsweepError):
    """The program `patchsweep` refused what it was asked for another reason than the spec, or was ended by a signal."""
