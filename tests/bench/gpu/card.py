"""The card: what nvidia-smi says of it, what is taken of its memory, and how to take it away."""

import os
import pathlib
import subprocess
import sys
import threading

FACTS = ("name", "driver_version", "memory.total", "memory.used", "mig.mode.current", "compute_mode", "pstate", "clocks.sm",
         "clocks.max.sm", "power.draw", "power.limit", "temperature.gpu")

DRIVER = pathlib.Path(__file__).with_name("driver.py")
# Seconds: a driver that has not been used for a while takes some.
ANSWER = 10


def facts(device):
    """By name, as far as anybody says them; None where there is no such card."""
    return asked(device, FACTS) or asked(device, ("name",)) or of_driver(device)


def asked(device, fields):
    """What nvidia-smi says. It answers nothing at all where it does not know one of the fields."""
    index = index_of(device)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    card = visible[index] if index < len(visible) and visible[index] else str(index)
    said = output("nvidia-smi", f"--id={card}", f"--query-gpu={','.join(fields)}", "--format=csv,noheader")
    return said and dict(zip(fields, map(str.strip, said.split(","))))


def of_driver(device):
    said = output(sys.executable, DRIVER, str(index_of(device)), "name")
    return said and {"name": said.strip(), "nvidia-smi": "says nothing"}


def index_of(device):
    return int(device.partition(":")[2] or 0)


def output(*command):
    """None where the command fails."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=ANSWER)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


class Driver:
    """driver.py in a process of its own, until its part of the day ends."""

    def __init__(self, day):
        self.process = day.start([sys.executable, DRIVER, index_of(day.device)],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ask(self, line):
        """Free bytes and all bytes."""
        try:
            print(line, file=self.process.stdin, flush=True)
            free, total = map(int, self.process.stdout.readline().split())
        except (BrokenPipeError, ValueError):
            raise RuntimeError(f"the driver does not answer: {self.process.stderr.read().strip()}") from None
        return free, total

    def taken(self):
        free, total = self.ask("memory")
        return total - free


class Taken:
    """The most bytes that workers take while a block of code runs: of a card what everybody takes, on the CPU what is theirs and
    in no file."""

    def __init__(self, day, *workers):
        self.driver = Driver(day) if day.on_card else None
        self.read = self.driver.taken if self.driver else lambda: sum(worker.memory("RssAnon") for worker in workers)
        self.most, self.over = self.read(), threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while not self.over.wait(0.02):
            self.most = max(self.most, self.read())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.most = max(self.most, self.read())
        if self.driver:
            self.driver.process.kill()
