"""Files that are made of others are what would be made of them now; and types hold."""

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import patchsweep
from patchsweep import _settings
from patchsweep.explain import Tile, explanation
from patchsweep.v1 import client_pb2
from programs import ROOT

PACKAGE = ROOT / "proto" / "python"


def test_messages_are_those_of_the_proto_files(tmp_path: Path) -> None:
    subprocess.run([sys.executable, PACKAGE / "tools/make_messages.py", ROOT / "proto", tmp_path], check=True)
    made = {path.name: path.read_text() for path in (tmp_path / "patchsweep/v1").iterdir()}
    kept = {path.name: path.read_text() for path in (PACKAGE / "src/patchsweep/v1").glob("*.py*")}
    assert made == kept, "run `make python-messages`"


def test_the_spec_s_types_are_those_of_the_schema() -> None:
    made = subprocess.run(
        [sys.executable, PACKAGE / "tools/make_spec.py", ROOT / "docs/spec.schema.json"], check=True, capture_output=True, text=True
    )
    assert made.stdout == (PACKAGE / "src/patchsweep/spec.py").read_text(), "run `make python-messages`"


def test_numbers_that_both_languages_have_are_equal() -> None:
    def constant(path: str, name: str) -> str:
        found = re.search(rf"const {name}: \w+ = ([^;]+);", (ROOT / path).read_text())
        assert found is not None
        return found[1]

    from patchsweep import _scores, _submission

    assert constant("proto/src/chunk.rs", "MAX_SUBMISSION_BYTES") == "256 << 20" and _submission.MOST_BYTES == 256 << 20
    assert constant("proto/src/chunk.rs", "MAX_CHUNK_BYTES") == "1 << 20" and _submission.CHUNK_BYTES == 1 << 20
    assert constant("proto/src/chunk.rs", "MAX_TOTAL_BYTES") == "1 << 30" and _scores.MOST_BYTES == 1 << 30
    words = re.search(r"const WORDS: &\[&str\] = &\[([^]]+)\]", (ROOT / "coordinator/src/cli/settings/file.rs").read_text())
    assert words is not None and tuple(re.findall(r'"(\w+)"', words[1])) == _settings.KEYS
    release = re.search(r'^version = "([^"]+)"', (ROOT / "Cargo.toml").read_text(), re.M)
    assert release is not None and patchsweep.__version__ == release[1]
    assert f'version = "{release[1]}"' in (PACKAGE / "pyproject.toml").read_text()


def test_a_tile_s_state_is_the_word_of_the_command_line() -> None:
    row = re.search(r"^\| `cell\.tiles\[\]\.state` .*", (ROOT / "docs/commands.md").read_text(), re.M)
    assert row is not None
    documented = re.findall(r"`(\w+)` \(", row[0])
    enum = client_pb2.DESCRIPTOR.enum_types_by_name["TileState"]
    states = {
        name: _explained(value.number).state for name, value in enum.values_by_name.items() if not name.endswith("UNSPECIFIED")
    }
    assert list(states.values()) == documented
    assert states["TILE_STATE_GIVEN_UP"] == "failed" and "`failed` (it failed on every attempt)" in row[0]


def _explained(state: int) -> Tile:
    running = client_pb2.SweepStatus(state=client_pb2.SWEEP_STATE_RUNNING)
    wire = client_pb2.TileExplanation(tile_id=1, state=state)  # type: ignore[arg-type]
    cell = explanation(client_pb2.SweepExplanation(status=running, cell=client_pb2.CellExplanation(tiles=[wire]))).cell
    assert cell is not None
    return cell.tiles[0]


def test_every_procedure_that_is_called_is_in_the_proto_files() -> None:
    methods = client_pb2.DESCRIPTOR.services_by_name["ClientService"].methods_by_name
    texts = [path.read_text() for path in (PACKAGE / "src/patchsweep").glob("*.py")]
    called = {name for text in texts for name in re.findall(r'_link\.(?:call|send|stream)\("(\w+)"', text)}
    assert len(called) == 8 and called <= set(methods)


def test_a_source_distribution_has_all_that_a_wheel_needs(tmp_path: Path) -> None:
    """As pip builds it from an archive, without the rest of the repository; a link to its LICENSE would lead out of the archive."""
    assert (PACKAGE / "LICENSE").read_text() == (ROOT / "LICENSE").read_text() and not (PACKAGE / "LICENSE").is_symlink()
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(tmp_path)]
    subprocess.run([*build, "-t", "sdist"], cwd=PACKAGE, check=True, capture_output=True)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    [source] = (tmp_path / "source").iterdir()
    subprocess.run([*build, "-t", "wheel"], cwd=source, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*-py3-none-any.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    own = {f"patchsweep/{path.relative_to(PACKAGE / 'src/patchsweep')}" for path in (PACKAGE / "src/patchsweep").rglob("*.py*")}
    own = {name for name in own if "__pycache__" not in name} | {"patchsweep/py.typed"}
    assert {name for name in names if not name.startswith("patchsweep-")} == own


def test_types_hold(tmp_path: Path) -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path)], cwd=PACKAGE, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout
