"""The programs of patchsweep, as tests start them."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path
from typing import ClassVar

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "data"
PROGRAMS = Path(os.environ.get("PATCHSWEEP_PROGRAMS", ROOT / "target" / "debug"))

#: How long something may take that takes a moment.
BOUND_SECONDS = 120


class Running:
    """A process whose stderr is read as it comes."""

    #: Those that were started, also by tests that failed before they ended them.
    started: ClassVar[list[Running]] = []

    def __init__(self, command: list[str]) -> None:
        Running.started.append(self)
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
