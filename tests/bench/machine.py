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


def gpu_name(device):
    """Name of the card behind `cuda:N` by nvidia-smi; None where there is none."""
    index = int(device.partition(":")[2] or 0)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    card = visible[index] if index < len(visible) and visible[index] else str(index)
    try:
        asked = subprocess.run(["nvidia-smi", f"--id={card}", "--query-gpu=name", "--format=csv,noheader"],
                               capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return asked.stdout.strip() if asked.returncode == 0 else None


def matrix_rate(threads, device="cpu"):
    """Multiply-adds per second of large float32 matrix products; None if this Python has no torch for the device."""
    command = [sys.executable, HERE / "rate.py", threads, device]
    asked = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    return max(json.loads(asked.stdout).values()) if asked.returncode == 0 else None
