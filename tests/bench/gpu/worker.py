"""A worker of a test, and what programs say."""

import pathlib
import re
import time
import urllib.request

import ours

PHASE = re.compile(r'patchsweep_worker_phase_seconds_sum\{.*phase="(\w+)".*\} (\S+)')
# In which a process that was killed has to end: one that hangs in a driver never does.
END = 10


class Failed(Exception):
    """A program ended otherwise than it should."""


class Worker:
    def __init__(self, process, log):
        self.process, self.log = process, log

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
        self.process.wait(timeout=END)


# The first program that loads CUDA's libraries from a network's disk takes minutes.
def said(process, log, pattern, seconds=180):
    """The first group, or all, of what a program says; it must not end before."""
    until = time.monotonic() + seconds
    while not (found := re.search(pattern, log.read_text())):
        if process.poll() is not None or time.monotonic() > until:
            raise Failed(f"`{pathlib.Path(process.args[0]).name}` did not say `{pattern}`: {log.read_text().strip()[-2000:]}")
        time.sleep(0.02)
    return found[found.re.groups]
