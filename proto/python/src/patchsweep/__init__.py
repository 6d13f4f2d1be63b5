"""Activation-patching sweeps of language models, from Python.

    import patchsweep
    ds = patchsweep.run("sweep.toml")              # on this machine
    client = patchsweep.connect()                  # or by a coordinator
    sweep = client.submit("sweep.toml").wait()
    patchsweep.plot(sweep.results()["z"])
"""

from .client import Client, SweepList, connect
from .errors import (
    AnswerLost,
    CheckDisagrees,
    ConfigError,
    CredentialsError,
    InputError,
    MissingPackage,
    NoProgram,
    NotLetIn,
    OtherRelease,
    PatchsweepError,
    PatchsweepWarning,
    ProgramFailed,
    Refused,
    RequestFailed,
    SpecError,
    SweepCancelled,
    SweepEnded,
    SweepFailed,
    SweepPartial,
    UnknownSweep,
    Unreachable,
)
from .folder import load
from .lens import from_transformer_lens
from ._plan import Plan
from ._plan import make_plan as plan
from ._run import run
from .plots import plot
from .spec import Spec
from .status import GridProgress, SweepStatus
from .sweep import Sweep

__version__ = "0.1.0"

__all__ = [
    "AnswerLost",
    "CheckDisagrees",
    "Client",
    "ConfigError",
    "CredentialsError",
    "GridProgress",
    "InputError",
    "MissingPackage",
    "NoProgram",
    "NotLetIn",
    "OtherRelease",
    "PatchsweepError",
    "PatchsweepWarning",
    "Plan",
    "ProgramFailed",
    "Refused",
    "RequestFailed",
    "Spec",
    "SpecError",
    "Sweep",
    "SweepCancelled",
    "SweepEnded",
    "SweepFailed",
    "SweepList",
    "SweepPartial",
    "SweepStatus",
    "UnknownSweep",
    "Unreachable",
    "connect",
    "from_transformer_lens",
    "load",
    "plan",
    "plot",
    "run",
]
