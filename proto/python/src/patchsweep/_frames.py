"""Datasets that are in memory, as the JSON lines that a coordinator reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from .errors import InputError

#: Rows of prompts: a pandas or polars data frame with the columns `prompt`, `answer`, ..; a dict of such columns; a list of
#: dicts; a list of (prompt, answer); or a list of prompts.
Rows: TypeAlias = Any

#: What the spec of such a dataset calls it; says which form the text has.
NAME = "dataset.jsonl"

_FORMS = (
    "a dataset is a data frame with the columns `prompt` and `answer`, a dict of such columns, a list of dicts, a list of"
    " (prompt, answer), or a list of prompts"
)


def json_lines(rows: Rows, columns: frozenset[str], ignored: Any = None) -> str:
    """One JSON object for each prompt. What is None or NaN is left out.

    `columns`: those that the spec knows. `ignored`: what it says under `ignore`, names of others or "*" for all.
    """
    records = list(_records(rows))
    if not records:
        raise InputError(f"the dataset has no rows; {_FORMS}")
    passed_over = list(ignored) if isinstance(ignored, Sequence) and not isinstance(ignored, str) else []
    lines, known, unknown = [], dict[str, None](), dict[str, None]()
    for number, record in enumerate(records):
        kept = {}
        for key, value in record.items():
            name = str(key)
            if name in columns:
                known[name] = None
            elif ignored == "*" or name in passed_over:
                continue
            if _is_missing(value):
                continue
            if name not in columns:
                unknown[name] = None
            kept[name] = _plain(value)
        if unknown:
            continue
        try:
            lines.append(json.dumps(kept, ensure_ascii=False))
        except (TypeError, ValueError) as error:
            raise InputError(f"row {number} of the dataset cannot be sent ({error}); give texts and lists of texts") from error
    if unknown:
        names = ", ".join(f"`{name}`" for name in unknown)
        chosen = ", ".join(json.dumps(name, ensure_ascii=False) for name in list(known) or sorted(columns))
        raise InputError(
            f"the dataset has columns that the spec does not name: {names}. Take those that it knows, df[[{chosen}]], or put"
            f" ignore = {json.dumps([*passed_over, *unknown], ensure_ascii=False)} into its table `dataset`, or \"*\" for all. It knows"
            f" {', '.join(f'`{column}`' for column in sorted(columns))}"
        )
    return "\n".join(lines) + "\n"


def _records(rows: Rows) -> Iterable[Mapping[Any, Any]]:
    if hasattr(rows, "to_dicts"):  # polars
        return list(rows.to_dicts())
    if hasattr(rows, "to_dict") and hasattr(rows, "columns"):  # pandas
        return list(rows.to_dict("records"))
    if isinstance(rows, Mapping):
        return _of_columns(rows)
    if isinstance(rows, (str, bytes)) or not isinstance(rows, Iterable):
        raise InputError(f"{type(rows).__name__} is no dataset: {_FORMS}")
    return [_record(row) for row in rows]


def _of_columns(columns: Mapping[Any, Any]) -> Iterable[Mapping[Any, Any]]:
    for name, column in columns.items():
        # A text has characters, and each would be a prompt.
        if isinstance(column, (str, bytes)) or not isinstance(column, Iterable):
            raise InputError(f"the column `{name}` of the dataset is one {type(column).__name__}; give a list")
    lists = {name: list(column) for name, column in columns.items()}
    lengths = {name: len(column) for name, column in lists.items()}
    if len(set(lengths.values())) > 1:
        described = ", ".join(f"`{name}` has {length}" for name, length in lengths.items())
        raise InputError(f"the columns of the dataset differ in length: {described}; give each a row for every prompt")
    return [dict(zip(lists, values)) for values in zip(*lists.values())]


def _record(row: Any) -> Mapping[Any, Any]:
    if isinstance(row, str):
        return {"prompt": row}
    if isinstance(row, Mapping):
        return row
    if isinstance(row, Sequence) and len(row) == 2:
        return {"prompt": row[0], "answer": row[1]}
    raise InputError(f"a row of the dataset is a {type(row).__name__}: {_FORMS}")


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value) or type(value).__name__ in ("NAType", "NaTType")


def _plain(value: Any) -> Any:
    """numpy's arrays and scalars as Python's."""
    value = value.tolist() if hasattr(value, "tolist") else value
    return list(value) if isinstance(value, tuple) else value
