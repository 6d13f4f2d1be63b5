"""How fast the card multiplies large matrices, which the parts behind this one compare themselves with."""

import machine


def compute(day):
    for dtype, given in day.rates.items():
        if given:
            day.figure(f"{dtype}, as given", given, "multiply-adds/s")
    # Many CPUs take minutes for large products in half precision.
    missing = [dtype for dtype, rate in day.rates.items() if not rate and (day.on_card or dtype == "float32")]
    for python in machine.pythons_with_torch(day.libtorch) if missing else []:
        if not missing:
            break
        for dtype, rate in machine.matrix_rates(day.threads, day.device, list(missing), python):
            day.rates[dtype] = rate
            day.figure(dtype, rate, "multiply-adds/s")
            missing.remove(dtype)
    for dtype in missing:
        day.note(f"{dtype} is not measured: no Python here has torch for {day.device}")
