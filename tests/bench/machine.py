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


def matrix_rate(threads, device="cpu", dtype="float32", python=sys.executable):
    """Multiply-adds per second of large matrix products; None if a Python has no torch for the device."""
    command = [python, HERE / "rate.py", threads, device, dtype]
    asked = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    return max(json.loads(asked.stdout).values()) if asked.returncode == 0 else None


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


def python_with_torch(libtorch):
    """This Python if it has torch, or that of the environment which a wheel's libtorch is in; None where neither has."""
    beside = [str(libtorch.parents[3] / "bin/python")] if libtorch and len(libtorch.parents) > 3 else []
    for python in [sys.executable, *(other for other in beside if os.path.exists(other))]:
        if subprocess.run([python, "-c", "import torch"], capture_output=True).returncode == 0:
            return python
    return None
