"""The program `patchsweep`, for what a coordinator has no procedure for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .errors import InputError, NoProgram, PatchsweepError, ProgramFailed, SpecError

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


def run(words: Sequence[str]) -> dict[str, Any]:
    """What a command prints as JSON; what it refuses is raised with the command's own text."""
    command = [program(), "--output", "json", *words]
    other = f"`{command[0]}` does not work as the program `patchsweep` does"
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    except (OSError, ValueError) as error:
        raise NoProgram(f"{other} ({error})") from error
    try:
        fields: dict[str, Any] = json.loads(ended.stdout)
    except ValueError as error:
        # It says itself why: a library that is missing, a panic.
        said = ended.stderr.strip()
        raise NoProgram(f"{other} (it ended with {ended.returncode}{f': {said}' if said else ''})") from error
    if "error" in fields:
        raise _refusal(fields["error"])
    return fields


def _refusal(error: dict[str, Any]) -> PatchsweepError:
    kinds: dict[str, type[PatchsweepError]] = {"input": InputError, "spec": SpecError}
    kind = kinds.get(error.get("kind", ""), ProgramFailed)
    return kind(error["message"], next_command=error.get("next"))
