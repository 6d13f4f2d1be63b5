"""The grids that are measured."""

import argparse
from dataclasses import dataclass


@dataclass(frozen=True)
class Grid:
    name: str
    component: str
    axes: tuple[str, ...]


LAYER_POS, LAYER_HEAD, LAYER_POS_HEAD = ("layer", "pos"), ("layer", "head"), ("layer", "pos", "head")

GRIDS = [
    *(Grid(name, name, LAYER_POS) for name in ("resid_pre", "resid_mid", "attn_out", "mlp_out")),
    *(Grid(name, name, LAYER_HEAD) for name in ("z", "q", "k", "v", "pattern")),
    *(Grid(f"{name}_by_pos", name, LAYER_POS_HEAD) for name in "zqkv"),
    Grid("pattern_by_dest", "pattern", ("layer", "head", "dest_pos")),
    Grid("pattern_by_dest_src", "pattern", ("layer", "head", "dest_pos", "src_pos")),
]


def named(names):
    """The grids of a comma-separated list of names, for a command line."""
    known = {grid.name: grid for grid in GRIDS}
    unknown = [name for name in names.split(",") if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"no grid `{unknown[0]}`; there are {', '.join(known)}")
    return [known[name] for name in names.split(",")]
