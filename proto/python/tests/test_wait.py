"""Waiting: what is shown meanwhile, Ctrl-C, and a coordinator that goes away and comes back."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import patchsweep
import pytest
from programs import BOUND_SECONDS, DATA, PROGRAMS, Coordinator, Running

WAIT = """
import sys, patchsweep
sweep = patchsweep.connect().submit(sys.argv[1])
try:
    sweep.wait()
except KeyboardInterrupt:
    print(sweep.progress().state)
    raise SystemExit(7)
"""


def test_ctrl_c_ends_the_waiting_and_not_the_sweep(idle_coordinator: Coordinator) -> None:
    environment = {**os.environ, "PATCHSWEEP_CREDENTIALS": str(idle_coordinator.credentials)}
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", WAIT, str(DATA / "acronyms-word.toml")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    assert process.stderr is not None
    seen = ""
    while "waiting: " not in seen:
        character = process.stderr.read(1)
        assert character, seen
        seen += character
    process.send_signal(signal.SIGINT)
    out, rest = process.communicate(timeout=BOUND_SECONDS)
    assert process.returncode == 7 and out == "running\n", rest
    assert "goes on; wait() follows it again, cancel() ends it" in rest


def test_plain_lines_where_there_is_no_tqdm(
    acronyms: patchsweep.Sweep, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    acronyms.wait()
    assert capsys.readouterr().err.startswith("done 100%  12/12 tiles, 1 workers, ")


def test_a_bar_where_there_is(acronyms: patchsweep.Sweep, capsys: pytest.CaptureFixture[str]) -> None:
    acronyms.wait()
    shown = capsys.readouterr().err
    assert "100%|" in shown and f"{acronyms.id}: 12/12 tiles, 1 workers, " in shown


def test_threads_that_find_the_connection_broken_make_one(idle_coordinator: Coordinator) -> None:
    with patchsweep.connect(credentials=idle_coordinator.credentials) as client, ThreadPoolExecutor(8) as threads:
        for _ in range(20):
            client.close()
            for listed in [threads.submit(client.list) for _ in range(8)]:
                listed.result()


def test_a_wait_goes_on_when_the_coordinator_is_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    coordinator = Coordinator(tmp_path / "state")
    address = coordinator.url.removeprefix("http://")
    client = patchsweep.connect(coordinator.url)
    sweep = client.submit(DATA / "acronyms.toml")
    errors: list[BaseException] = []

    def wait() -> None:
        try:
            sweep.wait(timeout=BOUND_SECONDS)
        except BaseException as error:
            errors.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    coordinator.end()
    again = Coordinator(tmp_path / "state", listen=address)
    worker = Running([str(PROGRAMS / "patchsweep-worker"), "--coordinator", again.url, "--models", str(DATA)])
    waiting.join(BOUND_SECONDS)
    assert not waiting.is_alive() and not errors, errors
    assert sweep.progress().state == "done"
    assert "lost the coordinator (" in capsys.readouterr().err
    worker.end()
    again.end()
    client.close()
