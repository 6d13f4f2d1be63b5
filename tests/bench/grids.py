"""The grids that are measured, and how TransformerLens patches one cell of each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Grid:
    name: str
    component: str
    axes: tuple[str, ...]

    @property
    def setter(self):
        """Name of TransformerLens' patch setter."""
        return {
            ("layer", "pos"): "layer_pos_patch_setter",
            ("layer", "head"): "layer_head_vector_patch_setter",
            ("layer", "pos", "head"): "layer_pos_head_vector_patch_setter",
        }[self.axes]


LAYER_POS, LAYER_HEAD, LAYER_POS_HEAD = ("layer", "pos"), ("layer", "head"), ("layer", "pos", "head")

GRIDS = [
    *(Grid(name, name, LAYER_POS) for name in ("resid_pre", "resid_mid", "attn_out", "mlp_out")),
    *(Grid(name, name, LAYER_HEAD) for name in "zqkv"),
    *(Grid(f"{name}_by_pos", name, LAYER_POS_HEAD) for name in "zqkv"),
]
