"""A spec as a file, for the program `patchsweep`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from . import _toml
from ._submission import Submission, dataset_file

_NAME = "spec.toml"


@dataclass(frozen=True)
class SpecFile:
    """Where the program finds a spec, and the models beside it."""

    path: Path
    options: tuple[str, ...]


@contextmanager
def spec_file(submission: Submission) -> Iterator[SpecFile]:
    """The spec's own file, or for the while one in a folder with its dataset; models are then those beside the spec, or of a dict
    those in the working directory.
    """
    if submission.path is not None and not submission.is_changed:
        yield SpecFile(submission.path, ())
        return
    beside = submission.path.parent if submission.path is not None else Path()
    with tempfile.TemporaryDirectory(prefix="patchsweep-") as folder:
        keys = _toml.loads(submission.spec)
        name = dataset_file(keys)
        if name:
            plain = Path(name).name
            keys["dataset"]["path" if "path" in keys["dataset"] else "tokens"] = plain
            (Path(folder) / plain).write_text(submission.dataset, encoding="utf-8")
        path = Path(folder) / _NAME
        path.write_text(tomli_w.dumps(keys), encoding="utf-8")
        yield SpecFile(path, (f"--models={beside.absolute()}",))
