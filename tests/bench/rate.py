"""How fast a machine multiplies matrices: the best of several tries, shapes and ways.

    python rate.py THREADS DEVICE DTYPE..

Prints a JSON object on a line for each dtype: its name, and multiply-adds per second for each way. MKL and oneDNN share the CPU's
products in libtorch; which one is faster differs from machine to machine, and patchsweep uses both.
"""

import json
import sys
import time

import torch

# Rows, inputs, outputs. The last two are those of GPT-2 small's MLP.
CPU_SHAPES = ((2048, 2048, 2048), (2048, 768, 3072), (2048, 3072, 768))
GPU_SHAPES = ((8192, 8192, 8192), (16384, 768, 3072), (16384, 3072, 768))
TRIES = 5


def product(rows, inputs, outputs, device):
    a, b = (torch.randn(shape, device=device, dtype=torch.get_default_dtype()) for shape in ((rows, inputs), (inputs, outputs)))
    return lambda: torch.mm(a, b)


def convolution(rows, inputs, outputs, _device):
    pixels = torch.randn(1, rows, 1, inputs).permute(0, 3, 1, 2)
    kernel, bias = torch.randn(outputs, inputs, 1, 1), torch.randn(outputs)
    return lambda: torch.mkldnn_convolution(pixels, kernel, bias, [0, 0], [1, 1], [1, 1], 1)


def fastest(multiply, device):
    def seconds():
        start = time.perf_counter()
        multiply()
        if device != "cpu":
            torch.cuda.synchronize(device)
        return time.perf_counter() - start

    seconds()  # the first try also sets up
    return min(seconds() for _ in range(TRIES))


def main():
    threads, device, *dtypes = sys.argv[1:]
    torch.set_grad_enabled(False)
    torch.set_num_threads(int(threads))
    torch.backends.cuda.matmul.allow_tf32 = False
    for dtype in dtypes:
        torch.set_default_dtype(getattr(torch, dtype))
        print(json.dumps({"dtype": dtype, "rates": rates(device, dtype)}), flush=True)


def rates(device, dtype):
    on_gpu = device != "cpu"
    shapes = GPU_SHAPES if on_gpu else CPU_SHAPES
    ways = {"product": product} if on_gpu or dtype != "float32" else {"product": product, "convolution": convolution}
    return {name: max(rows * inputs * outputs / fastest(way(rows, inputs, outputs, device), device)
                      for rows, inputs, outputs in shapes)
            for name, way in ways.items()}


if __name__ == "__main__":
    main()
