"""Whether a device computes what the CPU computes, on every small model that there are reference scores of."""

import json
import math
import pathlib
import shutil

import ours
from gpu.cluster import Cluster
from gpu.founding import lay_out as lay_out_founding
from gpu.worker import Failed

REFERENCE = pathlib.Path(__file__).resolve().parents[2] / "reference"
FLOAT32 = 1e-4
WIDE_GRIDS = "resid_pre,z,pattern_by_dest"
# What `patchsweep check` allows; the differences themselves are what one wants to know.
ROUNDED = {"tf32": 0.4, "bfloat16": 3.0, "float16": 0.4}
MODEL = {"float32": 'dtype = "float32"', "tf32": 'dtype = "float32"\ntf32 = true', "bfloat16": 'dtype = "bfloat16"',
         "float16": 'dtype = "float16"'}


def compute(day):
    models = day.scratch / "cases"
    cases = list(lay_out(models, day.small))
    specs = {kind: {case: models / case / f"{kind}.toml" for case in cases} for kind in MODEL}
    wide = lay_out_founding(day, "width", 16, 2, WIDE_GRIDS)
    # A model's name is looked for in these one after the other, and a case is called `gpt2` as well.
    cpu, device = (Cluster(day, day.scratch / "width", models) for _ in range(2))
    cpu.worker(device="cpu")
    device.worker()
    begun = [cluster.begin(specs["float32"]) for cluster in (cpu, device)]
    runs = [cluster.runs(sweeps) for cluster, sweeps in zip((cpu, device), begun)]
    wanted, found = ({case: run.scores for case, run in side.items()} for side in runs)
    with day.piece("float32"):
        differences(day, "float32", wanted, found, FLOAT32)
    with day.piece("full width"):
        at_full_width(day, cpu, device, wide)
    with day.piece("again"):
        again(day, device, specs["float32"], found)
    with day.piece("check"):
        check(day, device, [begun[1][case] for case in found][::3])
    for kind, bound in ROUNDED.items():
        if kind == "tf32" and not day.on_card:
            day.note("TF32: not on cpu")
            continue
        with day.piece(kind):
            rounded = device.runs(device.begin({case: specs[kind][case] for case in found}))
            differences(day, kind, wanted, {case: run.scores for case, run in rounded.items()}, bound)


def at_full_width(day, cpu, device, specs):
    """Long sums, of which small models have none: GPT-2 small's shape."""
    begun = [cluster.begin(specs) for cluster in (cpu, device)]
    wanted, found = (cluster.runs(sweeps) for cluster, sweeps in zip((cpu, device), begun))
    for name in (name for name in wanted if name in found):
        scale = max(map(abs, wanted[name].value.values))
        day.figure(f"float32 at full width, `{name}`: largest difference over the largest score",
                   largest(wanted[name].scores, found[name].scores) / scale, most=FLOAT32)


def again(day, device, specs, found):
    runs = device.runs(device.begin({case: specs[case] for case in found}))
    differing = [case for case, run in runs.items() if not same(found[case], run.scores)]
    day.figure("cases whose scores differ in a bit when they are computed again", len(differing))
    if differing:
        day.note(f"not bit-identical: {', '.join(differing)}")


def differences(day, kind, wanted, found, bound):
    """Of the cases that both sides have."""
    apart = {case: largest(wanted[case], found[case]) for case in wanted if case in found}
    if not apart:
        raise Failed(f"{kind}: there are no scores to compare")
    worst = max(apart, key=lambda case: math.inf if math.isnan(apart[case]) else apart[case])
    day.figure(f"{kind}: largest difference of {len(apart)} cases (`{worst}`)", apart[worst], most=bound)


def check(day, device, sweeps):
    """Of sweeps that have ended."""
    answers = device.at_once(lambda sweep: json.loads(device.call("check", sweep, "--output", "json"))["check"],
                             {f"check of {sweep}": sweep for sweep in sweeps}, "computing")
    worst = max((answer["largest_difference"] or 0.0 for answer in answers.values()), default=None)
    day.figure(f"float32: largest difference of `check` on the device, {len(answers)} sweeps", worst, most=FLOAT32)


def same(one, other):
    return one.keys() == other.keys() and all(
        tensor.values.tobytes() == other[name].values.tobytes() for name, tensor in one.items())


def largest(wanted, found):
    """Over all means and estimates; NaN where one side only has a number. Which effects of a grid with estimates are computed
    depends on these, so that either side may lack some."""
    def compared(name):
        drawn = f"{name.partition('.')[0]}.estimate" in wanted
        for pair in zip(wanted[name].values, found[name].values, strict=True):
            without = sum(map(math.isnan, pair))
            if without == 0 or (without == 1 and not drawn):
                yield pair

    names = [name for name in wanted if "." not in name or name.endswith((".value", ".estimate"))]
    return ours.largest_difference(pair for name in names for pair in compared(name))


def lay_out(models, small):
    """Copies of the cases, each with a spec for each arithmetic; gives their names."""
    written = sorted(REFERENCE.glob("*/spec.toml")) + sorted(REFERENCE.glob("interventions/*/spec.toml"))
    for spec in written[1:3] if small else written:
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
