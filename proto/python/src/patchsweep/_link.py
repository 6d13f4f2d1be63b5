"""The connection to a coordinator: TLS, the token with every request, and what an answer that is none means."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import grpc

from . import _credentials
from ._handshake import COPY, GIVE, host_and_port, try_address, trusted, unreachable
from ._settings import LOCAL, Settings
from .errors import AnswerLost, NotLetIn, OtherRelease, PatchsweepError, Refused, RequestFailed, UnknownSweep
from .v1 import PROTOCOL_VERSION
from .v1 import client_pb2 as pb

_VERSION_KEY, _REFUSAL_KEY = "patchsweep-protocol", "patchsweep-refusal"

#: A coordinator whose machine is gone is noticed within two of these.
_KEEP_ALIVE_MS = 5000

_OPTIONS = [
    ("grpc.keepalive_time_ms", _KEEP_ALIVE_MS),
    ("grpc.keepalive_timeout_ms", _KEEP_ALIVE_MS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # gRPC takes http_proxy and https_proxy for its own (findings/grpc_channel_and_proxies.sh); the command line does not.
    ("grpc.enable_http_proxy", 0),
    # No connection is shared with an earlier client of the same address, which may have lost it.
    ("grpc.use_local_subchannel_pool", 1),
]

_log = logging.getLogger("patchsweep")

Answer = TypeVar("Answer")

_SERVICE = pb.DESCRIPTOR.services_by_name["ClientService"]


class Link:
    """Dials one coordinator, and again with what the credentials file holds by then."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._file = settings.credentials
        #: Held while the connection is made or given up: two threads that find it broken make one, and not each its own.
        self._lock = threading.RLock()
        self.url = LOCAL
        self._channel: grpc.Channel | None = None
        self._metadata: tuple[tuple[str, str], ...] = ()
        self._roots: bytes | None = None
        self.dial()

    def dial(self) -> None:
        """Connects, unless it is. The credentials file is read each time, so that a rotated token needs no new client."""
        with self._lock:
            if self._channel is None:
                self._dial()

    def _dial(self) -> None:
        credentials = _credentials.read(self._file) if self._file else None
        url = self._settings.coordinator or (credentials.coordinator if credentials else LOCAL)
        self.url = url.rstrip("/")
        with_tls = self.url.startswith("https:")
        self._roots = trusted(credentials.ca if credentials else None, self._file) if with_tls else None
        try_address(self.url, self._roots, self._file)
        metadata = [(_VERSION_KEY, str(PROTOCOL_VERSION))]
        if self._roots is None:
            channel = grpc.insecure_channel(_target(self.url), options=_OPTIONS)
        else:
            trust = grpc.ssl_channel_credentials(self._roots)
            channel = grpc.secure_channel(_target(self.url), trust, options=_OPTIONS)
            # A token is never sent where others could read it.
            if credentials and credentials.token:
                metadata.append(("authorization", f"Bearer {credentials.token}"))
        self._channel, self._metadata = channel, tuple(metadata)
        _log.debug("connected to the coordinator at %s", self.url)

    def close(self) -> None:
        """Hangs up."""
        with self._lock:
            channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def call(self, method: str, request: Any, answer: Callable[[bytes], Answer]) -> Answer:
        """One request, one answer."""
        channel, metadata = self._open()
        rpc = channel.unary_unary(_path(method), _serialized, answer)
        try:
            return rpc(request, metadata=metadata)
        except grpc.RpcError as error:
            raise self._meaning(error, channel) from error
        except ValueError as error:
            # gRPC's for a channel that is closed: another thread has found it broken.
            raise unreachable(self.url, str(error)) from error

    def send(self, method: str, requests: Iterable[Any], answer: Callable[[bytes], Answer]) -> Answer:
        """Several requests, one answer."""
        channel, metadata = self._open()
        rpc = channel.stream_unary(_path(method), _serialized, answer)
        try:
            return rpc(iter(requests), metadata=metadata)
        except grpc.RpcError as error:
            raise self._meaning(error, channel) from error
        except ValueError as error:
            # gRPC's for a channel that is closed: another thread has found it broken.
            raise unreachable(self.url, str(error)) from error

    def stream(
        self, method: str, request: Any, answer: Callable[[bytes], Answer], timeout: float | None = None
    ) -> Iterator[Answer]:
        """One request, several answers; the call ends with the iterator, or after so many seconds."""
        channel, metadata = self._open()
        rpc = channel.unary_stream(_path(method), _serialized, answer)
        try:
            call = rpc(request, metadata=metadata, timeout=timeout)
        except ValueError as error:
            # gRPC's for a channel that is closed: another thread has found it broken.
            raise unreachable(self.url, str(error)) from error
        try:
            yield from call
        except grpc.RpcError as error:
            raise self._meaning(error, channel) from error
        finally:
            call.cancel()

    def _open(self) -> tuple[grpc.Channel, tuple[tuple[str, str], ...]]:
        with self._lock:
            self.dial()
            assert self._channel is not None
            return self._channel, self._metadata

    def _meaning(self, error: grpc.RpcError, channel: grpc.Channel) -> PatchsweepError:
        """What an answer that is none means. A coordinator marks whom it does not let in; no text is read."""
        call = cast("grpc.Call", error)
        code, text = call.code(), call.details() or ""
        metadata = (*(call.initial_metadata() or ()), *(call.trailing_metadata() or ()))
        mark = next((value for key, value in metadata if key == _REFUSAL_KEY), None)
        inside = f" in {self._file}" if self._file else ""
        if mark == "no-token":
            none = f" and got none from {self._file}" if self._file else ""
            return NotLetIn(f"the coordinator at {self.url} wants a token{none}: {GIVE}")
        if mark == "protocol-version":
            return NotLetIn(f"the coordinator at {self.url} refused: {text}")
        if mark == "wrong-role" or code == grpc.StatusCode.PERMISSION_DENIED:
            return NotLetIn(f"the token{inside} is not one for a client: {GIVE}")
        if mark == "unknown-token" or code == grpc.StatusCode.UNAUTHENTICATED:
            text = f"the coordinator at {self.url} does not know the token{inside}; it was rotated, or is another"
            return NotLetIn(f"{text} coordinator's: {COPY}")
        if code == grpc.StatusCode.DEADLINE_EXCEEDED:
            return unreachable(self.url, text)  # It was asked for: the connection may be fine.
        if code in _BROKEN:
            return self._broken(text, channel)
        if code == grpc.StatusCode.UNIMPLEMENTED:
            text = f"the coordinator at {self.url} does not know this request ({text}): it is of another release than"
            return OtherRelease(f"{text} this program ({_version()}); install the same on both")
        if code == grpc.StatusCode.INVALID_ARGUMENT:
            return Refused(text)
        if code == grpc.StatusCode.NOT_FOUND:
            return UnknownSweep(text, "patchsweep list")
        return RequestFailed(text)

    def _broken(self, text: str, channel: grpc.Channel) -> PatchsweepError:
        # A channel that has lost its connection refuses calls for a while, even when the coordinator is back: the next
        # call dials anew. Another thread may have done so already.
        with self._lock:
            if self._channel is channel:
                self.close()
        try:
            try_address(self.url, self._roots, self._file)
        except PatchsweepError as error:
            return error
        return unreachable(self.url, text)

    def answer_lost(self, reason: str) -> AnswerLost:
        """Of a submission that may have arrived."""
        return AnswerLost(
            f"the connection to the coordinator at {self.url} broke before it answered ({reason}); `patchsweep list`"
            " shows whether the sweep is there, and submitting it again without --new is safe",
            reason,
            "patchsweep list",
        )


_BROKEN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED, grpc.StatusCode.CANCELLED)


def _target(url: str) -> str:
    """An address as gRPC wants it."""
    host, port = host_and_port(url)
    return f"dns:///[{host}]:{port}" if ":" in host else f"dns:///{host}:{port}"


def _path(method: str) -> str:
    return f"/{_SERVICE.full_name}/{_SERVICE.methods_by_name[method].name}"


def _serialized(message: Any) -> bytes:
    return bytes(message.SerializeToString())


def _version() -> str:
    from . import __version__

    return __version__
