"""A coordinator with workers whose options a test of memory or of faults chooses; sweeps one after the other, or many at once."""

import json
import os
import pathlib
import resource
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, wait

import ours
from gpu.worker import Failed, Worker, said

# Commands that run side by side, and the seconds that one may take which waits for no sweep.
AT_ONCE, CALL = 8, 60


class Cluster:
    """Ends with the part of the day that it is in."""

    def __init__(self, day, *models):
        self.day, self.models = day, [word for folder in models for word in ("--models", folder)]
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=day.memory))
        self.log = self.folder / "serve.log"
        self.workers, self.calling = [], set()
        day.clusters.append(self)
        with day.spending("starts"):
            self.coordinator = day.start(
                [day.programs / "patchsweep", "serve", "--listen", "127.0.0.1:0", "--state", self.folder / "state", *self.models],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log.open("w"))
            self.url = "http://" + said(self.coordinator, self.log, r"listening on (?:http://)?(\S+)")

    def logs(self):
        return [self.log, *(worker.log for worker in self.workers)]

    def remove(self):
        """When all processes have ended."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def worker(self, *options, environment=None, address_space=None, device=None, around=()):
        """`around`: a command that runs the worker, a profiler's; `address_space`: bytes that it may map at most."""
        log = self.folder / f"worker-{len(self.workers)}.log"
        bound = address_space and (lambda: resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space)))
        with self.day.spending("starts"):
            process = self.day.start(
                [*around, self.day.programs / "patchsweep-worker", "--coordinator", self.url, *self.models,
                 "--device", device or self.day.device, "--threads", self.day.threads, "--http", "127.0.0.1:0",
                 "--until-stdin-closes", *options],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log.open("w"), preexec_fn=bound,
                environment={"PATCHSWEEP_LOG": "info", **(environment or {})})
            worker = Worker(process, log)
            self.workers.append(worker)
            said(process, log, r"registered with the coordinator")
        return worker

    def call(self, *words, seconds=CALL):
        """What a command prints."""
        command = [str(word) for word in (self.day.programs / "patchsweep", *words, "--coordinator", self.url)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env={**os.environ, **self.day.environment})
        self.calling.add(process)
        try:
            output, complaint = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"`patchsweep {words[0]}` did not end within {seconds} s") from None
        finally:
            process.kill()
            self.calling.discard(process)
        if process.returncode != 0:
            raise Failed(f"`patchsweep {words[0]}` ended with {process.returncode}: {complaint[max(0, complaint.find('error:')):]}")
        return output.strip()

    def submit(self, spec, *options, seconds=CALL):
        return self.call("submit", spec, "--output", "quiet", *options, seconds=seconds).split()[0]

    def sweep(self, spec, *options):
        """Runs a spec anew and reads its results."""
        begin, loaded = time.monotonic(), self.loading()
        run = self.results(self.submit(spec, "--wait", "--new", *options, seconds=None), loaded)
        self.day.part.spend("computing", 1, run.seconds)
        self.day.part.spend("calls", 2, time.monotonic() - begin - run.seconds)
        return run

    def results(self, sweep, loaded=0.0):
        """Of a sweep that has ended; `loaded`: the seconds of loading that were before it."""
        with tempfile.TemporaryDirectory(dir=self.folder) as out:
            self.call("results", sweep, "--out", out, "--overwrite")
            return ours.read(pathlib.Path(out), self.loading() - loaded)

    def loading(self):
        """Seconds in which workers loaded models so far."""
        return sum(worker.loading() for worker in self.workers)

    def status(self, sweep="all"):
        return json.loads(self.call("status", sweep, "--output", "json"))["sweeps"]

    def at_once(self, each, items, spent_on="calls"):
        """Calls `each` for the values of a dict, side by side. Of a value with which that fails the part says so, and it is missing."""
        with self.day.spending(spent_on, len(items)), ThreadPoolExecutor(AT_ONCE) as pool:
            begun = {name: pool.submit(each, item) for name, item in items.items()}
            try:
                wait(begun.values())
            except BaseException:  # the part's time is up: no command is waited for
                pool.shutdown(wait=False, cancel_futures=True)
                for process in list(self.calling):
                    process.kill()
                raise
        done = {}
        for name, future in begun.items():
            with self.day.piece(name):
                done[name] = future.result()
        return done

    def begin(self, specs):
        """Submits specs by name. Gives the sweeps."""
        return self.at_once(lambda spec: self.submit(spec, "--new"), specs)

    def runs(self, sweeps):
        """Of sweeps by name, when they have ended."""
        done, running = {}, dict(sweeps)
        while running:
            with self.day.spending("computing", 0):
                states = {found["sweep"]: found for found in self.status()}
                ended = {name: sweep for name, sweep in running.items() if states[sweep]["state"] != "running"}
                if not ended:
                    time.sleep(0.05)
            running = {name: sweep for name, sweep in running.items() if name not in ended}
            done |= self.at_once(lambda sweep: self.ended(states[sweep]), ended) if ended else {}
        self.day.part.spend("computing", len(sweeps), 0)
        return {name: done[name] for name in sweeps if name in done}

    def ended(self, found):
        """The run of a sweep by its status."""
        if found["state"] != "done":
            failures = json.loads(self.call("explain", found["sweep"], "--output", "json"))["failures"]
            raise Failed(f"the sweep is {found['state']}: {'; '.join(failure['reason'] for failure in failures)}")
        return self.results(found["sweep"])
