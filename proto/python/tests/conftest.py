"""Real programs for tests: a coordinator and a worker, over TLS with credentials files."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import patchsweep
import pytest

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "data"
PROGRAMS = Path(os.environ.get("PATCHSWEEP_PROGRAMS", ROOT / "target" / "debug"))

#: How long something may take that takes a moment.
BOUND_SECONDS = 120


class Running:
    """A process whose stderr is read as it comes."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self.lines.append(line.rstrip())
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def wait_for(self, text: str) -> str:
        """The first line that has it."""

        def found() -> str | None:
            return next((line for line in self.lines if text in line), None)

        with self._changed:
            self._changed.wait_for(lambda: found() is not None or not self._reader.is_alive(), BOUND_SECONDS)
            line = found()
        assert line is not None, f"no `{text}` in {self.lines}"
        return line

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(BOUND_SECONDS)
        self._reader.join(BOUND_SECONDS)
        assert self.process.stderr is not None
        self.process.stderr.close()


class Coordinator(Running):
    """A coordinator on a free port, with its state in a folder."""

    def __init__(self, state: Path, *options: str, listen: str = "127.0.0.1:0", models: Path = DATA) -> None:
        self.state = state
        serve = [str(PROGRAMS / "patchsweep"), "serve", "--listen", listen, "--state", str(state)]
        super().__init__([*serve, "--models", str(models), *options])
        self.url = self.wait_for("listening on ").rpartition(" ")[2]

    @property
    def credentials(self) -> Path:
        return self.state / "client.credentials"

    def worker(self, models: Path = DATA) -> Running:
        credentials = ["--credentials", str(self.state / "worker.credentials")]
        worker = Running(
            [str(PROGRAMS / "patchsweep-worker"), *credentials, "--models", str(models), "--threads", "1"]
        )
        worker.wait_for("registered with the coordinator")
        return worker


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("PATCHSWEEP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PATCHSWEEP_CONFIG", "")
    monkeypatch.setenv("PATCHSWEEP_PROGRAM", str(PROGRAMS / "patchsweep"))


@pytest.fixture(scope="session")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coordinator]:
    """With a worker."""
    coordinator = Coordinator(tmp_path_factory.mktemp("state"), "--tls")
    worker = coordinator.worker()
    yield coordinator
    worker.end()
    coordinator.end()


@pytest.fixture(scope="session")
def idle_coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coordinator]:
    """Without a worker: sweeps stay where they are."""
    coordinator = Coordinator(tmp_path_factory.mktemp("idle"), "--tls")
    yield coordinator
    coordinator.end()


@pytest.fixture(scope="session")
def client(coordinator: Coordinator) -> Iterator[patchsweep.Client]:
    os.environ["PATCHSWEEP_CONFIG"] = ""
    with patchsweep.connect(credentials=coordinator.credentials) as client:
        yield client


@pytest.fixture(scope="session")
def idle_client(idle_coordinator: Coordinator) -> Iterator[patchsweep.Client]:
    os.environ["PATCHSWEEP_CONFIG"] = ""
    with patchsweep.connect(credentials=idle_coordinator.credentials) as client:
        yield client


@pytest.fixture(scope="session")
def acronyms(client: patchsweep.Client) -> patchsweep.Sweep:
    """The example sweep, computed."""
    return client.submit(DATA / "acronyms.toml").wait(timeout=BOUND_SECONDS, show=False)


@pytest.fixture(scope="session")
def command(coordinator: Coordinator) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command line, as a client of the same coordinator."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PATCHSWEEP_CREDENTIALS": str(coordinator.credentials), "PATCHSWEEP_CONFIG": ""}
        program = [str(PROGRAMS / "patchsweep"), *words]
        return subprocess.run(program, capture_output=True, text=True, env=environment, timeout=BOUND_SECONDS, check=False)

    return run


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of `patchsweep run` of the example."""
    out = tmp_path_factory.mktemp("run") / "results"
    run = [str(PROGRAMS / "patchsweep"), "run", str(DATA / "acronyms.toml"), "--out", str(out), "--workers", "1"]
    subprocess.run(run, check=True, capture_output=True, timeout=BOUND_SECONDS)
    return out


__all__ = ["BOUND_SECONDS", "DATA", "PROGRAMS", "ROOT", "Coordinator", "Running"]
