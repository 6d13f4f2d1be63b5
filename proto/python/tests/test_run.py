"""Sweeps on this machine, without a coordinator: `patchsweep.run`."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import patchsweep
import pytest
import tomli
from patchsweep import _run, _run_process, _submission
from programs import BOUND_SECONDS, DATA, PROGRAMS

if sys.version_info < (3, 11):
    pytest.skip("results folders want zarr 3", allow_module_level=True)

RUN = """
import sys, patchsweep
try:
    patchsweep.run(sys.argv[1], out=sys.argv[2], threads=1, tile_multiply_adds=10_000_000)
except KeyboardInterrupt:
    raise SystemExit(7)
"""


@pytest.fixture
def spec() -> dict[str, Any]:
    spec = tomli.loads((DATA / "acronyms.toml").read_text())
    spec["grid"] = [{"component": "z", "axes": ["layer", "head"]}]
    return spec


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the model in it."""
    (tmp_path / "acronym-gpt2").symlink_to(DATA / "acronym-gpt2")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def frame() -> pd.DataFrame:
    rows = [line.rpartition(", ") for line in (DATA / "acronyms.txt").read_text().splitlines()]
    return pd.DataFrame({"prompt": [row[0] for row in rows], "answer": [row[2] for row in rows]})


def command(out: Path) -> list[str]:
    """Runs the sweep in a process of its own."""
    return [sys.executable, "-u", "-c", RUN, str(DATA / "acronyms.toml"), str(out)]


def computing(out: Path, tiles: int) -> subprocess.Popen[str]:
    """That process, which has computed so many tiles."""
    environment = {**os.environ, "PATCHSWEEP_LOG": "info"}
    process = subprocess.Popen(command(out), stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    seen = ""
    while seen.count("tile computed") < tiles:
        line = process.stderr.readline()
        assert line, seen
        seen += line
    return process


def test_a_run_gives_what_load_gives(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "results"
    ds = patchsweep.run(DATA / "acronyms.toml", out=out, device=["cpu"], workers=1)
    assert ds.attrs.pop("folder") == str(out)
    assert ds.identical(patchsweep.load(folder)) and ds.identical(patchsweep.load(out))
    shown = capsys.readouterr().err
    assert "results: 12/12 tiles, 1 workers, " in shown and f"report: {out}/report.html" in shown
    with pytest.raises(patchsweep.InputError, match="replace the results in it with overwrite=True$"):
        patchsweep.run(DATA / "acronyms.toml", out=out, show=False)
    patchsweep.run(DATA / "acronyms.toml", out=out, show=False, overwrite=True)
    assert not list(tmp_path.glob("*.state")), "nothing is left beside the results"
    assert capsys.readouterr().err == ""


def test_runs_without_a_folder_keep_all_results(home: Path, spec: dict[str, Any], folder: Path) -> None:
    one = patchsweep.run(spec, frame(), show=False)
    two = patchsweep.run(spec, frame(), show=False, workers=2)
    spec["dataset"]["samples"] = 10
    patchsweep.run(spec, frame(), show=False)
    assert patchsweep.load(one.attrs.pop("folder")).identical(one)
    assert patchsweep.load(two.attrs.pop("folder")).identical(two)
    kept = sorted((home / "patchsweep-results").iterdir())
    assert len(kept) == 3 and all(path.name.startswith("acronyms-") for path in kept)
    assert kept[1].name == f"{kept[0].name}-2" or kept[2].name == f"{kept[1].name}-2"
    assert one.identical(two) and one["z"].identical(patchsweep.load(folder)["z"])
    assert sum(one.identical(patchsweep.load(path)) for path in kept) == 2


def test_a_working_directory_that_takes_no_folder_is_named(home: Path, spec: dict[str, Any]) -> None:
    (home / "patchsweep-results").write_text("a file")
    with pytest.raises(patchsweep.InputError, match="^cannot make patchsweep-results in the working directory; name a folder with out"):
        patchsweep.run(spec, frame(), show=False)


def test_no_tqdm_no_bar(home: Path, spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    patchsweep.run(spec, frame())
    assert "\ndone 100%  " in capsys.readouterr().err


def is_played(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str) -> None:
    """This script is in place of `patchsweep`."""
    program = tmp_path / "program"
    program.write_text(f"#!{sys.executable}\nimport os, sys\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATCHSWEEP_PROGRAM", str(program))


def ends_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *said: str, **fields: Any) -> None:
    """A program in place of `patchsweep` that says these lines, and ends with this."""
    own = [f"error: {fields['error']['message']}"] if "error" in fields else []
    lines = "\n".join([*said, *own, ""])
    is_played(monkeypatch, tmp_path, f"print({json.dumps(fields)!r})\nsys.stderr.write({lines!r})")


def test_a_check_disagrees_or_says_that_it_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    patchsweep.run(DATA / "acronyms-word.toml", out=tmp_path / "out", check=True)
    assert " agree (largest difference " in capsys.readouterr().err
    anew = "the same command with --new and --overwrite does"
    ends_with(monkeypatch, tmp_path, files={}, error={"kind": "check", "message": f"the check does not agree: {anew}"})
    with pytest.raises(patchsweep.CheckDisagrees) as caught:
        patchsweep.run(DATA / "acronyms-word.toml", out=tmp_path / "out", check=True, show=False)
    anew = "the same call with new=True does, with overwrite=True where it names `out`"
    assert str(caught.value) == f"the check does not agree: {anew}"
    assert caught.value.report.cells >= 20


def test_a_check_that_fails_leaves_the_results(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends_with(monkeypatch, tmp_path, sweep="s", files={}, error={"kind": "failed", "message": "sweep `s`: they are not checked: no room"})
    with pytest.raises(patchsweep.ProgramFailed) as failed:
        patchsweep.run(DATA / "acronyms.toml", out=folder, check=True, show=False)
    again = f'patchsweep.load("{folder}") has them, and the same call with overwrite=True checks them'
    assert str(failed.value) == f"sweep `s`: they are not checked: no room; {again}"
    ends_with(monkeypatch, tmp_path, error={"kind": "partial", "message": "sweep `s-check` is partial"})
    with pytest.raises(patchsweep.SweepPartial, match="^sweep `s-check` is partial$") as partial:
        patchsweep.run(DATA / "acronyms.toml", out=folder, check=True, show=False)
    assert (partial.value.sweep, partial.value.reason) == ("", "")


def test_what_is_not_whole_or_not_finite_is_said_as_of_a_coordinator_s_sweep(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    of_partial: dict[str, Any] = {"sweep": "s", "reason": "no room", "files": {}}
    ends_with(monkeypatch, tmp_path, **of_partial, error={"kind": "partial", "message": "sweep `s` is partial"})
    with pytest.raises(patchsweep.SweepPartial) as partial:
        patchsweep.run(DATA / "acronyms.toml", out=folder)
    goes_on = f'patchsweep.load("{folder}") has the others, and the same call with overwrite=True computes what is missing'
    assert str(partial.value) == f"sweep `s` is partial; {goes_on}"
    assert (partial.value.sweep, partial.value.reason, partial.value.next_command) == ("s", "no room", None)
    assert "error: " not in capsys.readouterr().err, "it is raised"
    with pytest.raises(patchsweep.SweepPartial, match="the same call with overwrite=True and without new=True computes what is missing"):
        patchsweep.run(DATA / "acronyms.toml", out=folder, new=True, show=False)
    ends_with(monkeypatch, tmp_path, error={"kind": "failed", "message": "sweep `s` failed: tile t2\nand more"})
    with pytest.raises(patchsweep.SweepFailed) as failed:
        patchsweep.run(DATA / "acronyms.toml", out=folder, show=False)
    assert (failed.value.sweep, failed.value.reason) == ("s", "tile t2\nand more")
    ends_with(monkeypatch, tmp_path, error={"kind": "not_finite", "message": "3 scores are not finite"})
    with pytest.warns(patchsweep.PatchsweepWarning, match="^3 scores are not finite$"):
        assert patchsweep.run(DATA / "acronyms.toml", out=folder, show=False)["z"].identical(patchsweep.load(folder)["z"])
    for kind, error in (("not_let_in", patchsweep.NotLetIn), ("unreachable", patchsweep.Unreachable), ("config", patchsweep.ConfigError)):
        ends_with(monkeypatch, tmp_path, error={"kind": kind, "message": "no", "next": "do this"})
        with pytest.raises(error, match="^no$") as refused:
            patchsweep.run(DATA / "acronyms.toml", out=folder, show=False)
        assert refused.value.next_command == "do this"


def test_what_was_said_beside_a_success_is_a_warning_too(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = ["error: cuda:1 is lost", "because of the driver", "running  50%  6/12 tiles", "warning: 2 prompts", "report: there"]
    ends_with(monkeypatch, tmp_path, "warning: first", *lost)
    for show in (False, True):
        with pytest.warns(patchsweep.PatchsweepWarning) as warned:
            patchsweep.run(DATA / "acronyms.toml", out=folder, show=show)
        texts = ["first", "2 prompts", "a worker has ended: cuda:1 is lost\nbecause of the driver"]
        assert [str(warning.message) for warning in warned] == texts
        shown = capsys.readouterr().err
        assert "driver" not in shown and ("report: there" in shown) == show
    ends_with(monkeypatch, tmp_path, *lost, error={"kind": "failed", "message": "cannot write it"})
    with pytest.warns(patchsweep.PatchsweepWarning, match="^2 prompts$"), pytest.raises(patchsweep.ProgramFailed) as failed:
        patchsweep.run(DATA / "acronyms.toml", out=folder, show=False)
    assert str(failed.value) == "cannot write it\nerror: cuda:1 is lost\nbecause of the driver"


def test_what_the_program_refuses_is_a_typed_error(home: Path, spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    spec["grid"][0]["component"] = "zz"
    with pytest.raises(patchsweep.SpecError, match="^spec line .* unknown component `zz`") as caught:
        patchsweep.run(spec, frame(), show=False)
    assert caught.value.path is None and caught.value.line is not None and 'component = "zz"' in (caught.value.text or "")
    with pytest.raises(patchsweep.InputError, match="cannot read missing.toml"):
        patchsweep.run("missing.toml")
    spec["grid"][0]["component"] = "z"
    monkeypatch.setenv("CLICOLOR_FORCE", "1")  # as Jupyter does
    with pytest.raises(patchsweep.ProgramFailed, match="all workers have ended .*\nerror: unknown device `gpu`; use") as failed:
        patchsweep.run(spec, frame(), device="gpu", show=False)
    assert failed.value.kind == "failed"
    with pytest.raises(ValueError, match="workers 0 is less than 1"):
        patchsweep.run(spec, frame(), workers=0)
    assert not list((home / "patchsweep-results").glob("*")), "nothing is written"


def test_what_a_person_should_know_is_a_warning(home: Path, spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICOLOR_FORCE", "1")  # as Jupyter does
    rows = frame()
    rows["prompt"] = "<|bos|>" + rows["prompt"]
    for iteration in spec["iteration"]:
        iteration["read"] += 1
    spec["corruption"]["groups"] = [[2, 7]]
    with pytest.warns(patchsweep.PatchsweepWarning, match="put first as well, so that it stands twice"):
        patchsweep.run(spec, rows, show=False)


def test_a_program_that_is_killed_is_said_to_be_and_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "results"
    dies = "print('going on', file=sys.stderr, flush=True)\nos.kill(os.getpid(), 9)"
    is_played(monkeypatch, tmp_path, dies)
    killed = "the program `patchsweep` was ended by signal 9, SIGKILL, as where memory runs out: going on"
    with pytest.raises(patchsweep.ProgramFailed, match=f"^{killed}$"):
        patchsweep.run(DATA / "acronyms.toml", out=out, show=False)
    with pytest.raises(patchsweep.ProgramFailed, match=f"^{killed}$"):
        patchsweep.plan(DATA / "acronyms.toml")
    Path(f"{out}.state").mkdir()
    for new, how in ((False, ""), (True, " without new=True")):
        with pytest.raises(patchsweep.ProgramFailed) as failed:
            patchsweep.run(DATA / "acronyms.toml", out=out, new=new, show=False)
        assert str(failed.value) == f"{killed}\nwhat is computed is kept in {out}.state: the same call{how} goes on from there"


def test_a_folder_without_a_name_is_of_a_spec_its_dataset_and_its_models(home: Path, spec: dict[str, Any]) -> None:
    def folder(models: list[str], new: bool = False) -> str:
        return str(_run._folder(_submission.read(spec, frame()), models, new))

    one = folder(["one"])
    assert one == folder([str(home / "one")]) != folder(["other"])
    elsewhere = [_run._folder(_submission.Submission("", "", Path(path)), [], False) for path in ("a/spec.toml", "b/spec.toml")]
    assert elsewhere[0] != elsewhere[1], "models are looked for beside them"
    for ended in (one, f"{one}-2"):
        Path(f"{ended}.state").mkdir(parents=True)
    Path(one).mkdir()
    assert (folder(["one"]), folder(["one"], new=True)) == (f"{one}-2", f"{one}-2"), "the last one goes on, or begins anew"


def test_ctrl_c_ends_a_run_which_goes_on_when_it_is_called_again(tmp_path: Path) -> None:
    out = tmp_path / "results"
    with computing(out, 5) as process:
        assert process.stderr is not None
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 7
    kept = f"what is computed is kept in {out}.state: the same call goes on from there"
    assert kept in rest and "KeyboardInterrupt" not in rest and "error: " not in rest, rest
    again = subprocess.run(command(out), capture_output=True, text=True, timeout=BOUND_SECONDS, check=False)
    assert again.returncode == 0, again.stderr
    assert "going on with an earlier run: " in again.stderr and "; new=True begins anew" in again.stderr
    assert not Path(f"{out}.state").exists()


def test_a_run_ends_with_the_process_that_called_it(tmp_path: Path) -> None:
    out = tmp_path / "results"
    with computing(out, 1) as process:
        assert running(out)
        process.kill()
    until = time.monotonic() + BOUND_SECONDS
    while running(out):
        assert time.monotonic() < until, "the program goes on"
        time.sleep(0.05)
    assert not out.exists()


def running(out: Path) -> list[str]:
    """Command lines of programs that write there."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(process.read_bytes().decode(errors="replace"))
    return [line for line in found if f"--out={out}" in line]


def test_another_program_of_that_name_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATCHSWEEP_PROGRAM", "/bin/true")
    with pytest.raises(patchsweep.NoProgram, match="`/bin/true` does not work as the program `patchsweep` does"):
        _run_process.follow(["run"], "title", False)
    monkeypatch.setenv("PATCHSWEEP_PROGRAM", str(PROGRAMS / "no-program"))
    with pytest.raises(patchsweep.NoProgram, match="no-program"):
        _run_process.follow(["run"], "title", False)
