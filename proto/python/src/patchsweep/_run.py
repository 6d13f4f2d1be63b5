"""A sweep on this machine, with no coordinator but the one that the program `patchsweep run` is itself."""

from __future__ import annotations

import hashlib
import json
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex

from . import _frames, _program, _toml
from ._numbers import checked
from ._run_process import follow
from ._settings import os_reason
from ._spec_file import spec_file
from ._submission import AnySpec, Submission, read
from .check import report_of
from .errors import (
    CheckDisagrees,
    InputError,
    PatchsweepError,
    PatchsweepWarning,
    ProgramFailed,
    SweepFailed,
    SweepPartial,
)
from .folder import load, reader

if TYPE_CHECKING:
    import xarray

#: In the working directory: the folders of runs for which none was named.
RESULTS = "patchsweep-results"

_MOST_WORKERS, _MOST_THREADS = 1024, 2**16 - 1


def run(
    spec: AnySpec,
    dataset: _frames.Rows | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
    device: str | Sequence[str] | None = None,
    workers: SupportsIndex | None = None,
    threads: SupportsIndex | None = None,
    models: Sequence[str | os.PathLike[str]] = (),
    download: bool = False,
    check: bool = False,
    overwrite: bool = False,
    new: bool = False,
    tile_multiply_adds: int | None = None,
    tile_prompts: int | None = None,
    show: bool = True,
) -> xarray.Dataset:
    """Computes a sweep on this machine, and gives its results as `patchsweep.load` does, with the folder in `attrs["folder"]`.

    The program `patchsweep run` does it: a coordinator and workers that end with it. `spec`, `dataset` and the last but one are as
    in `Client.submit`, `models` and where the model is looked for as in `patchsweep.plan`.

    `out`: the results folder, which stays. Without it, a new one in `patchsweep-results` in the working directory; what is
    there is kept, and a run that has ended is not found again: the same call computes anew. Who comes back to results names
    `out`, and reads them with `patchsweep.load`. `overwrite`: replace the results in `out`. `device`: `cpu` (the default) or
    `cuda:0`; a list, of which each has a worker and they share out the tiles; or `cuda:0,cuda:1`, one worker, with the model's
    layers shared out. `workers`: how many on each device, 1 by default, with `threads` CPU threads each. `download`: fetch a
    model of the hub that is not here. `check`: compute some cells again by plain forward passes; CheckDisagrees where scores
    differ.
    `show`: how far it is, on stderr.

    Ctrl-C ends it. What is computed is kept beside the results folder, and the same call goes on from there, unless it says
    `new`. A sweep of which some tiles failed raises SweepPartial, whose results are in the folder; what a person should know
    before trusting the scores is a PatchsweepWarning.
    """
    reader("patchsweep.run", "the command `patchsweep run` writes scores.npz, which numpy.load reads everywhere")
    options = _program.options(models, tile_multiply_adds, tile_prompts)
    options += [f"--device={each}" for each in ([device] if isinstance(device, str) else device or ())]
    options += [f"--workers={checked('workers', workers, 1, _MOST_WORKERS)}"] if workers is not None else []
    options += [f"--threads={checked('threads', threads, 1, _MOST_THREADS)}"] if threads is not None else []
    flags = {"--download": download, "--check": check, "--new": new}
    submission = read(spec, dataset)
    folder = Path(out) if out is not None else _folder(submission, models, new)
    # Its own folder has results already only where they are those of a partial run that goes on.
    flags["--overwrite"] = overwrite or (out is None and folder.exists())
    options += [f"--out={folder}", *(flag for flag, is_set in flags.items() if is_set)]
    with _made(folder if out is None else None), spec_file(submission) as file, submission.refusing(file.path):
        try:
            outcome = follow(["run", str(file.path), *options, *file.options], folder.name, show)
        except ProgramFailed as killed:
            # It could not say that itself.
            raise ProgramFailed(f"{killed}{_kept(folder, new)}") from killed.__cause__
        for warning in outcome.warnings:
            warnings.warn(warning, PatchsweepWarning, stacklevel=2)
        error = outcome.fields.get("error")
        if error is not None and error["kind"] != "not_finite":
            raise _ended(error, outcome.fields, folder, _again(out is not None, new))
    if error is not None:
        warnings.warn(error["message"], PatchsweepWarning, stacklevel=2)
    ds = load(folder)
    ds.attrs["folder"] = str(folder.absolute())
    return ds


@contextmanager
def _made(folder: Path | None) -> Iterator[None]:
    """The folder above one of its own; it goes again where nothing came of it."""
    if folder is None:
        yield
        return
    try:
        folder.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make {folder.parent} in the working directory; name a folder with out: {os_reason(error)}") from error
    try:
        yield
    finally:
        with suppress(OSError):
            folder.parent.rmdir()


def _folder(submission: Submission, models: Sequence[str | os.PathLike[str]], new: bool) -> Path:
    """Where nothing is, or where an ended run of the same spec, dataset and folders of models goes on."""
    try:
        name = str(_toml.loads(submission.spec).get("name", ""))
    except _toml.TOMLDecodeError:
        name = ""
    beside = [submission.path.parent] if submission.path is not None else []
    made_of = [submission.spec, submission.dataset, *(os.path.realpath(folder) for folder in (*models, *beside))]
    digest = hashlib.sha256("\0".join(made_of).encode(errors="surrogateescape")).hexdigest()[:8]
    plain = f"{re.sub('[^A-Za-z0-9_-]+', '-', name) or 'sweep'}-{digest}"
    # Of several the last.
    ended = None
    for number in count(1):
        folder = Path(RESULTS) / (plain if number == 1 else f"{plain}-{number}")
        if not new and _state(folder).exists():
            ended = folder
        elif not folder.exists():
            break
    return ended or folder


def _state(folder: Path) -> Path:
    """Where the program keeps what is computed."""
    return Path(f"{folder.absolute()}.state")


def _again(overwrite: bool, new: bool) -> str:
    """How the call has to differ to go on from a folder with results."""
    words = ["with overwrite=True"] * overwrite + ["without new=True"] * new
    return f" {' and '.join(words)}" if words else ""


def _kept(folder: Path, new: bool) -> str:
    """What is there of a program that was killed."""
    goes_on = f"the same call{_again(overwrite=False, new=new)} goes on from there"
    return f"\nwhat is computed is kept in {_state(folder)}: {goes_on}" if _state(folder).exists() else ""


def _ended(error: dict[str, Any], fields: dict[str, Any], folder: Path, again: str) -> PatchsweepError:
    """Why there is no whole sweep, or why its scores are not to be trusted."""
    message: str = error["message"]
    is_written = "files" in fields
    if error["kind"] == SweepPartial.kind:
        if is_written:
            message += f"; patchsweep.load(\"{folder}\") has the others, and the same call{again} computes what is missing"
        return SweepPartial(message, fields.get("sweep") or "", fields.get("reason") or "", can_resume=False)
    if error["kind"] == CheckDisagrees.kind:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        return CheckDisagrees(message, report_of(manifest))
    failed = re.fullmatch(r"sweep `([^`]+)` failed: (.*)", message, re.DOTALL)
    if failed is not None:
        return SweepFailed(message, failed[1], failed[2], can_resume=False)
    if is_written:
        error["message"] += f"; patchsweep.load(\"{folder}\") has them, and the same call{again} checks them"
    return _program.refusal(error)
