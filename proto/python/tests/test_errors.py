"""Every error, with its message, which is the command line's wherever that has one."""

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import patchsweep
import pytest
import tomli
import tomli_w
from patchsweep.check import CheckReport, report_of
from programs import DATA, PROGRAMS, ROOT, Coordinator

Command = Callable[..., CompletedProcess[str]]

SPEC = """schema = 1
name = "typo"

[model]
path = "acronym-gpt2"

[dataset]
path = "words.txt"

[corruption]
kind = "permute"
groups = [[1, 6]]

[[metric]]
kind = "logit_diff_max"
candidates = "A-Z"

[[iteration]]
corrupt = [2]
read = 5
answer = 0

[[grid]]
component = "zz"
axes = ["layer", "head"]
"""


def program(*words: str) -> str:
    """What the command line complains of."""
    ended = subprocess.run([str(PROGRAMS / "patchsweep"), *words], capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    return ended.stderr.removeprefix("error: ").rstrip("\n")


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    (tmp_path / "words.txt").write_text("The Welder Sport Injury (, WSI\n")
    (tmp_path / "acronym-gpt2").symlink_to(DATA / "acronym-gpt2")
    path = tmp_path / "typo.toml"
    path.write_text(SPEC)
    return path


def test_a_spec_is_refused_with_line_and_column(client: patchsweep.Client, spec: Path) -> None:
    for ask in (client.submit, client.plan):
        with pytest.raises(patchsweep.SpecError) as caught:
            ask(spec)
        error = caught.value
        assert str(error) == program("plan", str(spec))
        assert "did you mean `z`?" in str(error)
        assert (error.line, error.column, error.path, error.kind) == (24, 13, spec, "spec")
        assert error.text == SPEC


def test_a_spec_that_is_no_toml_is_refused_by_its_place(client: patchsweep.Client, spec: Path) -> None:
    spec.write_text("schema = 1\nname = \n")
    with pytest.raises(patchsweep.SpecError) as caught:
        client.submit(spec)
    assert str(caught.value) == program("plan", str(spec))
    assert caught.value.line == 2


def test_a_dict_is_refused_with_the_text_that_was_made_of_it(client: patchsweep.Client) -> None:
    with pytest.raises(patchsweep.SpecError, match="^spec line 1, column 1: missing field `model`") as caught:
        client.submit({"name": "x"})
    assert caught.value.text == 'name = "x"\nschema = 1\n' and caught.value.path is None
    with pytest.raises(patchsweep.SpecError, match="the spec is no TOML .*; give texts, numbers"):
        client.submit({"name": None})


def test_a_file_with_a_dataset_in_memory_is_refused_by_places_in_what_was_made_of_it(
    client: patchsweep.Client, spec: Path
) -> None:
    spec.write_text("\n\n\n" + spec.read_text())
    rows = [("The Welder Sport Injury (", "W")]
    for ask in (patchsweep.plan, client.submit):
        with pytest.raises(patchsweep.SpecError) as caught:
            ask(spec, rows)
        refused = caught.value
        assert str(refused).startswith(f"{spec} with this dataset: spec line {refused.line}, column ")
        assert refused.text is not None and refused.line is not None and refused.path == spec
        assert refused.text.splitlines()[refused.line - 1] == 'component = "zz"'


def test_a_file_that_is_no_toml_is_refused_by_its_place_with_a_dataset_in_memory_too(spec: Path) -> None:
    spec.write_text("schema = 1\nname = \n")
    for ask in (patchsweep.plan, patchsweep.run):
        with pytest.raises(patchsweep.SpecError, match=f"^{spec}: spec line 2, column 8") as caught:
            ask(spec, [("The Welder Sport Injury (", "W")])
        assert (caught.value.line, caught.value.column) == (2, 8)


def test_files_that_are_missing_are_named(client: patchsweep.Client, spec: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing.toml"
    with pytest.raises(patchsweep.InputError) as caught:
        client.submit(missing)
    assert str(caught.value) == program("plan", str(missing))
    (tmp_path / "words.txt").unlink()
    spec.write_text(SPEC.replace('"zz"', '"z"'))
    with pytest.raises(patchsweep.InputError) as caught:
        client.submit(spec)
    assert str(caught.value) == program("plan", str(spec))
    with pytest.raises(patchsweep.InputError, match="is no results folder: it has no scores.zarr; give one that"):
        patchsweep.load(tmp_path)


def test_a_results_folder_wants_a_python_that_zarr_runs_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patchsweep.folder._PYTHON_OF_ZARR", (4, 0))
    with pytest.raises(patchsweep.MissingPackage, match=r"needs zarr 3, which needs Python 4\.0; numpy\.load reads .*/scores\.npz"):
        patchsweep.load(folder)


def test_what_is_wrong_with_a_model_is_the_spec_s_fault(client: patchsweep.Client, spec: Path) -> None:
    spec.write_text(SPEC.replace('"zz"', '"z"').replace("acronym-gpt2", "other"))
    with pytest.raises(patchsweep.SpecError, match="spec line 4, column 1: no model folder `other`"):
        client.submit(spec)


def test_nobody_answers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(patchsweep.Unreachable) as caught:
        patchsweep.connect(url)
    assert str(caught.value) == program("list", "--coordinator", url)
    assert (caught.value.kind, caught.value.next_command) == ("unreachable", "patchsweep serve")
    assert caught.value.reason == "Connection refused (os error 111)"
    with pytest.raises(patchsweep.ConfigError, match="`head-node` is no address of a coordinator: an address begins with"):
        patchsweep.connect("head-node")


def test_a_coordinator_that_ends_is_unreachable_and_comes_back(tmp_path: Path) -> None:
    coordinator = Coordinator(tmp_path / "state")
    client = patchsweep.connect(coordinator.url)
    assert list(client.list()) == []
    with pytest.raises(patchsweep.UnknownSweep, match="there is no sweep yet; `patchsweep submit SPEC` makes one"):
        client.sweep()
    sweep = client.submit(DATA / "acronyms.toml")
    coordinator.end()
    with pytest.raises(patchsweep.Unreachable, match=r"\(Connection refused \(os error 111\)\); is `patchsweep serve` running"):
        client.list()
    assert repr(sweep).startswith(f"<{sweep.id}: cannot reach the coordinator")
    assert sweep._repr_html_() is None
    with pytest.raises(patchsweep.AnswerLost, match="`patchsweep list` shows whether the sweep is there, and submitting it again"):
        client.submit(DATA / "acronyms.toml", new=True)
    again = Coordinator(tmp_path / "state", listen=coordinator.url.removeprefix("http://"))
    assert sweep.progress().state == "running"
    again.end()


def test_tls_and_tokens_say_what_to_mend(coordinator: Coordinator, tmp_path: Path) -> None:
    def refused(url: str | None, file: Path | None) -> str:
        words = ["list", *(["--coordinator", url] if url else []), *(["--credentials", str(file)] if file else [])]
        with pytest.raises(patchsweep.NotLetIn) as caught:
            patchsweep.connect(url, file).list()
        assert str(caught.value) == program(*words)
        return str(caught.value)

    own = coordinator.credentials.read_text()
    assert "is of no authority that this machine trusts: give" in refused(coordinator.url, None)
    assert "speaks TLS: use https://" in refused(coordinator.url.replace("https", "http"), None)
    assert "is not one for a client: give" in refused(None, coordinator.state / "worker.credentials")
    other = Coordinator(tmp_path / "other", "--tls")
    assert "is not of the CA in" in refused(coordinator.url, other.credentials)
    other.end()
    plain = Coordinator(tmp_path / "plain")
    assert "does not speak TLS: use http://" in refused(plain.url.replace("http", "https"), coordinator.credentials)
    plain.end()
    stranger = tmp_path / "stranger"
    token = next(line for line in own.splitlines() if line.startswith("token"))
    stranger.write_text(own.replace(token, f'token = "psc_{"0" * 64}"'))
    assert "does not know the token in" in refused(None, stranger)
    stranger.write_text(own.replace(token, ""))
    assert "wants a token and got none from" in refused(None, stranger)


def test_what_the_machine_trusts_counts_where_no_ca_is_given(
    coordinator: Coordinator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tomli.loads(coordinator.credentials.read_text())
    own = tmp_path / "c"
    own.write_text(tomli_w.dumps({key: value for key, value in keys.items() if key != "ca"}))
    folder = tmp_path / "certs"
    folder.mkdir()
    (folder / "authority.pem").write_text(keys["ca"])
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "authority.pem"))
    patchsweep.connect(credentials=own).list()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    with pytest.raises(patchsweep.NotLetIn, match="is not of the CA in"):
        patchsweep.connect(credentials=own)
    (folder / "authority.pem").rename(folder / "0123abcd.0")
    patchsweep.connect(credentials=own).list()


def test_a_certificate_of_another_host_is_named(tmp_path: Path) -> None:
    coordinator = Coordinator(tmp_path / "state", "--tls", "--host", "head-node", listen="0.0.0.0:0")
    address = f"https://127.0.0.3:{coordinator.url.rpartition(':')[2]}"
    with pytest.raises(patchsweep.NotLetIn) as caught:
        patchsweep.connect(address, coordinator.credentials)
    # It is for this machine by its own names too, so that a tunnel leads to it.
    assert list(patchsweep.connect(address.replace("127.0.0.3", "localhost"), coordinator.credentials).list()) == []
    coordinator.end()
    text = str(caught.value)
    assert text.startswith(f"the certificate of the coordinator at {address} is for ") and ", head-node, " in text
    assert text.endswith(": dial one of these with --coordinator, or start the coordinator with --host 127.0.0.3")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "is empty; copy it from"),
        ("coordinator = 'https://a'\ntoken = 'secret'", "token: a token is `psw_`"),
        ("token = 'secret'", "missing field `coordinator`"),
        ("secret = 'x'", "unknown field; known are coordinator, token and ca"),
        ("coordinator = 'https://a'\ntoken = secret", "line 2: not TOML"),
        ("coordinator = 'head-node'", "coordinator: an address begins with"),
        ("coordinator = 1", "a field is not a text"),
    ],
)
def test_a_credentials_file_that_is_none_is_refused_without_its_secret(tmp_path: Path, text: str, part: str) -> None:
    file = tmp_path / "c"
    file.write_text(text)
    with pytest.raises(patchsweep.CredentialsError) as caught:
        patchsweep.connect(credentials=file)
    assert part in str(caught.value) and "secret" not in str(caught.value)
    assert "from the coordinator's state directory" in str(caught.value)


def test_a_ca_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "c"
    file.write_text("coordinator = 'https://127.0.0.1:1'\nca = 'nonsense'")
    with pytest.raises(patchsweep.NotLetIn, match=f"the CA in {file} is no certificate .*: copy client.credentials again"):
        patchsweep.connect(credentials=file)


def test_sweeps_and_cells_that_there_are_not(client: patchsweep.Client, acronyms: patchsweep.Sweep, command: Command) -> None:
    client.submit(DATA / "acronyms.toml", new=True).cancel()
    for word in ("acr", "nonsense", "all"):
        with pytest.raises((patchsweep.UnknownSweep, patchsweep.Refused)) as caught:
            client.sweep(word)
        told = command("explain", word).stderr.removeprefix("error: ").rstrip("\n")
        if word != "nonsense":  # The nearest are another measure's.
            assert str(caught.value) == told
        else:
            assert str(caught.value).startswith("no sweep `nonsense`; the nearest are `") and "patchsweep list" in told
    for cell in (("q",), ("z", 0, "9.9"), ("z", 7, "0.0"), ("z", 0)):
        with pytest.raises(patchsweep.Refused) as refused:
            acronyms.explain(*cell)
        told = command("explain", acronyms.id, *map(str, cell)).stderr.removeprefix("error: ").rstrip("\n")
        assert str(refused.value) == told
    with pytest.raises(patchsweep.RequestFailed, match="lacks nothing that could be resumed: it is done"):
        acronyms.resume()


@pytest.fixture
def failing(tmp_path: Path) -> Iterator[patchsweep.Sweep]:
    """A sweep whose worker has another model than the coordinator planned with."""
    coordinator = Coordinator(tmp_path / "state", "--tls")
    models = tmp_path / "models"
    (models / "acronym-gpt2").mkdir(parents=True)
    for path in (DATA / "acronym-gpt2").iterdir():
        content = path.read_bytes()
        (models / "acronym-gpt2" / path.name).write_bytes(content[: len(content) // 2] if path.suffix == ".safetensors" else content)
    worker = coordinator.worker(models)
    with patchsweep.connect(credentials=coordinator.credentials) as client:
        yield client.submit(DATA / "acronyms.toml")
    worker.end()
    coordinator.end()


def test_a_failed_sweep_says_why_and_what_to_do(failing: patchsweep.Sweep) -> None:
    with pytest.raises(patchsweep.SweepFailed) as caught:
        failing.wait(timeout=60, show=False)
    error = caught.value
    assert str(error) == (
        f"sweep `{failing.id}` failed: {error.reason}; once that is mended, `patchsweep resume {failing.id}` computes what it lacks"
    )
    assert ".safetensors" in error.reason
    assert isinstance(error, patchsweep.SweepEnded) and error.kind == "failed"
    assert "attempts failed at " in str(failing.explain())


def test_another_release_is_called_that(coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patchsweep._link.PROTOCOL_VERSION", 1)
    with pytest.raises(patchsweep.NotLetIn, match=r"refused: protocol version 1 is not the coordinator's \d+: install the same"):
        patchsweep.connect(credentials=coordinator.credentials).list()
    monkeypatch.undo()
    monkeypatch.setenv("PATCHSWEEP_CONFIG", "")
    monkeypatch.setattr("patchsweep._link._path", lambda method: "/patchsweep.v1.ClientService/NotYet")
    with pytest.raises(patchsweep.OtherRelease, match=r"does not know this request .* than this program \(0.1.0\); install"):
        patchsweep.connect(credentials=coordinator.credentials).list()


@pytest.mark.parametrize("listens", [False, True])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_port_that_hangs_up_is_unreachable(scheme: str, listens: bool) -> None:
    """As a tunnel does whose other end is not there: `wait` tries again."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        def hang_up() -> None:
            while True:
                try:
                    connection = server.accept()[0]
                except OSError:
                    return
                with connection:
                    # What was not read is a reset; otherwise the connection just ends.
                    if listens:
                        connection.recv(1 << 16)

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        with pytest.raises(patchsweep.Unreachable, match=r"\((Connection reset by peer .*|the connection ended)\)"):
            patchsweep.connect(f"{scheme}://127.0.0.1:{server.getsockname()[1]}")
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def test_a_check_that_disagrees_names_cell_values_and_what_to_do() -> None:
    worst = {
        "grid": "z", "iteration": "Iteration 0", "cell": "3.1", "mean": "effect", "computed": 0.5, "checked": None,
        "computed_by": ["one:1"], "checked_by": ["two:2"],
    }  # fmt: skip
    grid = {"grid": "z", "cells": 20, "noops": 5, "largest_difference": 2.5e-6, "tolerance": 1e-4, "agreed": True}
    fields = {
        "sweep": "s", "check": "s-check", "seed": 0, "cells": 20, "noops": 5, "without_score": 0, "not_finite": 0,
        "by_another_worker": 20, "tolerance": 1e-4, "largest_difference": 2.5e-6, "agreed": False,
        "computed_by": ["one:1"], "checked_by": ["two:2"], "grids": [grid], "worst": worst,
    }  # fmt: skip
    report: CheckReport = report_of({"check": fields})
    assert report.disagreement() == (
        "sweep `s`: the check does not agree, by most at z, Iteration 0, 3.1:\n"
        "  effect 0.5 by one:1\n"
        "  effect not a number by two:2 in plain forward passes, more than 1e-4 apart\n"
        "look at these workers' machines and drivers, then compute the sweep anew: `patchsweep submit --new SPEC`"
    )
    error = patchsweep.CheckDisagrees(report.disagreement(), report)
    assert error.report is report and error.kind == "check"
    with pytest.raises(patchsweep.OtherRelease, match="the coordinator's manifest cannot be read"):
        report_of({})


def test_a_program_that_is_missing_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PATCHSWEEP_PROGRAM")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(patchsweep.NoProgram, match="is not on this machine, .*; build it with `make build`, put it on PATH or name"):
        patchsweep.plan(DATA / "acronyms.toml")
    monkeypatch.setenv("PATCHSWEEP_PROGRAM", "/bin/true")
    with pytest.raises(patchsweep.NoProgram, match=r"`/bin/true` does not work as the program `patchsweep` does \(it ended with 0\)"):
        patchsweep.plan(DATA / "acronyms.toml")
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho 'libfoo.so: no such file' >&2\nexit 127\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATCHSWEEP_PROGRAM", str(broken))
    with pytest.raises(patchsweep.NoProgram, match=r"\(it ended with 127: libfoo.so: no such file\)"):
        patchsweep.plan(DATA / "acronyms.toml")


def test_a_package_that_is_missing_is_asked_for(monkeypatch: pytest.MonkeyPatch, acronyms: patchsweep.Sweep) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(patchsweep.MissingPackage) as caught:
        acronyms.top()
    assert str(caught.value) == (
        "Sweep.top needs pandas, which is not installed; `pip install pandas` installs it, and `pip install"
        " './proto/python[notebook]'` in a clone of the repository, or `pip install 'FILE.whl[notebook]'` with its wheel, all"
        " that notebooks need"
    )
    assert "\nnotebook = [" in (ROOT / "proto/python/pyproject.toml").read_text()
    assert isinstance(caught.value, ImportError)


def test_numbers_that_the_command_line_refuses_are_refused(
    client: patchsweep.Client, acronyms: patchsweep.Sweep, command: Command
) -> None:
    before = [sweep.id for sweep in client.list()]
    spec = DATA / "acronyms.toml"
    asks: list[tuple[Callable[[], object], str, list[str]]] = [
        (lambda: acronyms.top(k=-1), "k -1 is less than 0", ["top", acronyms.id, "-k=-1"]),
        (lambda: client.submit(spec, priority=0), "priority 0 is less than 1", ["submit", str(spec), "--priority=0"]),
        (lambda: acronyms.check(cells=0), "cells 0 is less than 1", ["check", acronyms.id, "--cells=0"]),
        (lambda: acronyms.check(cells=-4), "cells -4 is less than 1", ["check", acronyms.id, "--cells=-4"]),
        (lambda: acronyms.check(cells=4, seed=-1), "seed -1 is less than 0", ["check", acronyms.id, "--seed=-1"]),
    ]
    programs: list[tuple[Callable[..., object], str]] = [(client.submit, "submit"), (client.plan, "plan")]
    for name, most in [("tile_prompts", 2**32 - 1), ("tile_multiply_adds", 2**64 - 1)]:
        for number in (0, -1, most + 1):
            option = f"--{name.replace('_', '-')}={number}"
            given = {name: number}
            text = f"{name} {number} is " + ("less than 1" if number < 1 else f"more than {most}")
            for ask, word in programs:
                asks.append((partial(ask, spec, **given), text, [word, str(spec), option]))
    for refused, text, words in asks:
        with pytest.raises(ValueError, match=f"^{text}$"):
            refused()
        assert command(*words).returncode == 2, words
    with pytest.raises(TypeError, match="^cells 2.5 is not a whole number$"):
        acronyms.check(cells=2.5)  # type: ignore[arg-type]
    assert [sweep.id for sweep in client.list()] == before


def test_numbers_at_the_bounds_are_taken(acronyms: patchsweep.Sweep, client: patchsweep.Client) -> None:
    assert acronyms.top(k=0).empty and len(acronyms.top(k=2**64 - 1)) > len(acronyms.top(k=np.int64(1))) > 0
    assert client.plan(DATA / "acronyms.toml", tile_prompts=2**32 - 1, tile_multiply_adds=1).tiles > 5


def test_every_error_is_of_one_base_class_and_has_the_command_line_s_word() -> None:
    errors = [value for value in vars(patchsweep.errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    words = {error.kind for error in errors if issubclass(error, patchsweep.PatchsweepError)}
    assert words == {
        "failed", "config", "input", "spec", "usage", "no_sweep", "unreachable", "not_let_in", "other_release", "partial",
        "cancelled", "check",
    }  # fmt: skip
