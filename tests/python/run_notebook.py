"""Executes a notebook on the results of a real sweep, and looks at what it drew.

    python run_notebook.py PATCHSWEEP SPEC NOTEBOOK
"""

import base64
import io
import os
import pathlib
import subprocess
import sys
import tempfile

import matplotlib.image
import nbformat
from nbclient import NotebookClient

# README.md prints the same lists.
STRONGEST = {"Iteration 0": "0.2", "Iteration 1": "0.0", "Iteration 2": "0.0"}
FIGURES = 2


def read(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    kept = [cell for cell in notebook.cells if cell.cell_type == "code" and (cell.outputs or cell.execution_count)]
    assert not kept, f"{path} is committed without outputs; clear them"
    return notebook


def execute(notebook, folder, results):
    asked = [f"assert strongest.loc[{iteration!r}].index[0] == {head!r}" for iteration, head in STRONGEST.items()]
    notebook.cells.append(nbformat.v4.new_code_cell("\n".join(asked)))
    os.environ["PATCHSWEEP_RESULTS"] = str(results)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()


def check_outputs(notebook):
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    warned = [output.text for output in outputs if output.output_type == "stream" and output.name == "stderr"]
    assert not warned, warned
    figures = [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    assert len(figures) == FIGURES, len(figures)
    for figure in figures:
        pixels = matplotlib.image.imread(io.BytesIO(base64.b64decode(figure)), format="png")
        red, green, blue = (pixels[..., channel] for channel in range(3))
        strong = ((red > green + 0.2) & (red > blue + 0.2)).mean()
        assert strong > 0.02, f"negative effects are red, but only {strong:.1%} of a figure is"


def main():
    patchsweep, spec, path = sys.argv[1], *map(pathlib.Path, sys.argv[2:4])
    notebook = read(path)
    with tempfile.TemporaryDirectory() as temporary:
        results = pathlib.Path(temporary) / "results"
        subprocess.run([patchsweep, "run", str(spec), "--out", str(results)], check=True, stdout=subprocess.DEVNULL)
        execute(notebook, path.resolve().parent, results)
    check_outputs(notebook)
    if len(sys.argv) > 4:
        nbformat.write(notebook, sys.argv[4])
    print(f"run_notebook: {path.name} draws {FIGURES} figures")


if __name__ == "__main__":
    main()
