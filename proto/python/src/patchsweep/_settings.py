"""Which coordinator: what is given, then the environment, then the config file, then the default; as the command line
has it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from . import _toml
from .errors import ConfigError, PatchsweepError

#: Where a coordinator listens unless options say otherwise.
LOCAL = "http://127.0.0.1:7070"

#: Names another config file; empty: none is read.
STATED_BY = "PATCHSWEEP_CONFIG"

NO_ADDRESS = "an address begins with http:// or https://, for instance https://head-node:7070"

KEYS = ("coordinator", "credentials", "state", "models", "output", "log_format")

_MOST_BYTES = 1 << 16


@dataclass(frozen=True)
class Settings:
    """What is known before anybody is asked."""

    #: Counts more than the credentials file's; None: that, or LOCAL.
    coordinator: str | None
    credentials: Path | None


def settings(coordinator: str | None, credentials: str | os.PathLike[str] | None) -> Settings:
    """Puts together what is given, the environment and the config file."""
    file = _config_file()
    url = coordinator or os.environ.get("PATCHSWEEP_COORDINATOR") or file.get("coordinator")
    if url is not None and not is_address(url):
        where = "" if url != file.get("coordinator") else f"{file['path']}: "
        raise ConfigError(f"{where}`{url}` is no address of a coordinator: {NO_ADDRESS}")
    path = credentials or os.environ.get("PATCHSWEEP_CREDENTIALS") or file.get("credentials")
    return Settings(url, Path(path) if path is not None else None)


def is_address(url: str) -> bool:
    """Whether it can be dialled."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def _config_file() -> dict[str, Any]:
    """What the config file says, and its `path`. Where none was named and there is none, it says nothing."""
    named = os.environ.get(STATED_BY)
    if named == "":
        return {}
    home = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(home) if home.startswith("/") else Path.home() / ".config"
    path = Path(named) if named else folder / "patchsweep" / "config.toml"
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES)
    except FileNotFoundError as error:
        if named is None:
            return {}
        raise ConfigError(_unreadable(path, error)) from error
    except OSError as error:
        raise ConfigError(_unreadable(path, error)) from error
    return _parse(path, content)


def _unreadable(path: Path, error: OSError) -> str:
    return f"cannot read the config file {path}; mend that, or name another with {STATED_BY}: {os_reason(error)}"


def _parse(path: Path, content: bytes) -> dict[str, Any]:
    # What stands in the file is not shown: somebody may have put a token there.
    advice = "`patchsweep config show` points at the place"
    try:
        keys = _toml.loads(content.decode())
    except (UnicodeDecodeError, _toml.TOMLDecodeError) as error:
        raise ConfigError(f"{path} is no TOML; {advice}") from error
    unknown = [key for key in keys if key not in KEYS]
    if unknown:
        raise ConfigError(f"{path} has an unknown key; known are {', '.join(KEYS)}; {advice}")
    for key, value in keys.items():
        words = value if key == "models" and isinstance(value, list) else [value]
        if (key == "models") != isinstance(value, list) or not all(isinstance(word, str) for word in words):
            wanted = "a list of texts" if key == "models" else "a text"
            raise ConfigError(f"{path}: `{key}` is not {wanted}; {advice}")
    if "credentials" in keys:
        keys["credentials"] = _absolute(keys["credentials"], path)
    return {**keys, "path": path}


def _absolute(value: str, file: Path) -> Path:
    if value.startswith("~/"):
        return Path.home() / value[2:]
    return Path(os.path.abspath(file.parent / value))


def os_reason(error: BaseException) -> str:
    """An error of the operating system in the command line's words."""
    if isinstance(error, OSError) and not isinstance(error, PatchsweepError) and error.errno and error.errno > 0:
        return f"{os.strerror(error.errno)} (os error {error.errno})"
    return str(error)
