"""Real programs for tests: a coordinator and a worker, over TLS with credentials files."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import patchsweep
import pytest
from programs import BOUND_SECONDS, DATA, PROGRAMS, Coordinator, Running


def pytest_sessionfinish() -> None:
    """Nothing is left running."""
    for running in Running.started:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait(BOUND_SECONDS)


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
