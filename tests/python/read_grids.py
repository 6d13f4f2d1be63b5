"""Runs sweeps of every kind of grid, and reads results with pandas, xarray and safetensors: each cell has the same numbers there.

    python read_grids.py PATCHSWEEP
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np

from formats import cells, kinds, spoiled

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "data"
GRIDS = pathlib.Path(__file__).parent / "grids"
REFERENCE = ROOT / "tests" / "reference" / "interventions"
CASES = ["paths", "window", "sites", "neurons", "features", "ragged", "estimate"]
# Of the examples' prompts, which are hundreds.
PROMPTS = 30


def main():
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", ResourceWarning)
    patchsweep = sys.argv[1]
    with tempfile.TemporaryDirectory() as temporary:
        temporary = pathlib.Path(temporary)
        for path in [*(DATA / f"{name}.toml" for name in ["paths", "facts", "features"]), *sorted(GRIDS.glob("*.toml"))]:
            spec = beside_data(path, temporary)
            results = read(run(patchsweep, spec, temporary / spec.stem))
            kinds.CHECKS[spec.stem](results)
            if spec.stem == "kinds":
                spoiled.check(results, temporary / spec.stem)
        for name in CASES:
            results = read(run(patchsweep, REFERENCE / name / "spec.toml", temporary / "cases" / name))
            with np.load(REFERENCE / name / "scores.npz") as expected:
                kinds.check_case(results, expected)
    print("read_grids: pandas, xarray and safetensors have the same number for each cell, and see it when one is changed")


def run(patchsweep, spec, out):
    out.parent.mkdir(exist_ok=True)
    command = [patchsweep, "run", str(spec), "--out", str(out), "--csv"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return out


def read(folder):
    results = cells.Results(folder, json.loads((folder / "manifest.json").read_text()))
    cells.check(results)
    return results


def beside_data(spec, folder):
    """The spec, with few prompts, in a folder with links to what it names."""
    here = folder / "specs"
    here.mkdir(exist_ok=True)
    for path in DATA.iterdir():
        link = here / path.name
        if path.suffix != ".toml" and not link.exists():
            link.symlink_to(path)
    text = spec.read_text()
    if "samples" not in text:
        text = text.replace("[dataset]", f"[dataset]\nsamples = {PROMPTS}")
    (here / spec.name).write_text(text)
    return here / spec.name


if __name__ == "__main__":
    main()
