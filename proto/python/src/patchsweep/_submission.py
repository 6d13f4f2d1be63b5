"""A spec and the dataset that it names, as a coordinator takes them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import tomli_w

from . import _frames, _toml
from ._settings import os_reason
from .errors import InputError, SpecError
from .spec import Spec

MOST_BYTES = 256 << 20
CHUNK_BYTES = 1 << 20

#: A spec: the path of a TOML file, or its content.
AnySpec: TypeAlias = "str | os.PathLike[str] | Spec | Mapping[str, Any]"


@dataclass(frozen=True)
class Submission:
    """All that is sent to a coordinator."""

    spec: str
    dataset: str
    #: The spec's file; None of a dict.
    path: Path | None
    #: A dataset in memory takes the place of the one that the file names, so that `spec` is no longer the file's text.
    is_changed: bool = False

    def refused(self, reason: str, next_command: str | None = None) -> SpecError:
        """What is said of the spec, with the path that the person knows it by."""
        name = f"{self.path} with this dataset" if self.is_changed else self.path
        text = f"{name}: {reason}" if self.path is not None else reason
        return SpecError(text, self.path, self.spec, next_command)

    @contextmanager
    def refusing(self, path: Path) -> Iterator[None]:
        """What the program says of the file `path` is said of the spec."""
        try:
            yield
        except SpecError as error:
            raise self.refused(str(error).removeprefix(f"{path}: "), error.next_command) from error


def read(spec: AnySpec, dataset: _frames.Rows | None = None) -> Submission:
    """Reads a spec and its dataset. Names in a file are relative to it, in a dict to the working directory.

    `dataset`: rows that take the place of the file that the spec names.
    """
    if isinstance(spec, Mapping):
        return _of_dict(dict(spec), dataset, None)
    path = Path(spec)
    text = _read(path, "give the path of a spec, a TOML file")
    try:
        keys = _toml.loads(text)
    except _toml.TOMLDecodeError:
        # Coordinator or program say what is wrong with it, and where.
        return Submission(text, "", path)
    if dataset is not None:
        return _of_dict(keys, dataset, path)
    name = dataset_file(keys)
    return Submission(text, _read(path.parent / name, _NAMED) if name else "", path)


_NAMED = "the spec names it, relative to its own folder"


def _of_dict(keys: dict[str, Any], dataset: _frames.Rows | None, path: Path | None) -> Submission:
    keys.setdefault("schema", 1)
    rows = None
    if dataset is not None:
        given = keys.get("dataset", {})
        named = given if isinstance(given, Mapping) else {}
        rows = _frames.json_lines(dataset, _ALWAYS_KNOWN | frozenset(_named_columns(keys)), named.get("ignore"))
        keys["dataset"] = {**named, "path": _frames.NAME}
        keys["dataset"].pop("tokens", None)
    try:
        text = tomli_w.dumps(keys)
    except (TypeError, ValueError, AttributeError) as error:
        raise SpecError(f"the spec is no TOML ({error}); give texts, numbers, booleans, lists and dicts") from error
    if rows is not None:
        return Submission(text, rows, path, is_changed=path is not None)
    name = dataset_file(keys)
    content = _read(Path(name), "the spec names it, relative to the working directory") if name else ""
    return Submission(text, content, path)


#: Columns that a dataset may have whatever the spec says.
_ALWAYS_KNOWN = frozenset({"prompt", "answer", "wrong", "corrupted"})


def _named_columns(value: Any) -> Iterator[str]:
    """What stands behind `column` anywhere in a spec: of positions, and of sets of tokens."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "column" and isinstance(inner, str):
                yield inner
            yield from _named_columns(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _named_columns(inner)


def dataset_file(keys: Mapping[str, Any]) -> str:
    """The dataset file that a spec names; nothing, where the coordinator has to say what is wrong with it."""
    dataset = keys.get("dataset")
    if not isinstance(dataset, Mapping):
        return ""
    name = dataset.get("path", dataset.get("tokens"))
    return name if isinstance(name, str) else ""


def _read(path: Path, otherwise: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise InputError(f"{path}: larger than the {MOST_BYTES} bytes that can be submitted")
        return content.decode()
    except OSError as error:
        raise InputError(f"cannot read {path}; {otherwise}: {os_reason(error)}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"cannot read {path}; {otherwise}: stream did not contain valid UTF-8") from error


def chunks(content: bytes) -> Iterator[bytes]:
    """At least one, so that an empty message arrives too."""
    for start in range(0, max(len(content), 1), CHUNK_BYTES):
        yield content[start : start + CHUNK_BYTES]
