"""What a type checker says of specs; `test_types_hold` looks at this file, nothing runs it.

Each ignored error has to be one: mypy in strict mode complains of those that are not needed.
"""

from patchsweep import Spec
from patchsweep.spec import Grid, Metric

heads: Grid = {"component": "z", "axes": ["layer", "head"], "heads": [0, 1], "verify": {"top": 5, "sample": 5}}
hook: Grid = {"component": "blocks.8.attn.hook_z", "axes": ["layer", "head"]}
unknown_axis: Grid = {"component": "z", "axes": ["layer", "haed"]}  # type: ignore[list-item]
unknown_key: Grid = {"component": "z", "axis": ["layer"], "axes": []}  # type: ignore[typeddict-unknown-key]
missing_key: Grid = {"component": "z"}  # type: ignore[typeddict-item]
candidates: Metric = {"kind": "logit_diff_max", "candidates": ["A", "B"]}
unknown_kind: Metric = {"kind": "logit_dif"}  # type: ignore[typeddict-item]

spec: Spec = {
    "schema": 1,
    "name": "typed",
    "model": {"path": "acronym-gpt2", "dtype": "float32"},
    "dataset": {"path": "acronyms.txt", "prepend_bos": "auto"},
    "metric": [candidates],
    "iteration": [{"corrupt": [2, "subject+1"], "read": "end"}],
    "grid": [heads, hook],
}
