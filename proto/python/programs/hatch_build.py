"""Puts both programs into the wheel where PATCHSWEEP_PROGRAMS names their folder (`make wheel`); else it is pure Python.

`patchsweep` stands beside Python as it is. `patchsweep-worker` there is a script, which looks for torch and becomes the program.
"""

import os
import pathlib
import sysconfig
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = pathlib.Path(__file__).parent


class Programs(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        stated = os.environ.get("PATCHSWEEP_PROGRAMS")
        if not stated or version != "standard":
            return
        programs = pathlib.Path(stated).resolve()
        build_data["pure_python"] = False
        # Any Python; which systems is said by their C library, which `make wheel` finds out.
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_')}"
        build_data["shared_scripts"][str(programs / "patchsweep")] = "patchsweep"
        build_data["shared_scripts"][str(HERE / "patchsweep-worker")] = "patchsweep-worker"
        build_data["force_include"][str(HERE / "patchsweep_worker" / "__init__.py")] = "patchsweep_worker/__init__.py"
        build_data["force_include"][str(programs / "patchsweep-worker")] = "patchsweep_worker/patchsweep-worker"
