"""docs/python.md and README.md's part on the client, block by block, and what docs/transformer-lens.md says of grids."""

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import patchsweep
import pytest
from patchsweep.spec import Grid
from programs import DATA, PROGRAMS, ROOT, Coordinator

DOCS = ROOT / "docs"


def blocks(page: Path) -> list[tuple[str, str | None]]:
    """Blocks of Python, each with what it prints where the page says so."""
    found = re.findall(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", page.read_text(), re.M | re.S)
    return [(code, printed or None) for code, printed in found]


@pytest.fixture
def fresh_coordinator(tmp_path: Path) -> Iterator[Coordinator]:
    """One that knows no sweep yet, with a worker."""
    coordinator = Coordinator(tmp_path / "state", "--tls")
    worker = coordinator.worker()
    yield coordinator
    worker.end()
    coordinator.end()


@pytest.fixture
def settings(fresh_coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that a reader has."""
    monkeypatch.setenv("PATCHSWEEP_CREDENTIALS", str(fresh_coordinator.credentials))
    monkeypatch.setenv("PATH", f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("PATCHSWEEP_PROGRAM")


def run(page: list[tuple[str, str | None]]) -> None:
    """Block after block, in one namespace."""
    if sys.version_info < (3, 11):
        page = [block for block in page if "patchsweep.load(" not in block[0]]
    namespace: dict[str, Any] = {"__name__": "page"}
    for code, wanted in page:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, "page", "exec", dont_inherit=True), namespace)
        assert wanted is None or out.getvalue() == wanted, code


def test_the_page_does_what_it_says(settings: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in DATA.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    page = blocks(DOCS / "python.md")
    assert len(page) >= 12
    run(page)


def test_the_readme_does_what_it_says(
    settings: None, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").symlink_to(DATA)
    (tmp_path / "demo-results").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    page = [block for block in blocks(ROOT / "README.md") if block[0].startswith("import patchsweep\n")]
    assert len(page) >= 2
    run(page)


def test_the_page_lists_every_error() -> None:
    page = (DOCS / "python.md").read_text()
    table = page[page.index("| class | `kind` | when |") :]
    for name, error in vars(patchsweep.errors).items():
        if isinstance(error, type) and issubclass(error, patchsweep.PatchsweepError) and name != "PatchsweepError":
            assert f"`{name}`" in table and f"`{error.kind}`" in table, name


def test_every_function_of_transformer_lens_has_its_grid() -> None:
    rows = re.findall(r"^\| `(get_act_patch_\w+)` \| `(\{.*?\})` \|$", (DOCS / "transformer-lens.md").read_text(), re.M)
    tested = (ROOT / "proto/python/tests/lens/check_transformer_lens.py").read_text()
    assert len(rows) == 15
    for name, text in rows:
        grid: Grid = eval(text)
        axes = ", ".join(f'"{axis}"' for axis in grid["axes"])
        assert f'"{name}": ("{grid["component"]}", [{axes}]),' in tested
