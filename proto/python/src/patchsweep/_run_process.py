"""The program `patchsweep run` while it runs."""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from . import _program
from ._display import Display

_STANDING = re.compile(r"(running|done|partial|failed|cancelled) +(\d+)%  (.+)")

#: Lines that say why a program ended that has printed no JSON.
_TAIL = 50

_OVERWRITE = "with overwrite=True where it names `out`"

#: What the program calls otherwise than a caller of Python does.
_WORDS = {
    "the same command with --overwrite goes on": f"the same call, {_OVERWRITE}, goes on",
    "the same command with --overwrite and without --new goes on": f"the same call without new=True, {_OVERWRITE}, goes on",
    "the same command without --new goes on": "the same call without new=True goes on",
    "the same command goes on": "the same call goes on",
    "the same command with --new and --overwrite does": f"the same call with new=True does, {_OVERWRITE}",
    "--new begins anew": "new=True begins anew",
    "`--new` begins anew": "new=True begins anew",
    "replace the results in it with `--overwrite`": "replace the results in it with overwrite=True",
    "choose another folder with --out": "choose another folder with out",
}


@dataclass(frozen=True)
class Outcome:
    """What is there when it has ended."""

    #: What it printed as JSON.
    fields: dict[str, Any]
    #: What a person should know before trusting the scores.
    warnings: tuple[str, ...]


def follow(words: list[str], title: str, show: bool) -> Outcome:
    """Runs the program to its end, and shows what it says. An interrupt ends it in order, a second one at once."""
    path = _program.program()
    command = [path, "--output", "json", *words, "--until-stdin-closes"]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out, Display(title, show) as display:
        try:
            # In a session of its own, where a terminal's Ctrl-C does not reach it twice. It ends when this process does.
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.PIPE,
                encoding="utf-8", errors="replace", start_new_session=True, env=_program.environment(),
            )  # fmt: skip
        except (OSError, ValueError) as error:
            raise _program.is_another(path, error) from error
        listener = _Listener(title, display)
        with process:
            try:
                listener.hear(process)
            except KeyboardInterrupt:
                process.send_signal(signal.SIGINT)
                listener.hear(process)
                raise
            finally:
                if process.poll() is None:
                    process.kill()
        out.seek(0)
        fields = _program.printed(path, out.read(), process.returncode, "\n".join(listener.tail))
        refused = fields.get("error")
        if refused is None:
            # Others have done its work.
            return Outcome(fields, (*listener.warnings, *(f"a worker has ended: {why}" for why in listener.errors)))
        refused["message"] = in_python(refused["message"])
        said = "\n".join(f"error: {why}" for why in listener.errors if why != refused["message"])
        if said and show:
            display.say(said)
        elif said:
            refused["message"] += f"\n{said}"
        return Outcome(fields, tuple(listener.warnings))


def in_python(text: str) -> str:
    """What the program says, in the words of this package."""
    for words, own in _WORDS.items():
        text = text.replace(words, own)
    return text


class _Listener:
    """Sorts what the program says."""

    def __init__(self, title: str, display: Display) -> None:
        self._title, self._display = title, display
        self.warnings: list[str] = []
        #: The program's own comes last, and is raised; another one is a worker's.
        self.errors: list[str] = []
        #: Whether an error's next lines may follow.
        self._in_error = False
        #: What came last, but for how far it is.
        self.tail: deque[str] = deque(maxlen=_TAIL)

    def hear(self, process: subprocess.Popen[str]) -> None:
        """All that it says until it has ended."""
        said: Iterable[str] = process.stderr or ()
        for line in said:
            self._sort(line.rstrip("\n"))
        process.wait()

    def _sort(self, line: str) -> None:
        standing = _STANDING.fullmatch(line)
        if standing is not None:
            self._in_error = False
            self._display.show(_Standing(self._title, standing[1], int(standing[2]), standing[3]))
            return
        self.tail.append(line)
        line = in_python(line)
        kind, _, text = line.partition(": ")
        if kind == "warning":
            self.warnings.append(text)
        elif kind == "error":
            self.errors.append(text)
        elif self._in_error:
            self.errors[-1] += f"\n{line}"
        else:
            self._display.say(line)
        self._in_error = kind == "error" or (self._in_error and kind != "warning")


@dataclass(frozen=True)
class _Standing:
    """How far it is, as it says that itself."""

    sweep: str
    state: str
    percent: int
    summary: str
    #: It says that in a line of its own.
    waiting: None = None

    @property
    def has_ended(self) -> bool:
        return self.state != "running"

    def __str__(self) -> str:
        return f"{self.state} {self.percent:>3}%  {self.summary}"
