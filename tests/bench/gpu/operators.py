"""Which of libtorch's operators the seconds of a sweep's tiles go into, as a worker with `--time-operators` logs them. It waits for
each, so that the seconds are the card's; what is left is the worker's own time, and that of waiting."""

import collections
import json
import re

from gpu.cluster import Cluster

TIMED = re.compile(r'operators timed work="(?P<work>[^"]*)" seconds=(?P<seconds>\S+) operators="(?P<operators>.*)"')
# Operators that a table shows.
SHOWN = 8


def by_operator(day, folder, specs):
    """Of sweeps by name, after one that sets the device up."""
    cluster = Cluster(day, folder)
    worker = cluster.worker("--time-operators")
    for name, spec in specs.items():
        with day.piece(f"operators of `{name}`"):
            cluster.sweep(spec)
            before = len(timed(worker))
            cluster.sweep(spec)
            for work, tiles in by_work(timed(worker)[before:]).items():
                show(day, name, work, tiles)


def timed(worker):
    """Of each tile so far: what it is, its seconds, and calls and seconds by operator."""
    return [(found["work"], float(found["seconds"]), json.loads(found["operators"].replace('\\"', '"')))
            for found in TIMED.finditer(worker.log.read_text())]


def by_work(tiles):
    sorted_out = collections.defaultdict(list)
    for work, *tile in tiles:
        sorted_out[work].append(tile)
    return sorted_out


def show(day, name, work, tiles):
    whole = sum(seconds for seconds, _ in tiles)
    sums = collections.defaultdict(lambda: [0, 0.0])
    for _, operators in tiles:
        for operator, (calls, seconds) in operators.items():
            sums[operator][0] += calls
            sums[operator][1] += seconds
    inside = sum(seconds for _, seconds in sums.values())
    day.figure(f"`{name}`, {work}: seconds of {len(tiles)} tiles, each operator waited for", whole, "s")
    day.figure(f"`{name}`, {work}: of these in operators", inside / whole)
    most = sorted(sums.items(), key=lambda item: -item[1][1])
    day.table(f"`{name}`, {work}", ("operator", "calls", "seconds", "share"), [
        (operator, calls, f"{seconds:.4f}", f"{seconds / whole:.1%}") for operator, (calls, seconds) in most[:SHOWN]])
