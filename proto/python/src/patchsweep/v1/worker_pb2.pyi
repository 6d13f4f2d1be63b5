from patchsweep.v1 import scores_pb2 as _scores_pb2
from patchsweep.v1 import sweep_pb2 as _sweep_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FailureKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FAILURE_KIND_UNSPECIFIED: _ClassVar[FailureKind]
    FAILURE_KIND_ATTEMPT: _ClassVar[FailureKind]
    FAILURE_KIND_OTHER_MODEL: _ClassVar[FailureKind]
FAILURE_KIND_UNSPECIFIED: FailureKind
FAILURE_KIND_ATTEMPT: FailureKind
FAILURE_KIND_OTHER_MODEL: FailureKind

class WorkerMessage(_message.Message):
    __slots__ = ("register", "result", "heartbeat", "going_away", "released")
    REGISTER_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    GOING_AWAY_FIELD_NUMBER: _ClassVar[int]
    RELEASED_FIELD_NUMBER: _ClassVar[int]
    register: Register
    result: TileResult
    heartbeat: Heartbeat
    going_away: GoingAway
    released: Released
    def __init__(self, register: _Optional[_Union[Register, _Mapping]] = ..., result: _Optional[_Union[TileResult, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., going_away: _Optional[_Union[GoingAway, _Mapping]] = ..., released: _Optional[_Union[Released, _Mapping]] = ...) -> None: ...

class CoordinatorMessage(_message.Message):
    __slots__ = ("welcome", "grant", "acknowledge", "revoke", "drain")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_FIELD_NUMBER: _ClassVar[int]
    REVOKE_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    welcome: Welcome
    grant: Grant
    acknowledge: Acknowledge
    revoke: Revoke
    drain: Drain
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., grant: _Optional[_Union[Grant, _Mapping]] = ..., acknowledge: _Optional[_Union[Acknowledge, _Mapping]] = ..., revoke: _Optional[_Union[Revoke, _Mapping]] = ..., drain: _Optional[_Union[Drain, _Mapping]] = ...) -> None: ...

class Register(_message.Message):
    __slots__ = ("protocol_version", "name", "device", "credit", "cache", "held", "coordinator_id", "version", "loaded")
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    COORDINATOR_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LOADED_FIELD_NUMBER: _ClassVar[int]
    protocol_version: int
    name: str
    device: str
    credit: int
    cache: _scores_pb2.CacheStats
    held: _containers.RepeatedCompositeFieldContainer[Lease]
    coordinator_id: bytes
    version: str
    loaded: _sweep_pb2.LoadedModels
    def __init__(self, protocol_version: _Optional[int] = ..., name: _Optional[str] = ..., device: _Optional[str] = ..., credit: _Optional[int] = ..., cache: _Optional[_Union[_scores_pb2.CacheStats, _Mapping]] = ..., held: _Optional[_Iterable[_Union[Lease, _Mapping]]] = ..., coordinator_id: _Optional[bytes] = ..., version: _Optional[str] = ..., loaded: _Optional[_Union[_sweep_pb2.LoadedModels, _Mapping]] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("worker_id", "epoch", "heartbeat_interval_ms", "coordinator_id")
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    COORDINATOR_ID_FIELD_NUMBER: _ClassVar[int]
    worker_id: int
    epoch: int
    heartbeat_interval_ms: int
    coordinator_id: bytes
    def __init__(self, worker_id: _Optional[int] = ..., epoch: _Optional[int] = ..., heartbeat_interval_ms: _Optional[int] = ..., coordinator_id: _Optional[bytes] = ...) -> None: ...

class Lease(_message.Message):
    __slots__ = ("epoch", "sweep_id", "tile_id", "attempt")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    SWEEP_ID_FIELD_NUMBER: _ClassVar[int]
    TILE_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    sweep_id: str
    tile_id: int
    attempt: int
    def __init__(self, epoch: _Optional[int] = ..., sweep_id: _Optional[str] = ..., tile_id: _Optional[int] = ..., attempt: _Optional[int] = ...) -> None: ...

class Grant(_message.Message):
    __slots__ = ("lease", "tile", "context_digest", "model_digest", "traceparent")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    TILE_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    MODEL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    lease: Lease
    tile: _sweep_pb2.Tile
    context_digest: bytes
    model_digest: bytes
    traceparent: str
    def __init__(self, lease: _Optional[_Union[Lease, _Mapping]] = ..., tile: _Optional[_Union[_sweep_pb2.Tile, _Mapping]] = ..., context_digest: _Optional[bytes] = ..., model_digest: _Optional[bytes] = ..., traceparent: _Optional[str] = ...) -> None: ...

class TileResult(_message.Message):
    __slots__ = ("lease", "scores", "failure", "cache", "busy_seconds", "model_digest", "multiply_adds", "memory_retries", "loaded", "loading_seconds", "model_notes", "libtorch_calls", "streamed_bytes")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    BUSY_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MODEL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    MULTIPLY_ADDS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_RETRIES_FIELD_NUMBER: _ClassVar[int]
    LOADED_FIELD_NUMBER: _ClassVar[int]
    LOADING_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MODEL_NOTES_FIELD_NUMBER: _ClassVar[int]
    LIBTORCH_CALLS_FIELD_NUMBER: _ClassVar[int]
    STREAMED_BYTES_FIELD_NUMBER: _ClassVar[int]
    lease: Lease
    scores: _scores_pb2.TileScores
    failure: TileFailure
    cache: _scores_pb2.CacheStats
    busy_seconds: float
    model_digest: bytes
    multiply_adds: int
    memory_retries: int
    loaded: _sweep_pb2.LoadedModels
    loading_seconds: float
    model_notes: _containers.RepeatedScalarFieldContainer[str]
    libtorch_calls: int
    streamed_bytes: int
    def __init__(self, lease: _Optional[_Union[Lease, _Mapping]] = ..., scores: _Optional[_Union[_scores_pb2.TileScores, _Mapping]] = ..., failure: _Optional[_Union[TileFailure, _Mapping]] = ..., cache: _Optional[_Union[_scores_pb2.CacheStats, _Mapping]] = ..., busy_seconds: _Optional[float] = ..., model_digest: _Optional[bytes] = ..., multiply_adds: _Optional[int] = ..., memory_retries: _Optional[int] = ..., loaded: _Optional[_Union[_sweep_pb2.LoadedModels, _Mapping]] = ..., loading_seconds: _Optional[float] = ..., model_notes: _Optional[_Iterable[str]] = ..., libtorch_calls: _Optional[int] = ..., streamed_bytes: _Optional[int] = ...) -> None: ...

class TileFailure(_message.Message):
    __slots__ = ("reason", "kind")
    REASON_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    reason: str
    kind: FailureKind
    def __init__(self, reason: _Optional[str] = ..., kind: _Optional[_Union[FailureKind, str]] = ...) -> None: ...

class Acknowledge(_message.Message):
    __slots__ = ("lease",)
    LEASE_FIELD_NUMBER: _ClassVar[int]
    lease: Lease
    def __init__(self, lease: _Optional[_Union[Lease, _Mapping]] = ...) -> None: ...

class Revoke(_message.Message):
    __slots__ = ("lease",)
    LEASE_FIELD_NUMBER: _ClassVar[int]
    lease: Lease
    def __init__(self, lease: _Optional[_Union[Lease, _Mapping]] = ...) -> None: ...

class Released(_message.Message):
    __slots__ = ("lease",)
    LEASE_FIELD_NUMBER: _ClassVar[int]
    lease: Lease
    def __init__(self, lease: _Optional[_Union[Lease, _Mapping]] = ...) -> None: ...

class Drain(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("cache", "memory", "in_hand", "memory_retries", "loaded")
    CACHE_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    IN_HAND_FIELD_NUMBER: _ClassVar[int]
    MEMORY_RETRIES_FIELD_NUMBER: _ClassVar[int]
    LOADED_FIELD_NUMBER: _ClassVar[int]
    cache: _scores_pb2.CacheStats
    memory: _scores_pb2.MemoryUse
    in_hand: Lease
    memory_retries: int
    loaded: _sweep_pb2.LoadedModels
    def __init__(self, cache: _Optional[_Union[_scores_pb2.CacheStats, _Mapping]] = ..., memory: _Optional[_Union[_scores_pb2.MemoryUse, _Mapping]] = ..., in_hand: _Optional[_Union[Lease, _Mapping]] = ..., memory_retries: _Optional[int] = ..., loaded: _Optional[_Union[_sweep_pb2.LoadedModels, _Mapping]] = ...) -> None: ...

class GoingAway(_message.Message):
    __slots__ = ("reason", "finishing")
    REASON_FIELD_NUMBER: _ClassVar[int]
    FINISHING_FIELD_NUMBER: _ClassVar[int]
    reason: str
    finishing: _containers.RepeatedCompositeFieldContainer[Lease]
    def __init__(self, reason: _Optional[str] = ..., finishing: _Optional[_Iterable[_Union[Lease, _Mapping]]] = ...) -> None: ...

class FetchContextRequest(_message.Message):
    __slots__ = ("context_digest",)
    CONTEXT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    context_digest: bytes
    def __init__(self, context_digest: _Optional[bytes] = ...) -> None: ...

class ContextChunk(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...
