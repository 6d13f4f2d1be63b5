"""A coordinator with its web page, and workers, as processes."""

import contextlib
import json
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

PATIENCE_S = 180


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Cluster:
    def __init__(self, patchsweep, worker, data, folder):
        self.patchsweep, self.worker, self.data, self.folder = patchsweep, worker, data, folder
        self.listen, self.http = (f"127.0.0.1:{free_port()}" for _ in range(2))
        self.url = f"http://{self.http}"
        self.coordinator = None
        self.workers = []
        self.log = (folder / "log.txt").open("w+")

    def start(self):
        """Starts the coordinator, again on the same state and addresses, and waits until it answers."""
        state = self.folder / "state"
        self.coordinator = subprocess.Popen(
            [self.patchsweep, "serve", "--listen", self.listen, "--http", self.http, "--state", state, "--models", self.data],
            stdout=self.log,
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in self.coordinator.stderr:
            if re.match("listening on ", line):
                break
        else:
            raise AssertionError(f"the coordinator ended with {self.coordinator.wait()}")
        # Whatever it says from now on must not fill the pipe.
        subprocess.Popen(["cat"], stdin=self.coordinator.stderr, stdout=self.log)
        self.wait_for_page()

    def wait_for_page(self):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return urllib.request.urlopen(f"{self.url}/", timeout=PATIENCE_S).close()
            except urllib.error.URLError:
                if self.coordinator.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def kill(self):
        self.coordinator.kill()
        self.coordinator.wait()

    def work(self):
        """Starts a worker."""
        coordinator = f"http://{self.listen}"
        command = [self.worker, "--coordinator", coordinator, "--device", "cpu", "--models", self.data]
        self.workers.append(subprocess.Popen(command, stdout=self.log, stderr=self.log))

    def submit(self, spec):
        """The id of a new sweep."""
        return self.call("submit", spec, "--coordinator", f"http://{self.listen}")

    def check(self, sweep):
        """The id of a check of a sweep, once it has ended."""
        return self.call("check", "--coordinator", f"http://{self.listen}", "--output", "quiet", "--", sweep)

    def run(self):
        """The results folder of the example, made without the coordinator."""
        results = self.folder / "results"
        self.call("run", self.data / "acronyms.toml", "--out", results)
        return results

    def call(self, *arguments):
        """What a command prints."""
        done = subprocess.run(
            [self.patchsweep, *arguments], check=True, stdout=subprocess.PIPE, stderr=self.log, text=True, timeout=PATIENCE_S
        )
        return done.stdout.strip()

    def ask(self, path):
        """What the page gets."""
        with urllib.request.urlopen(f"{self.url}{path}", timeout=PATIENCE_S) as answer:
            return json.load(answer)

    @contextlib.contextmanager
    def frozen_when(self, condition):
        """Lets a worker work until something holds, stops it there, and ends it."""
        self.work()
        worker = self.workers[-1]
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.02)
        worker.send_signal(signal.SIGSTOP)
        yield
        worker.kill()
        worker.wait()

    def stop(self):
        for process in [*self.workers, self.coordinator]:
            if process is not None:
                process.kill()
                process.wait()
        self.log.close()
