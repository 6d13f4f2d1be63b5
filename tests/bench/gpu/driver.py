"""Asks NVIDIA's driver for a card's memory, and takes it away from others.

    python driver.py INDEX [name]

Answers each line of standard input with the bytes that are free and those that there are, by the driver's own library, which is
wherever a driver is: `memory`, or `leave N`, which takes what is free but for N bytes. It keeps that until its input closes. Its
own context takes some memory, too. With `name` behind INDEX it prints the card's name alone, and ends.
"""

import ctypes
import sys

# Pieces of what is taken, the largest and the smallest.
MOST, LEAST = 1 << 30, 1 << 21


class Card:
    def __init__(self, index):
        self.cuda, self.device = ctypes.CDLL("libcuda.so.1"), ctypes.c_int()
        self.call("cuInit", 0)
        self.call("cuDeviceGet", ctypes.byref(self.device), index)

    def call(self, name, *arguments):
        if status := getattr(self.cuda, name)(*arguments):
            sys.exit(f"{name} gave {status}")

    def name(self):
        name = ctypes.create_string_buffer(256)
        self.call("cuDeviceGetName", name, len(name), self.device)
        return name.value.decode()

    def open(self):
        context = ctypes.c_void_p()
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), self.device)
        self.call("cuCtxSetCurrent", context)

    def memory(self):
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self.call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value, total.value

    def leave(self, spare):
        piece = MOST
        while piece >= LEAST:
            room, address = self.memory()[0] >= spare + piece, ctypes.c_ulonglong()
            if not room or self.cuda.cuMemAlloc_v2(ctypes.byref(address), ctypes.c_size_t(piece)):
                piece //= 2


def main():
    card = Card(int(sys.argv[1]))
    if sys.argv[2:] == ["name"]:
        print(card.name())
        return
    card.open()
    for line in sys.stdin:
        if line.startswith("leave"):
            card.leave(int(line.split()[1]))
        print(*card.memory(), flush=True)


if __name__ == "__main__":
    main()
