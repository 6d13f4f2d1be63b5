"""What the driver says of the card: facts, memory that is taken; and a process that takes memory away from others."""

import os
import subprocess
import sys
import threading

FACTS = ("name", "driver_version", "memory.total", "memory.used", "mig.mode.current", "compute_mode", "pstate", "clocks.sm",
         "clocks.max.sm", "power.draw", "power.limit", "temperature.gpu")
# Takes a GPU's free memory but for so many bytes, by the driver's own library, which is wherever a driver is, and keeps it.
HOLDER = """import ctypes, sys
cuda, device, context = ctypes.CDLL("libcuda.so.1"), ctypes.c_int(), ctypes.c_void_p()
free, total = ctypes.c_size_t(), ctypes.c_size_t()
def call(name, *arguments):
    if status := getattr(cuda, name)(*arguments):
        sys.exit(f"{name} gave {status}")
call("cuInit", 0)
call("cuDeviceGet", ctypes.byref(device), int(sys.argv[1]))
call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
call("cuCtxSetCurrent", context)
piece = 1 << 30
while piece >= 1 << 21:
    call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
    if free.value < int(sys.argv[2]) + piece or cuda.cuMemAlloc_v2(ctypes.byref(ctypes.c_ulonglong()), ctypes.c_size_t(piece)):
        piece >>= 1
print("free", free.value, flush=True)
sys.stdin.read()"""


def asked(device, fields):
    """nvidia-smi's values of a card; None where it has none or is not there."""
    index = int(device.partition(":")[2] or 0)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    card = visible[index] if index < len(visible) and visible[index] else str(index)
    command = ["nvidia-smi", f"--id={card}", f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return [value.strip() for value in done.stdout.strip().split(",")] if done.returncode == 0 else None


def facts(device):
    values = asked(device, FACTS)
    return dict(zip(FACTS, values)) if values else None


def taken(day, worker):
    """Bytes that a worker takes: of a card those that everybody takes, on the CPU those of its own that are in no file."""
    if not day.on_card:
        return worker.memory("RssAnon")
    return int(asked(day.device, ["memory.used"])[0]) << 20


def hold_all_but(day, spare):
    """Another process takes the card's free memory but for so many bytes."""
    index = day.device.partition(":")[2] or "0"
    holder = day.start([sys.executable, "-c", HOLDER, index, spare], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True)
    line = holder.stdout.readline()
    if not line.startswith("free"):
        raise RuntimeError(f"cannot take the card's memory: {line.strip()}")
    return holder


class Most:
    """The most bytes that `read` gives while a block of code runs."""

    def __init__(self, read):
        self.read, self.bytes, self.over = read, 0, threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while not self.over.wait(0.02):
            self.bytes = max(self.bytes, self.read())

    def __enter__(self):
        self.bytes = self.read()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.bytes = max(self.bytes, self.read())
