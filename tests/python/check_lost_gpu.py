"""A worker whose GPU is lost to it, on what stands in for GPUs: python check_lost_gpu.py PROGRAMS STAND_IN

It fails the tile in hand, which counts once, and ends with an exit code of its own; a new worker, which finds the card well, computes
the sweep.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import stand_in

DATA = pathlib.Path(__file__).resolve().parents[2] / "data"
SPEC = DATA / "acronyms.toml"
# Operators. Enough to load the model and to begin a tile; the sweep has some thousands.
LAUNCHES = 200
DEVICE_LOST = 6
SECONDS = 120


def main():
    programs, libraries = (pathlib.Path(path).resolve() for path in sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        check(programs, stand_in.environment(libraries, f"{folder}/cards"), pathlib.Path(folder))
    print(f"check_lost_gpu: exit code {DEVICE_LOST}, one failed attempt, and the sweep done")


def check(programs, environment, folder):
    log = folder / "serve.log"
    serve = [programs / "patchsweep", "serve", "--listen", "127.0.0.1:0", "--state", folder / "state", "--models", DATA]
    coordinator = subprocess.Popen(serve, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log.open("w"))
    try:
        url = "http://" + heard(coordinator, log)
        say = lambda *words: run(programs / "patchsweep", *words, "--coordinator", url)
        sweep = say("submit", SPEC, "--output", "quiet").stdout.split()[0]
        state = lambda: json.loads(say("status", sweep, "--output", "json").stdout)["sweeps"][0]["state"]
        worker = [programs / "patchsweep-worker", "--coordinator", url, "--models", DATA, "--device", "cuda:0", "--leave-when-idle", "1s"]
        astray = run(*worker, env={**environment, "STAND_IN_GPU_LAUNCHES": str(LAUNCHES)}, code=DEVICE_LOST)
        last = astray.stderr.strip().splitlines()[-1]
        assert last.startswith("error: this worker ends") and "cuda:0 is lost to this process" in last, last
        assert state() == "running"
        run(*worker, env=environment)
        assert state() == "done"
        (failure,) = json.loads(say("explain", sweep, "--output", "json").stdout)["failures"]
        assert (failure["attempts"], len(failure["tiles"])) == (1, 1) and "illegal memory access" in failure["reason"], failure
    finally:
        coordinator.kill()
        coordinator.wait()


def run(*words, env=None, code=0):
    done = subprocess.run([str(word) for word in words], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == code, f"{words[0].name} ended with {done.returncode}: {done.stderr}"
    return done


def heard(coordinator, log):
    """Where the coordinator listens."""
    until = time.monotonic() + SECONDS
    while not (found := re.search(r"listening on (?:http://)?(\S+)", log.read_text())):
        assert coordinator.poll() is None and time.monotonic() < until, log.read_text()
        time.sleep(0.02)
    return found[1]


if __name__ == "__main__":
    main()
