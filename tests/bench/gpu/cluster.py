"""A coordinator with workers whose options a test of memory or of faults chooses; sweeps one after the other."""

import json
import os
import pathlib
import re
import resource
import subprocess
import tempfile
import time
import urllib.request

import ours

PHASE = re.compile(r'patchsweep_worker_phase_seconds_sum\{.*phase="(\w+)".*\} (\S+)')


class Failed(Exception):
    """A program ended otherwise than it should."""


class Cluster:
    """Ends with the part of the day that it is in."""

    def __init__(self, day, models):
        self.day, self.models = day, models
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=day.memory))
        self.log = self.folder / "serve.log"
        self.coordinator = day.start(
            [day.programs / "patchsweep", "serve", "--listen", "127.0.0.1:0", "--state", self.folder / "state", "--models", models],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log.open("w"))
        self.url = "http://" + said(self.coordinator, self.log, r"listening on (?:http://)?(\S+)")
        self.workers = []

    def worker(self, *options, environment=None, address_space=None, device=None, around=()):
        """`around`: a command that runs the worker, a profiler's; `address_space`: bytes that it may map at most."""
        log = self.folder / f"worker-{len(self.workers)}.log"
        bound = address_space and (lambda: resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space)))
        process = self.day.start(
            [*around, self.day.programs / "patchsweep-worker", "--coordinator", self.url, "--models", self.models,
             "--device", device or self.day.device, "--threads", self.day.threads, "--http", "127.0.0.1:0",
             "--until-stdin-closes", *options],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log.open("w"), preexec_fn=bound,
            environment={"PATCHSWEEP_LOG": "info", **(environment or {})})
        worker = Worker(process, log)
        self.workers.append(worker)
        return worker

    def call(self, *words, code=0):
        """What a command prints; `code`: how it may end."""
        command = [str(word) for word in (self.day.programs / "patchsweep", *words, "--coordinator", self.url)]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **self.day.environment})
        if done.returncode != code:
            raise Failed(f"`{' '.join(command[1:])}` ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout.strip()

    def submit(self, spec, *options):
        return self.call("submit", spec, "--output", "quiet", *options).split()[0]

    def sweep(self, spec, *options):
        """Runs a spec anew and reads its results."""
        loaded = sum(worker.loading() for worker in self.workers)
        return self.results(self.submit(spec, "--wait", "--new", *options), loaded)

    def sweeps(self, specs):
        """Submits all, and gives their results one after the other to whom wants them, when there are any."""
        return (self.ended(sweep) for sweep in [self.submit(spec, "--new") for spec in specs])

    def ended(self, sweep):
        """Waits for a sweep that has been submitted."""
        while (state := self.status(sweep)["state"]) == "running":
            time.sleep(0.05)
        if state != "done":
            raise Failed(f"{sweep} is {state}: {self.call('explain', sweep)}")
        return self.results(sweep)

    def results(self, sweep, loaded=0.0):
        """Of a sweep that has ended; `loaded`: the seconds of loading that were before it."""
        with tempfile.TemporaryDirectory(dir=self.folder) as out:
            self.call("results", sweep, "--out", out, "--overwrite")
            return ours.read(pathlib.Path(out), sum(worker.loading() for worker in self.workers) - loaded)

    def status(self, sweep):
        (found,) = json.loads(self.call("status", sweep, "--output", "json"))["sweeps"]
        return found


class Worker:
    def __init__(self, process, log):
        self.process, self.log = process, log
        self.ended = False
        said(process, log, r"registered with the coordinator")

    def loading(self):
        """Seconds in which it loaded models so far."""
        return ours.loading(self.log.read_text())

    def phases(self):
        """Seconds by phase of its work so far."""
        found = re.search(r"health and metrics on (\S+?),", self.log.read_text())
        with urllib.request.urlopen(f"{found[1]}/metrics") as answer:
            return {name: float(seconds) for name, seconds in PHASE.findall(answer.read().decode())}

    def memory(self, field):
        """Bytes of a field of /proc/PID/status."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{field}:\s*(\d+) kB", status)[1]) * 1024

    def kill(self):
        self.process.kill()
        self.process.wait()


# The first program that loads CUDA's libraries from a network's disk takes minutes.
def said(process, log, pattern, seconds=180):
    """The first group, or all, of what a program says; it must not end before."""
    until = time.monotonic() + seconds
    while not (found := re.search(pattern, log.read_text())):
        if process.poll() is not None or time.monotonic() > until:
            raise Failed(f"`{pathlib.Path(process.args[0]).name}` did not say `{pattern}`: {log.read_text().strip()[-2000:]}")
        time.sleep(0.02)
    return found[found.re.groups]
