"""Part 1: whether a device computes what the CPU computes, on every small model that there are reference scores of."""

import json
import math
import pathlib
import shutil

import ours
from gpu.cluster import Cluster

REFERENCE = pathlib.Path(__file__).resolve().parents[2] / "reference"
FLOAT32 = 1e-4
# What `patchsweep check` allows; the differences themselves are what one wants to know.
ROUNDED = {"tf32": 0.4, "bfloat16": 3.0}
MODEL = {"float32": 'dtype = "float32"', "tf32": 'dtype = "float32"\ntf32 = true', "bfloat16": 'dtype = "bfloat16"'}


def compute(day):
    models = day.scratch / "cases"
    cases = list(lay_out(models, day.small))
    cpu, device = Cluster(day, models), Cluster(day, models)
    cpu.worker(device="cpu")
    device.worker()
    wanted = {case: cpu.sweep(models / case / "float32.toml").scores for case in cases}
    found = {}
    for kind, bound in {"float32": FLOAT32, **ROUNDED}.items():
        if kind == "tf32" and not day.on_card:
            day.note("TF32: not on cpu")
            continue
        for case in cases:
            found[kind, case] = device.sweep(models / case / f"{kind}.toml").scores
        apart = {case: largest(wanted[case], found[kind, case]) for case in cases}
        worst = max(apart, key=lambda case: math.inf if math.isnan(apart[case]) else apart[case])
        day.figure(f"largest difference of {len(cases)} cases in {kind} (`{worst}`)", apart[worst], most=bound)
    again(day, device, models, {case: found["float32", case] for case in cases})
    check(day, device, models, cases)


def again(day, device, models, first):
    """The same sweeps once more, on the worker that has computed them."""
    differing = [case for case, scores in first.items()
                 if not same(scores, device.sweep(models / case / "float32.toml").scores)]
    day.figure("cases whose scores differ in a bit when they are computed again", len(differing))
    if differing:
        day.note(f"not bit-identical: {', '.join(differing)}")


def check(day, device, models, cases):
    worst = 0.0
    for case in cases:
        answer = json.loads(device.call("check", device.submit(models / case / "float32.toml", "--wait"), "--output", "json"))["check"]
        worst = max(worst, answer["largest_difference"] or 0.0)
    day.figure(f"largest difference of `check` on the device, {len(cases)} sweeps", worst, most=FLOAT32)


def same(one, other):
    return one.keys() == other.keys() and all(
        tensor.values.tobytes() == other[name].values.tobytes() for name, tensor in one.items())


def largest(wanted, found):
    """Over the means of all patched runs and baselines, infinite where one side only has a number."""
    names = [name for name in wanted if name.endswith((".value", "clean", "corrupted"))]
    pairs = ((one, other) for name in names for one, other in zip(wanted[name].values, found[name].values, strict=True))
    return ours.largest_difference((one, other) for one, other in pairs if not (math.isnan(one) and math.isnan(other)))


def lay_out(models, small):
    """Copies of the cases, each with a spec for each arithmetic; gives their names."""
    written = sorted(REFERENCE.glob("*/spec.toml")) + sorted(REFERENCE.glob("interventions/*/spec.toml"))
    for spec in written[:2] if small else written:
        copy(spec.parent, models / spec.parent.name, spec.read_text())
        yield spec.parent.name
    cases = sorted(REFERENCE.glob("families/*/case.json"))
    for case in cases[::7] if small else cases:
        tokens = json.loads(case.read_text())
        copy(case.parent, models / case.parent.name, spec_of(tokens))
        tokens = {name: tokens[name] for name in ("clean", "corrupted", "answers")}
        (models / case.parent.name / "tokens.json").write_text(json.dumps(tokens))
        yield case.parent.name


def copy(folder, to, spec):
    shutil.copytree(folder, to)
    spec = "".join(line for line in spec.splitlines(keepends=True) if not line.startswith("dtype"))
    spec = spec.replace('path = "sae/', f'path = "{to.name}/sae/')
    for kind, lines in MODEL.items():
        (to / f"{kind}.toml").write_text(spec.replace('path = "model"', f'path = "{to.name}/model"\n{lines}'))


def spec_of(case):
    """All grids of a family's case."""
    lines = ['schema = 1', 'name = "family"', '[model]', 'path = "model"', '[dataset]', 'tokens = "tokens.json"', '[[metric]]',
             'kind = "logit_diff_max"', f'candidate_ids = {case["candidates"]}']
    for corrupt, read in zip(case["corrupt"], case["read"], strict=True):
        lines += ["[[iteration]]", f"corrupt = {corrupt}", f"read = {read}"]
    for name in case["sweeps"]:
        component = name.removeprefix("head_").removesuffix("_by_pos").removesuffix("_dest_src")
        axes = ["layer", "pos"]
        if name.startswith("head_"):
            pattern = component == "pattern"
            axes = ["layer", "head"] if not name.endswith(("_by_pos", "_src")) else \
                ["layer", "pos", "head"] if not pattern else ["layer", "head", "dest_pos"]
            axes += ["src_pos"] if name.endswith("_src") else []
        lines += ["[[grid]]", f'name = "{name}"', f'component = "{component}"', f"axes = {json.dumps(axes)}"]
    return "\n".join(lines) + "\n"
