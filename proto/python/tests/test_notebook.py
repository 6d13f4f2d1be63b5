"""The notebook of the example, from its first cell to its last, as a person starts it: a coordinator and a worker on this
machine, without TLS."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import patchsweep
import pytest
from nbclient import NotebookClient
from programs import DATA, PROGRAMS, Coordinator, Running

#: What the program says can be read where Jupyter wants colours of it.
IN_A_KERNEL = """
import os
assert os.environ["CLICOLOR_FORCE"] == "1"
try:
    patchsweep.run("acronyms.toml", device="gpu", show=False)
except patchsweep.ProgramFailed as error:
    assert "\\nerror: unknown device `gpu`" in str(error), error
else:
    raise AssertionError("there is no such device")
"""

#: README.md prints the same.
STRONGEST = {"Iteration 0": "0.2", "Iteration 1": "0.0", "Iteration 2": "0.0"}


@pytest.fixture
def coordinator_without_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    coordinator = Coordinator(tmp_path / "state")
    worker = Running([str(PROGRAMS / "patchsweep-worker"), "--coordinator", coordinator.url, "--models", str(DATA)])
    monkeypatch.setenv("PATCHSWEEP_COORDINATOR", coordinator.url)
    yield coordinator.url
    worker.end()
    coordinator.end()


def outputs(notebook: Any, kind: str) -> list[Any]:
    """What cells show of a MIME type."""
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [output.data[kind] for output in shown if kind in output.get("data", {})]


def printed(notebook: Any, stream: str) -> str:
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "".join(output.text for output in shown if output.output_type == "stream" and output.name == stream)


def test_the_notebook_runs_from_its_first_cell_to_its_last(
    coordinator_without_tls: str, acronyms: patchsweep.Sweep
) -> None:
    notebook = nbformat.read(DATA / "acronyms.ipynb", as_version=4)
    nbformat.validate(notebook)
    kept = [cell for cell in notebook.cells if cell.cell_type == "code" and (cell.outputs or cell.execution_count)]
    assert not kept, "it is committed without outputs; clear them"
    asked = [f"assert strongest.loc[{iteration!r}].index[0] == {head!r}" for iteration, head in STRONGEST.items()]
    notebook.cells += [nbformat.v4.new_code_cell("\n".join(asked)), nbformat.v4.new_code_cell(IN_A_KERNEL)]
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(DATA)}}).execute()

    maps = outputs(notebook, "application/vnd.plotly.v1+json")
    assert len(maps) == 2
    ds = acronyms.results()
    for figure, name in zip(maps, ["resid_pre", "z"], strict=True):
        for map_, effects, status in zip(figure["data"], ds[name].values, ds[f"{name}.status"].values, strict=True):
            drawn = np.array(map_["z"], dtype=np.float32)
            np.testing.assert_array_equal(drawn, np.where(status == 2, np.nan, effects))
    tables = "".join(outputs(notebook, "text/html"))
    assert "<td>resid_pre</td>" in tables and "acronyms-9f117f" in tables and "xarray.Dataset" in tables
    assert "Iteration 0, before layer 0: 100% at position 2, ' Welder'" in printed(notebook, "stdout")
    progress = printed(notebook, "stderr")
    assert "12/12 tiles" in progress and not re.search("[Ww]arning|Error|Traceback", progress), progress
    assert re.search(r"check: \d+ cells and \d+ no-ops agree", str(outputs(notebook, "text/html")))
