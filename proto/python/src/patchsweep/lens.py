"""From a TransformerLens model and tokens to a spec (docs/transformer-lens.md)."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomli_w

from .errors import SpecError
from .spec import Grid, Metric, Model, Spec

_DTYPES = ("float32", "bfloat16", "float16")

_GRIDS: list[Grid] = [
    {"component": "resid_pre", "axes": ["layer", "pos"]},
    {"component": "attn_out", "axes": ["layer", "pos"]},
    {"component": "mlp_out", "axes": ["layer", "pos"]},
    {"component": "z", "axes": ["layer", "head"]},
]


def from_transformer_lens(
    model: Any,
    clean_tokens: Any,
    corrupted_tokens: Any,
    answers: Any,
    *,
    folder: str | os.PathLike[str] = ".",
    name: str = "from-transformer-lens",
    hub: str | None = None,
    path: str | None = None,
    read: int = -1,
    direction: str = "denoising",
    grids: Sequence[Grid] | None = None,
) -> Spec:
    """Writes the tokens and a spec for the same model, and returns the spec, which `Client.submit` takes.

    `folder` gets `NAME.tokens.json` and `NAME.toml`. Patched is as `transformer_lens.patching` does it: the corrupted run gets
    clean activations (`direction="denoising"`); a tensor of `get_act_patch_..` is `NAME.value`.

    `model`: a HookedTransformer; only its `cfg` is read, so the weights are those of the hub or of a folder, and not those in
    memory. `clean_tokens`, `corrupted_tokens`: ids [prompts, positions], of equal shapes. `answers`: ids [prompts],
    scored by their log probability; or [prompts, 2], right and wrong, scored by the difference of their logits. `hub` or
    `path`: what the model is called in a spec; without them its own name on the hub, which a checkpoint or a model of one's own
    does not have. `read`: the position whose next token is scored. `grids`: else the four that most sweeps begin with.
    """
    clean, corrupted = _ids(clean_tokens, "clean_tokens"), _ids(corrupted_tokens, "corrupted_tokens")
    if [len(row) for row in clean] != [len(row) for row in corrupted]:
        text = "give a corrupted prompt as many tokens as the clean one"
        raise SpecError(f"clean_tokens and corrupted_tokens differ in shape; {text}")
    right, wrong = _answers(answers, len(clean))
    tokens: dict[str, Any] = {"clean": clean, "corrupted": [corrupted], "answers": right}
    metric: Metric = {"kind": "logprob"}
    if wrong is not None:
        tokens["wrong"] = wrong
        metric = {"kind": "logit_diff"}
    where = Path(folder)
    file = where / f"{name}.tokens.json"
    spec: dict[str, Any] = {
        "schema": 1,
        "name": name,
        "direction": direction,
        "model": _model(model, hub, path),
        "dataset": {"tokens": file.name},
        "metric": [metric],
        "iteration": [{"label": "all positions", "read": read, "answer": 0}],
        "grid": [dict(grid) for grid in (grids if grids is not None else _GRIDS)],
    }
    file.write_text(json.dumps(tokens), encoding="utf-8")
    (where / f"{name}.toml").write_text(tomli_w.dumps(spec), encoding="utf-8")
    # From anywhere, and not only from that folder.
    written: Spec = {**spec, "dataset": {"tokens": str(file.absolute())}}  # type: ignore[typeddict-item]
    return written


def _model(model: Any, hub: str | None, path: str | None) -> Model:
    config = getattr(model, "cfg", None)
    dtype = str(getattr(config, "dtype", "float32")).removeprefix("torch.")
    if dtype not in _DTYPES:
        raise SpecError(f"the model computes in {dtype}; patchsweep computes in {', '.join(_DTYPES)}")
    found: dict[str, Any] = {"dtype": dtype}
    if path is not None:
        found["path"] = path
    else:
        repository = hub or _repository(config)
        found["hub"] = _ALIASES.get(str(repository), repository)
        if repository is None or "/" not in found["hub"]:
            who = "the model has no name" if repository is None else f"`{repository}` is no repository"
            raise SpecError(f"{who} on the hub; give it with hub='OWNER/NAME', or its folder with path='FOLDER'")
    written: Model = found  # type: ignore[assignment]
    return written


def _repository(config: Any) -> str | None:
    """What the model itself is called. The tokenizer's name is the model's, with its owner, only where it ends as that does: a
    model of one's own, `custom`, may have the tokenizer of gpt2."""
    tokenizer, model = getattr(config, "tokenizer_name", None), getattr(config, "model_name", None)
    if getattr(config, "from_checkpoint", False):
        step = getattr(config, "checkpoint_value", None)
        raise SpecError(
            f"the model is a checkpoint of `{model}` ({step}), and the hub's main revision is another; save it and give its"
            " folder with path='FOLDER', or hub='OWNER/NAME' and then a `revision` in spec[\"model\"]"
        )
    if tokenizer and (not model or str(tokenizer).rpartition("/")[2] == str(model).rpartition("/")[2]):
        return str(tokenizer)
    return str(model) if model else None


#: Names without an owner, which the hub itself redirects.
_ALIASES = {
    "gpt2": "openai-community/gpt2",
    "gpt2-small": "openai-community/gpt2",
    "gpt2-medium": "openai-community/gpt2-medium",
    "gpt2-large": "openai-community/gpt2-large",
    "gpt2-xl": "openai-community/gpt2-xl",
    "distilgpt2": "distilbert/distilgpt2",
}


def _ids(tokens: Any, what: str) -> list[list[int]]:
    rows = _lists(tokens)
    if not rows or not all(isinstance(row, list) and row and all(isinstance(id_, int) for id_ in row) for row in rows):
        raise SpecError(f"{what} are no token ids [prompts, positions]; give what model.to_tokens returns")
    return rows


def _answers(answers: Any, prompts: int) -> tuple[list[list[int]], list[list[int]] | None]:
    """Right ones, and wrong ones where there are any: [prompts, 1]."""
    rows = [row if isinstance(row, list) else [row] for row in _lists(answers)]
    widths = {len(row) for row in rows}
    if len(rows) != prompts or widths not in ({1}, {2}) or not all(isinstance(id_, int) for row in rows for id_ in row):
        raise SpecError(
            f"answers are no token ids [prompts] or [prompts, 2] for {prompts} prompts; give each the right token, or the right"
            " and the wrong one"
        )
    return [row[:1] for row in rows], [row[1:] for row in rows] if widths == {2} else None


def _lists(numbers: Any) -> list[Any]:
    """Of a tensor, an array or nested lists."""
    if hasattr(numbers, "tolist"):
        found = numbers.tolist()
        return found if isinstance(found, list) else [found]
    if isinstance(numbers, (list, tuple)):
        return [_row(row) for row in numbers]
    raise SpecError(f"{type(numbers).__name__} holds no token ids; give a tensor or lists of numbers")


def _row(row: Any) -> Any:
    if hasattr(row, "tolist"):
        return row.tolist()
    return [_row(inner) for inner in row] if isinstance(row, (list, tuple)) else row
