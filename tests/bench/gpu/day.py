"""What is asked of a day on a GPU, and what it has found so far: Markdown on standard output, JSON in a folder."""

import contextlib
import json
import operator
import os
import pathlib
import signal
import subprocess
import time
from dataclasses import dataclass, field

class TimeIsUp(BaseException):
    """The seconds of a part are over. Nothing that catches failures catches it."""


class Skipped(Exception):
    """A part cannot be run here."""


@dataclass
class Part:
    """One part of the day, as it stands in the JSON."""

    name: str
    title: str
    outcome: str = "running"  # then `ran`, `stopped` (its time was over), `skipped` or `failed`
    why: str | None = None
    seconds: float = 0.0
    figures: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def end(self, outcome, why):
        """A failure of a piece of it stays."""
        self.outcome = "failed" if self.why else outcome
        self.why = "; ".join(filter(None, (self.why, why))) or None


@dataclass
class Day:
    programs: pathlib.Path  # folder of patchsweep and patchsweep-worker
    device: str
    small: bool  # sizes that a CPU computes within seconds
    out: pathlib.Path
    seconds: float  # of all parts together
    threads: int
    environment: dict  # of the programs
    python: str | None  # a Python that has torch for the device
    rates: dict  # multiply-adds per second by dtype, where known
    scratch: pathlib.Path  # for models and specs
    memory: pathlib.Path  # for what is small and written often: a disk that flushes each file would be what is measured
    begin: float = field(default_factory=time.monotonic)
    machine: dict = field(default_factory=dict)
    parts: list = field(default_factory=list)
    processes: list = field(default_factory=list)

    @property
    def on_card(self):
        return self.device != "cpu"

    def left(self):
        return self.seconds - (time.monotonic() - self.begin)

    def start(self, command, **options):
        """A process that ends with its part at the latest."""
        environment = {**os.environ, **self.environment, **options.pop("environment", {})}
        process = subprocess.Popen([str(word) for word in command], env=environment, **options)
        self.processes.append(process)
        return process

    def run(self, name, title, seconds, compute):
        """Computes a part within its seconds and what is left of the day's. Nothing that it raises goes further."""
        part = Part(name, title)
        self.parts.append(part)
        say(f"\n## {title}\n")
        begin, left = time.monotonic(), min(seconds, self.left())
        if left < 1:
            part.end("skipped", f"the {self.seconds:.0f} s of the day are over")
        else:
            with self.within(left, part):
                compute(self)
                part.end("ran", None)
        part.seconds = time.monotonic() - begin
        if part.outcome != "ran":
            say(f"\n**{part.outcome}**: {part.why}")
        say(f"\n{part.seconds:.0f} s of {seconds:.0f}; {max(0.0, self.left()):.0f} s of the day are left")
        self.save()

    @contextlib.contextmanager
    def within(self, seconds, part):
        def ring(*_):
            raise TimeIsUp

        before = signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        except TimeIsUp:
            part.end("stopped", f"its {seconds:.0f} s were over")
        except Skipped as reason:
            part.end("skipped", str(reason))
        except Exception as error:  # whatever it is: the other parts are worth as much without this one
            part.end("failed", f"{type(error).__name__}: {error}")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            self.end_processes()

    def rate(self, what, run, dtype, least):
        """What of the device's matrix rate a sweep computes with, loading apart."""
        of = self.rates.get(dtype)
        share = run.executed / run.computing / of if of else None
        self.figure(f"{what}: share of the {dtype} matrix rate", share, least=least, on_card=True)

    def end_processes(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()
        self.processes.clear()

    def step(self, compute, *arguments):
        """A piece of a part with processes of its own; the part goes on where it fails, and None is what it gives then."""
        try:
            return compute(self, *arguments)
        except Exception as error:
            self.parts[-1].end("failed", f"{type(error).__name__}: {error}")
            say(f"- **failed**: {error}")
            return None
        finally:
            self.end_processes()

    def note(self, text):
        """A line for people."""
        self.parts[-1].notes.append(text)
        say(f"- {text}")
        self.save()

    def figure(self, what, value, unit="", *, most=None, least=None, equal=None, on_card=False):
        """A number, and whether it is as wanted. `on_card`: it says something of cards, so that nothing else is judged by it."""
        wanted = [(f"{sign} {bound:g}", value is not None and holds(value, bound)) for sign, bound, holds in (
            ("<=", most, operator.le), (">=", least, operator.ge), ("=", equal, operator.eq)) if bound is not None]
        wanted, holds = wanted[0] if wanted else (None, None)
        if on_card and (self.small or not self.on_card or value is None):
            holds = None
        self.parts[-1].figures.append({"what": what, "value": value, "unit": unit, "wanted": wanted, "holds": holds})
        shown = "not measured" if value is None else f"{value:.3g}{f' {unit}' if unit else ''}"
        verdict = {None: ", not judged here", True: ": yes", False: ": **no**"}[holds]
        say(f"- {what}: {shown}{f'; wanted {wanted}{verdict}' if wanted else ''}")
        self.save()

    def failures(self):
        """What was not as wanted, one text each."""
        for part in self.parts:
            if part.outcome == "failed":
                yield f"{part.title}: {part.why}"
            for figure in part.figures:
                if figure["holds"] is False:
                    yield f"{part.title}: {figure['what']} is {figure['value']}, wanted {figure['wanted']}"

    def save(self):
        """Everything so far, so that a day that is ended keeps what it has."""
        document = {"device": self.device, "small": self.small, "machine": self.machine, "rates": self.rates,
                    "seconds": time.monotonic() - self.begin, "parts": [vars(part) for part in self.parts]}
        partial = self.out / "gpu-day.json.partial"
        partial.write_text(json.dumps(document, indent=1))
        partial.replace(self.out / "gpu-day.json")


def say(text):
    print(text, flush=True)
