"""The program `patchsweep`, for what a coordinator has no procedure for."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ._numbers import tile_options
from .errors import (
    ConfigError,
    InputError,
    NoProgram,
    NotLetIn,
    OtherRelease,
    PatchsweepError,
    ProgramFailed,
    SpecError,
    Unreachable,
)

#: Names the program; without it that beside this Python counts, then that on PATH.
STATED_BY = "PATCHSWEEP_PROGRAM"


def program() -> str:
    """Its path."""
    named = os.environ.get(STATED_BY)
    if named:
        return named
    beside = Path(sys.executable).parent / "patchsweep"
    found = str(beside) if beside.is_file() else shutil.which("patchsweep")
    if found is None:
        raise NoProgram(
            "the program `patchsweep` is not on this machine, and a coordinator does not do this; build it with `make"
            f" build`, put it on PATH or name it with {STATED_BY}",
            "make build",
        )
    return found


def options(models: Sequence[str | os.PathLike[str]], tile_multiply_adds: int | None, tile_prompts: int | None) -> list[str]:
    """How a command is told where models are, and how work is cut into tiles."""
    tiles = tile_options(tile_multiply_adds, tile_prompts)
    words = [f"--models={os.fspath(folder)}" for folder in models]
    return words + [f"--{name.replace('_', '-')}={number}" for name, number in tiles.items()]


def environment() -> dict[str, str]:
    """What the program is started with. It says all without colours, which Jupyter asks of every program: lines are read here."""
    return {name: value for name, value in os.environ.items() if name != "CLICOLOR_FORCE"} | {"NO_COLOR": "1"}


def run(words: Sequence[str]) -> dict[str, Any]:
    """What a command prints as JSON; what it refuses is raised with the command's own text."""
    command = [program(), "--output", "json", *words]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    except (OSError, ValueError) as error:
        raise is_another(command[0], error) from error
    fields = printed(command[0], ended.stdout, ended.returncode, ended.stderr)
    if "error" in fields:
        raise refusal(fields["error"])
    return fields


def printed(path: str, out: str, code: int, said: str) -> dict[str, Any]:
    """The JSON that it has printed."""
    try:
        fields: dict[str, Any] = json.loads(out)
    except ValueError as error:
        # It says itself why: a library that is missing, a panic.
        why = f": {said.strip()}" if said.strip() else ""
        if code < 0:
            raise ProgramFailed(f"the program `patchsweep` was ended by {_signal(-code)}{why}") from error
        raise is_another(path, f"it ended with {code}{why}") from error
    return fields


def _signal(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    return f"signal {number}, {name}{', as where memory runs out' if number == signal.SIGKILL else ''}"


def is_another(path: str, why: object) -> NoProgram:
    """Of what is called as the program is."""
    return NoProgram(f"`{path}` does not work as the program `patchsweep` does ({why})")


def refusal(error: dict[str, Any]) -> PatchsweepError:
    """The error of this package that the program's is."""
    message, next_command = error["message"], error.get("next")
    if error.get("kind") == Unreachable.kind:
        return Unreachable(message, message, next_command or "")
    kinds: dict[str, type[PatchsweepError]] = {kind.kind: kind for kind in (ConfigError, InputError, NotLetIn, OtherRelease, SpecError)}
    return kinds.get(error.get("kind", ""), ProgramFailed)(message, next_command=next_command)
