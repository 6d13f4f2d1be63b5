"""Packages that only some functions need, imported where they are used."""

from __future__ import annotations

import importlib
from types import ModuleType

from .errors import MissingPackage

#: No registry has a release, so that a name alone is found nowhere.
_ALL_OF_THEM = (
    "`pip install './proto/python[notebook]'` in a clone of the repository, or `pip install 'FILE.whl[notebook]'` with its wheel,"
    " all that notebooks need"
)


def needed(package: str, purpose: str) -> ModuleType:
    """The package, or an error that says how to get it."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        top = package.partition(".")[0]
        if isinstance(error, ModuleNotFoundError) and error.name != top:
            raise  # It is there, and lacks something itself.
        install = f"pip install {top}"
        text = f"{purpose} needs {top}, which is not installed; `{install}` installs it, and {_ALL_OF_THEM}"
        raise MissingPackage(text, install) from error
