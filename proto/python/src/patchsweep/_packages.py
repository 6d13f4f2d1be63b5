"""Packages that only some functions need, imported where they are used."""

from __future__ import annotations

import importlib
from types import ModuleType

from .errors import MissingPackage


def needed(package: str, purpose: str) -> ModuleType:
    """The package, or an error that says how to get it."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        top = package.partition(".")[0]
        if isinstance(error, ModuleNotFoundError) and error.name != top:
            raise  # It is there, and lacks something itself.
        install = f"pip install {top}"
        all_of_them = "`pip install 'patchsweep[notebook]'` all that notebooks need"
        text = f"{purpose} needs {top}, which is not installed; `{install}` installs it, {all_of_them}"
        raise MissingPackage(text, install) from error
