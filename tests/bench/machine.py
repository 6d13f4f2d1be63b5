"""What the machine is and can do. Standard library only; torch is asked in a process of its own."""

import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
CORES = len(os.sched_getaffinity(0))


def cpu_name():
    found = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return found[1] if found else "unknown CPU"


def matrix_rate(threads):
    """Multiply-adds per second of large matrix products on the CPU; None if this Python has no torch."""
    return next((rate for _, rate in matrix_rates(threads, "cpu", ["float32"], sys.executable)), None)


def matrix_rates(threads, device, dtypes, python):
    """Of each dtype, as soon as it is known; ends early if a Python has no torch for the device."""
    command = [str(part) for part in (python, HERE / "rate.py", threads, device, *dtypes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as asked:
        try:
            for line in asked.stdout:
                found = json.loads(line)
                yield found["dtype"], max(found["rates"].values())
        finally:
            asked.kill()


def libtorch_of(worker, environment):
    """The folder of the libtorch that a worker finds; None where it finds none."""
    asked = subprocess.run(["ldd", worker], capture_output=True, text=True, env={**os.environ, **environment})
    found = re.search(r"libtorch_cpu\.so => (/\S+)", asked.stdout)
    return pathlib.Path(found[1]).resolve().parents[1] if found else None


def version_of(libtorch):
    """As a wheel's torch says it, or a plain libtorch; None where neither does."""
    for name, pattern in (("version.py", r"__version__ = '(.*)'"), ("build-version", r"(\S+)")):
        file = libtorch / name
        if file.is_file() and (found := re.search(pattern, file.read_text())):
            return found[1]
    return None


def pythons_with_torch(libtorch):
    """This Python, and that of the environment which a wheel's libtorch is in, as far as they have torch. That it can be imported is
    not tried, which takes many seconds where it is not in memory."""
    beside = [str(libtorch.parents[3] / "bin/python")] if libtorch and len(libtorch.parents) > 3 else []
    looks = "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is None)"
    return [python for python in [sys.executable, *(other for other in beside if os.path.exists(other))]
            if subprocess.run([python, "-c", looks], capture_output=True).returncode == 0]
