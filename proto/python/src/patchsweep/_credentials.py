"""What a client needs to get in: the coordinator's address, its CA, and a token."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from . import _toml
from ._settings import NO_ADDRESS, is_address, os_reason
from .errors import CredentialsError

_MOST_BYTES = 1 << 20

_AGAIN = "from the coordinator's state directory"


@dataclass(frozen=True)
class Credentials:
    """The content of a credentials file."""

    coordinator: str
    #: PEM of the CA that the coordinator's certificate must be of; None: one that this machine trusts anyway.
    ca: str | None = None
    #: What to show; None: nothing.
    token: str | None = field(default=None, repr=False)


def read(path: Path) -> Credentials:
    """Reads a credentials file. No message shows anything that stands in it."""
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = os_reason(error) if isinstance(error, OSError) else "it is not UTF-8"
        raise CredentialsError(f"cannot read the credentials file {path}; copy it {_AGAIN}: {reason}") from None
    if not text.strip():
        raise CredentialsError(f"the credentials file {path} is empty; copy it {_AGAIN}")
    fault = _fault(text)
    if fault is not None:
        raise CredentialsError(f"{path} is not a credentials file; copy it again {_AGAIN}: {fault}")
    return Credentials(**_toml.loads(text))


def _fault(text: str) -> str | None:
    try:
        keys = _toml.loads(text)
    except _toml.TOMLDecodeError as error:
        line = re.search(r"\(at line (\d+)", str(error))
        return f"line {line[1]}: not TOML" if line else "not TOML"
    if not keys.keys() <= {"coordinator", "token", "ca"}:
        return "unknown field; known are coordinator, token and ca"
    if not all(isinstance(value, str) for value in keys.values()):
        return "a field is not a text"
    if "coordinator" not in keys:
        return "missing field `coordinator`"
    if not is_address(keys["coordinator"]):
        return f"coordinator: {NO_ADDRESS}"
    if not re.fullmatch("ps[wc]_[0-9a-f]{64}", keys.get("token", "psc_" + "0" * 64)):
        return "token: a token is `psw_` (worker) or `psc_` (client) and 64 hexadecimal digits"
    return None
