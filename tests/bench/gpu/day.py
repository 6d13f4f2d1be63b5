"""What is asked of a day on a GPU, and how its parts run one after the other, whatever becomes of each."""

import contextlib
import os
import pathlib
import signal
import subprocess
import time
from dataclasses import dataclass, field

from gpu.part import Part
from gpu.report import Report
from gpu.worker import END

# Of a failure's message what is shown.
MESSAGE = 600


class TimeIsUp(BaseException):
    """The seconds of a part are over. Nothing that catches failures catches it."""


class Skipped(Exception):
    """A part cannot be run here."""


@dataclass
class Day:
    programs: pathlib.Path  # folder of patchsweep and patchsweep-worker
    device: str
    small: bool  # sizes that a CPU computes within seconds
    seconds: float  # of all parts together
    threads: int
    environment: dict  # of the programs
    libtorch: pathlib.Path | None
    rates: dict  # multiply-adds per second by dtype, where known
    scratch: pathlib.Path  # for models and specs
    memory: pathlib.Path  # for what is small and written often: a disk that flushes each file would be what is measured
    report: Report
    begin: float = field(default_factory=time.monotonic)
    processes: list = field(default_factory=list)
    clusters: list = field(default_factory=list)
    kept: dict = field(default_factory=dict)  # runs of `large` that a later part compares with, by grid
    piece_failed: bool = False  # since the clusters were ended
    doing: str | None = None  # the piece of the part in hand

    @property
    def on_card(self):
        return self.device != "cpu"

    @property
    def part(self):
        """The one that runs."""
        return self.report.parts[-1]

    def left(self):
        return self.seconds - (time.monotonic() - self.begin)

    def start(self, command, **options):
        """A process that ends with its part at the latest."""
        environment = {**os.environ, **self.environment, **options.pop("environment", {})}
        process = subprocess.Popen([str(word) for word in command], env=environment, **options)
        self.processes.append(process)
        return process

    def run(self, name, title, seconds, least, compute):
        """Computes a part within its seconds and what is left of the day's, unless these are less than its least. Nothing that it
        raises goes further."""
        part = Part(name, title)
        self.report.parts.append(part)
        say = self.report.say
        say(f"\n## {title}\n")
        # Small sizes say nothing of speed, and so a slow machine shall not stop them.
        left, self.doing = self.left() if self.small else min(seconds, self.left()), None
        if left < least:
            part.end("not run", f"no time: {max(0.0, left):.0f} s of the day are left, and it needs {least} at least")
        else:
            with self.within(left, part):
                compute(self)
                part.end("ran", None)
        if part.outcome != "ran":
            say(f"\n**{part.outcome}**: {part.why}")
        spent = ", ".join(f"{what} {took:.1f} s ({count})" for what, (count, took) in part.spent.items())
        say(f"\n{part.seconds:.0f} s of {seconds}{f': {spent}' if spent else ''}; {max(0.0, self.left()):.0f} s of the day are left")
        self.report.save()

    @contextlib.contextmanager
    def within(self, seconds, part):
        def ring(*_):
            raise TimeIsUp

        begin, before = time.monotonic(), signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        except TimeIsUp:
            self.piece_failed = True
            part.end("stopped", f"its {seconds:.0f} s were over{f' in {self.doing}' if self.doing else ''}")
        except (SystemExit, KeyboardInterrupt):
            self.piece_failed = True
            part.end("stopped", "somebody ended the day")
            raise
        except Skipped as reason:
            part.end("skipped", str(reason))
        except Exception as error:  # whatever it is: the other parts are worth as much without this one
            self.fail(None, error)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            self.end_processes()
            part.seconds = time.monotonic() - begin

    def fail(self, what, error):
        """Writes down that a piece of the part failed."""
        text = " ".join(f"{f'{what}: ' if what else ''}{type(error).__name__}: {error}".split())[:MESSAGE]
        self.part.end("failed", text)
        self.piece_failed = True
        self.report.say(f"- **failed**: {text}")
        self.report.save()

    @contextlib.contextmanager
    def piece(self, what):
        """A piece of a part; the part goes on where it fails."""
        before, self.doing = self.doing, what
        try:
            yield
        except Exception as error:
            self.fail(what, error)
        self.doing = before

    def step(self, compute, *arguments):
        """A piece of a part with processes of its own; None is what it gives where it fails."""
        try:
            with self.piece(compute.__name__):
                return compute(self, *arguments)
            return None
        finally:
            self.end_processes()

    @contextlib.contextmanager
    def spending(self, what, count=1):
        """What the time of a block of code goes into."""
        begin = time.monotonic()
        try:
            yield
        finally:
            self.part.spend(what, count, time.monotonic() - begin)

    def end_processes(self):
        for process in reversed(self.processes):
            end(process, self.report)
        self.processes.clear()
        for cluster in self.clusters:
            if self.piece_failed:
                self.report.keep_logs(self.part.name, cluster.logs())
            cluster.remove()
        self.clusters.clear()
        self.piece_failed = False

    def note(self, text):
        """A line for people."""
        self.part.notes.append(text)
        self.report.say(f"- {text}")
        self.report.save()

    def table(self, title, columns, rows):
        self.part.tables.append({"title": title, "columns": columns, "rows": rows})
        self.report.table(*columns, rows=rows)
        self.report.say("")
        self.report.save()

    def figure(self, what, value, unit="", *, on_card=False, **bounds):
        """A number, and whether it is as wanted. `on_card`: it says something of cards, so that nothing else is judged by it."""
        here = not on_card or (self.on_card and not self.small and value is not None)
        self.report.say(f"- {self.part.figure(what, value, unit, here, bounds)}")
        self.report.save()

    def rate(self, what, run, dtype, least):
        """What of the device's matrix rate a sweep computes with, loading apart."""
        of = self.rates.get(dtype)
        share = run.executed / run.computing / of if of else None
        self.figure(f"{what}: share of the {dtype} matrix rate", share, least=least, on_card=True)


def end(process, report):
    process.kill()
    try:
        process.wait(timeout=END)
    except subprocess.TimeoutExpired:
        report.say(f"- process {process.pid} (`{pathlib.Path(process.args[0]).name}`) does not end")
