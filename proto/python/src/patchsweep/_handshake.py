"""One connection by hand, to learn why gRPC has none: by types and codes of errors, never by their texts.

gRPC reports a refused certificate, a port that does not speak TLS and a machine that is off as the same code, with a text
that changes between releases. So an address is tried with the operating system's sockets and Python's TLS, before gRPC is
asked and again when its connection breaks.
"""

from __future__ import annotations

import re
import socket
import ssl
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from ._settings import os_reason
from .errors import NotLetIn, PatchsweepError, Unreachable

_TIMEOUT_SECONDS = 5.0

#: First byte of what a TLS port answers to anything that is not TLS.
_TLS_ALERT = 0x15

#: What a client says first in HTTP/2: the preface, and settings that change nothing (RFC 9113, 3.4).
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])

GIVE = "give the file client.credentials of the coordinator's state directory with --credentials or PATCHSWEEP_CREDENTIALS"
COPY = "copy client.credentials again from the coordinator's state directory"


def host_and_port(url: str) -> tuple[str, int]:
    """Of an address."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def trusted(ca: str | None, file: Path | None) -> bytes:
    """PEM of the authorities that count: the CA of the credentials file, or those that this machine trusts."""
    if ca is not None:
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(cadata=ca)
        except (ssl.SSLError, ValueError) as error:
            inside = f" in {file}" if file else ""
            raise NotLetIn(f"the CA{inside} is no certificate ({error}): {COPY}") from error
        return ca.encode()
    # gRPC would trust a list of its own (findings/grpc_trusts_roots_of_its_own.sh).
    paths = ssl.get_default_verify_paths()
    files = [Path(paths.cafile)] if paths.cafile else []
    if not files and paths.capath:
        # Certificates by their hashes, as OpenSSL has them: `5ad8a5d6.0`.
        files = sorted(path for path in Path(paths.capath).iterdir() if re.fullmatch(r"[0-9a-f]{8}\.\d+", path.name))
    return b"\n".join(path.read_bytes() for path in files)


def try_address(url: str, roots: bytes | None, file: Path | None) -> None:
    """Connects and hangs up; an error says what to mend.

    `roots`: PEM of the authorities that count, where the address is https. `file`: the credentials file, if there is one.
    """
    try:
        with socket.create_connection(host_and_port(url), timeout=_TIMEOUT_SECONDS) as tcp:
            if roots is None:
                _refuse_tls(tcp, url)
            else:
                _shake_hands(tcp, url, roots, file)
    except socket.gaierror as error:
        raise unreachable(url, f"failed to lookup address information: {error.strerror}") from error
    except TimeoutError as error:
        raise unreachable(url, "it does not answer in time") from error
    except OSError as error:
        if isinstance(error, PatchsweepError):
            raise
        raise unreachable(url, os_reason(error)) from error


def unreachable(url: str, reason: str) -> Unreachable:
    """Nobody answers, or the connection broke."""
    return Unreachable(
        f"cannot reach the coordinator at {url} ({reason}); is `patchsweep serve` running there? Name another with"
        " --coordinator or PATCHSWEEP_COORDINATOR",
        reason,
        "patchsweep serve",
    )


def _refuse_tls(tcp: socket.socket, url: str) -> None:
    tcp.sendall(_PREFACE)
    first = tcp.recv(1)
    if not first:
        raise unreachable(url, "the connection ended")
    if first[0] == _TLS_ALERT:
        raise NotLetIn(f"the port of {url} speaks TLS: use https:// in --coordinator, and {GIVE}")


def _shake_hands(tcp: socket.socket, url: str, roots: bytes, file: Path | None) -> None:
    context = _context(roots)
    context.set_alpn_protocols(["h2"])
    try:
        context.wrap_socket(tcp, server_hostname=host_and_port(url)[0]).close()
    except ssl.SSLCertVerificationError as error:
        raise NotLetIn(_certificate(error, url, roots, file)) from error
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
        # An ssh tunnel, say, that finds nobody at its other end.
        raise unreachable(url, "the connection ended") from error
    except ssl.SSLError as error:
        if error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
            text = f"the port of {url} does not speak TLS: use http:// in --coordinator, or start the coordinator with --tls"
            raise NotLetIn(text) from error
        inside = f" in {file}" if file else ""
        text = f"no TLS with the coordinator at {url} ({error.reason}): compare its --tls-cert with the CA{inside}"
        raise NotLetIn(text) from error


def _context(roots: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if roots:
        context.load_verify_locations(cadata=roots.decode("ascii", "ignore"))
    return context


# X509_V_ERR_.. of OpenSSL's x509_vfy.h.
_NOT_YET_VALID, _EXPIRED, _OTHER_HOST, _OTHER_ADDRESS = 9, 10, 62, 64
_UNKNOWN_AUTHORITY = (2, 7, 18, 19, 20, 21)


def _certificate(error: ssl.SSLCertVerificationError, url: str, roots: bytes, file: Path | None) -> str:
    start = f"the certificate of the coordinator at {url}"
    if error.verify_code == _EXPIRED:
        return f"{start} has expired: renew the one that it was given with --tls-cert, or compare the clocks of both machines"
    if error.verify_code == _NOT_YET_VALID:
        return f"{start} is not valid yet: compare the clocks of both machines"
    if error.verify_code in (_OTHER_HOST, _OTHER_ADDRESS):
        names, host = ", ".join(_names(url, roots)) or "other hosts", host_and_port(url)[0]
        return f"{start} is for {names}: dial one of these with --coordinator, or start the coordinator with --host {host}"
    if error.verify_code in _UNKNOWN_AUTHORITY:
        if file is not None:
            return f"{start} is not of the CA in {file}: {COPY}"
        return f"{start} is of no authority that this machine trusts: {GIVE}"
    inside = f" in {file}" if file else ""
    return f"no TLS with the coordinator at {url} ({error.verify_message}): compare its --tls-cert with the CA{inside}"


def _names(url: str, roots: bytes) -> list[str]:
    """Whom a coordinator's certificate is for."""
    context = _context(roots)
    context.check_hostname = False
    host, port = host_and_port(url)
    try:
        with socket.create_connection((host, port), timeout=_TIMEOUT_SECONDS) as tcp:
            with context.wrap_socket(tcp, server_hostname=host) as tls:
                certificate = tls.getpeercert() or {}
    except OSError:
        return []
    names = cast("tuple[tuple[str, str], ...]", certificate.get("subjectAltName", ()))
    return [name for _, name in names]
