#!/bin/sh
# How fast oneDNN's 1x1 convolutions are over the number of rows, on a CPU without AVX-512 or told to do without it.
#
# One would guess: the more rows the faster, up to a limit, whatever their number is.
# What happens: with 3,072 inputs and more (with 2,304 not), 180, 300, 360 or 660 rows go at a third of the rate of 160, 240 or 640,
# and of that of the same product by MKL.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.11.0 numpy==2.4.6
cat > "$folder/rows.py" <<'PYTHON'
import time, torch

INPUTS, OUTPUTS, TRIES = 3072, 768, 7
torch.set_grad_enabled(False)

def rate(rows, multiply):
    def seconds():
        start = time.perf_counter()
        multiply()
        return time.perf_counter() - start
    seconds()
    return rows * INPUTS * OUTPUTS / min(seconds() for _ in range(TRIES)) / 1e9

weight, bias = torch.randn(OUTPUTS, INPUTS), torch.randn(OUTPUTS)
kernel = weight.view(OUTPUTS, INPUTS, 1, 1)
rates = {}
for rows in (160, 180, 240, 300, 360, 640, 660):
    x = torch.randn(rows, INPUTS)
    pixels = x.view(1, rows, 1, INPUTS).permute(0, 3, 1, 2)
    rates[rows] = rate(rows, lambda: torch.mkldnn_convolution(pixels, kernel, bias, [0, 0], [1, 1], [1, 1], 1))
    product = rate(rows, lambda: torch.nn.functional.linear(x, weight, bias))
    print(f"{rows} rows: {rates[rows]:.1f}e9 multiply-adds per second by oneDNN, {product:.1f}e9 by MKL")
print(f"torch {torch.__version__}")
raise SystemExit(not 2 * max(rates[rows] for rows in (180, 300, 360, 660)) < min(rates[rows] for rows in (160, 240, 640)))
PYTHON
ONEDNN_MAX_CPU_ISA=AVX2 "$folder/venv/bin/python" "$folder/rows.py"
