from patchsweep.v1 import scores_pb2 as _scores_pb2
from patchsweep.v1 import sweep_pb2 as _sweep_pb2
from patchsweep.v1 import worker_pb2 as _worker_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WorkerState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WORKER_STATE_UNSPECIFIED: _ClassVar[WorkerState]
    WORKER_STATE_ACTIVE: _ClassVar[WorkerState]
    WORKER_STATE_LEAVING: _ClassVar[WorkerState]
    WORKER_STATE_STUCK: _ClassVar[WorkerState]
    WORKER_STATE_QUARANTINED: _ClassVar[WorkerState]

class SweepState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SWEEP_STATE_UNSPECIFIED: _ClassVar[SweepState]
    SWEEP_STATE_RUNNING: _ClassVar[SweepState]
    SWEEP_STATE_DONE: _ClassVar[SweepState]
    SWEEP_STATE_FAILED: _ClassVar[SweepState]
    SWEEP_STATE_CANCELLED: _ClassVar[SweepState]
    SWEEP_STATE_PARTIAL: _ClassVar[SweepState]

class TileState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TILE_STATE_UNSPECIFIED: _ClassVar[TileState]
    TILE_STATE_WAITING: _ClassVar[TileState]
    TILE_STATE_LEASED: _ClassVar[TileState]
    TILE_STATE_DONE: _ClassVar[TileState]
    TILE_STATE_GIVEN_UP: _ClassVar[TileState]
    TILE_STATE_LEFT: _ClassVar[TileState]
WORKER_STATE_UNSPECIFIED: WorkerState
WORKER_STATE_ACTIVE: WorkerState
WORKER_STATE_LEAVING: WorkerState
WORKER_STATE_STUCK: WorkerState
WORKER_STATE_QUARANTINED: WorkerState
SWEEP_STATE_UNSPECIFIED: SweepState
SWEEP_STATE_RUNNING: SweepState
SWEEP_STATE_DONE: SweepState
SWEEP_STATE_FAILED: SweepState
SWEEP_STATE_CANCELLED: SweepState
SWEEP_STATE_PARTIAL: SweepState
TILE_STATE_UNSPECIFIED: TileState
TILE_STATE_WAITING: TileState
TILE_STATE_LEASED: TileState
TILE_STATE_DONE: TileState
TILE_STATE_GIVEN_UP: TileState
TILE_STATE_LEFT: TileState

class SubmitSweepRequest(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class Submission(_message.Message):
    __slots__ = ("spec", "dataset", "options", "always_new", "priority", "check_of")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    ALWAYS_NEW_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    CHECK_OF_FIELD_NUMBER: _ClassVar[int]
    spec: str
    dataset: str
    options: PlanOptions
    always_new: bool
    priority: int
    check_of: CheckOf
    def __init__(self, spec: _Optional[str] = ..., dataset: _Optional[str] = ..., options: _Optional[_Union[PlanOptions, _Mapping]] = ..., always_new: bool = ..., priority: _Optional[int] = ..., check_of: _Optional[_Union[CheckOf, _Mapping]] = ...) -> None: ...

class CheckOf(_message.Message):
    __slots__ = ("sweep_id", "cells", "seed")
    SWEEP_ID_FIELD_NUMBER: _ClassVar[int]
    CELLS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    sweep_id: str
    cells: int
    seed: int
    def __init__(self, sweep_id: _Optional[str] = ..., cells: _Optional[int] = ..., seed: _Optional[int] = ...) -> None: ...

class PlanOptions(_message.Message):
    __slots__ = ("tile_multiply_adds", "tile_prompts", "for_gpus")
    TILE_MULTIPLY_ADDS_FIELD_NUMBER: _ClassVar[int]
    TILE_PROMPTS_FIELD_NUMBER: _ClassVar[int]
    FOR_GPUS_FIELD_NUMBER: _ClassVar[int]
    tile_multiply_adds: int
    tile_prompts: int
    for_gpus: bool
    def __init__(self, tile_multiply_adds: _Optional[int] = ..., tile_prompts: _Optional[int] = ..., for_gpus: bool = ...) -> None: ...

class SubmitSweepResponse(_message.Message):
    __slots__ = ("sweep_id", "created", "warnings", "model_digest")
    SWEEP_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    MODEL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    sweep_id: str
    created: bool
    warnings: _containers.RepeatedScalarFieldContainer[str]
    model_digest: bytes
    def __init__(self, sweep_id: _Optional[str] = ..., created: bool = ..., warnings: _Optional[_Iterable[str]] = ..., model_digest: _Optional[bytes] = ...) -> None: ...

class GetSweepRequest(_message.Message):
    __slots__ = ("sweep_id",)
    SWEEP_ID_FIELD_NUMBER: _ClassVar[int]
    sweep_id: str
    def __init__(self, sweep_id: _Optional[str] = ...) -> None: ...

class ListSweepsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListSweepsResponse(_message.Message):
    __slots__ = ("sweeps",)
    SWEEPS_FIELD_NUMBER: _ClassVar[int]
    sweeps: _containers.RepeatedCompositeFieldContainer[SweepStatus]
    def __init__(self, sweeps: _Optional[_Iterable[_Union[SweepStatus, _Mapping]]] = ...) -> None: ...

class WatchSweepRequest(_message.Message):
    __slots__ = ("sweep_id",)
    SWEEP_ID_FIELD_NUMBER: _ClassVar[int]
    sweep_id: str
    def __init__(self, sweep_id: _Optional[str] = ...) -> None: ...

class CancelSweepRequest(_message.Message):
    __slots__ = ("sweep_id",)
    SWEEP_ID_FIELD_NUMBER: _ClassVar[int]
    sweep_id: str
    def __init__(self, sweep_id: _Optional[str] = ...) -> None: ...

class ResumeSweepRequest(_message.Message):
    __slots__ = ("sweep_id",)
    SWEEP_ID_FIELD_NUMBER: _ClassVar[int]
    sweep_id: str
    def __init__(self, sweep_id: _Optional[str] = ...) -> None: ...

class RemoveSweepRequest(_message.Message):
    __slots__ = ("sweep_id",)
    SWEEP_ID_FIELD_NUMBER: _ClassVar[int]
    sweep_id: str
    def __init__(self, sweep_id: _Optional[str] = ...) -> None: ...

class RemoveSweepResponse(_message.Message):
    __slots__ = ("sweeps",)
    SWEEPS_FIELD_NUMBER: _ClassVar[int]
    sweeps: _containers.RepeatedCompositeFieldContainer[SweepStatus]
    def __init__(self, sweeps: _Optional[_Iterable[_Union[SweepStatus, _Mapping]]] = ...) -> None: ...

class ListWorkersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListWorkersResponse(_message.Message):
    __slots__ = ("workers",)
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    workers: _containers.RepeatedCompositeFieldContainer[WorkerStatus]
    def __init__(self, workers: _Optional[_Iterable[_Union[WorkerStatus, _Mapping]]] = ...) -> None: ...

class WorkerStatus(_message.Message):
    __slots__ = ("worker_id", "name", "device", "state", "reason", "leases", "tiles_done", "multiply_adds_per_second", "silent_ms", "version", "cache", "memory", "hand", "loaded")
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    LEASES_FIELD_NUMBER: _ClassVar[int]
    TILES_DONE_FIELD_NUMBER: _ClassVar[int]
    MULTIPLY_ADDS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    SILENT_MS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    HAND_FIELD_NUMBER: _ClassVar[int]
    LOADED_FIELD_NUMBER: _ClassVar[int]
    worker_id: int
    name: str
    device: str
    state: WorkerState
    reason: str
    leases: _containers.RepeatedCompositeFieldContainer[_worker_pb2.Lease]
    tiles_done: int
    multiply_adds_per_second: int
    silent_ms: int
    version: str
    cache: _scores_pb2.CacheStats
    memory: _scores_pb2.MemoryUse
    hand: InHand
    loaded: _containers.RepeatedCompositeFieldContainer[_sweep_pb2.LoadedModel]
    def __init__(self, worker_id: _Optional[int] = ..., name: _Optional[str] = ..., device: _Optional[str] = ..., state: _Optional[_Union[WorkerState, str]] = ..., reason: _Optional[str] = ..., leases: _Optional[_Iterable[_Union[_worker_pb2.Lease, _Mapping]]] = ..., tiles_done: _Optional[int] = ..., multiply_adds_per_second: _Optional[int] = ..., silent_ms: _Optional[int] = ..., version: _Optional[str] = ..., cache: _Optional[_Union[_scores_pb2.CacheStats, _Mapping]] = ..., memory: _Optional[_Union[_scores_pb2.MemoryUse, _Mapping]] = ..., hand: _Optional[_Union[InHand, _Mapping]] = ..., loaded: _Optional[_Iterable[_Union[_sweep_pb2.LoadedModel, _Mapping]]] = ...) -> None: ...

class InHand(_message.Message):
    __slots__ = ("lease", "grid", "iteration", "since_ms", "retries")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    GRID_FIELD_NUMBER: _ClassVar[int]
    ITERATION_FIELD_NUMBER: _ClassVar[int]
    SINCE_MS_FIELD_NUMBER: _ClassVar[int]
    RETRIES_FIELD_NUMBER: _ClassVar[int]
    lease: _worker_pb2.Lease
    grid: str
    iteration: str
    since_ms: int
    retries: int
    def __init__(self, lease: _Optional[_Union[_worker_pb2.Lease, _Mapping]] = ..., grid: _Optional[str] = ..., iteration: _Optional[str] = ..., since_ms: _Optional[int] = ..., retries: _Optional[int] = ...) -> None: ...

class DrainWorkerRequest(_message.Message):
    __slots__ = ("worker_id",)
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    worker_id: int
    def __init__(self, worker_id: _Optional[int] = ...) -> None: ...

class DrainWorkerResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SweepStatus(_message.Message):
    __slots__ = ("sweep_id", "name", "state", "reason", "tiles_total", "tiles_done", "tiles_leased", "multiply_adds_total", "multiply_adds_done", "workers", "cells_total", "cells_noop", "tiles_failed", "priority", "results_dropped", "grids", "submitted_unix_ms", "elapsed_ms", "multiply_adds_per_second", "check_of")
    SWEEP_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TILES_TOTAL_FIELD_NUMBER: _ClassVar[int]
    TILES_DONE_FIELD_NUMBER: _ClassVar[int]
    TILES_LEASED_FIELD_NUMBER: _ClassVar[int]
    MULTIPLY_ADDS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    MULTIPLY_ADDS_DONE_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    CELLS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    CELLS_NOOP_FIELD_NUMBER: _ClassVar[int]
    TILES_FAILED_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    RESULTS_DROPPED_FIELD_NUMBER: _ClassVar[int]
    GRIDS_FIELD_NUMBER: _ClassVar[int]
    SUBMITTED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_MS_FIELD_NUMBER: _ClassVar[int]
    MULTIPLY_ADDS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    CHECK_OF_FIELD_NUMBER: _ClassVar[int]
    sweep_id: str
    name: str
    state: SweepState
    reason: str
    tiles_total: int
    tiles_done: int
    tiles_leased: int
    multiply_adds_total: int
    multiply_adds_done: int
    workers: int
    cells_total: int
    cells_noop: int
    tiles_failed: int
    priority: int
    results_dropped: int
    grids: _containers.RepeatedCompositeFieldContainer[GridProgress]
    submitted_unix_ms: int
    elapsed_ms: int
    multiply_adds_per_second: int
    check_of: str
    def __init__(self, sweep_id: _Optional[str] = ..., name: _Optional[str] = ..., state: _Optional[_Union[SweepState, str]] = ..., reason: _Optional[str] = ..., tiles_total: _Optional[int] = ..., tiles_done: _Optional[int] = ..., tiles_leased: _Optional[int] = ..., multiply_adds_total: _Optional[int] = ..., multiply_adds_done: _Optional[int] = ..., workers: _Optional[int] = ..., cells_total: _Optional[int] = ..., cells_noop: _Optional[int] = ..., tiles_failed: _Optional[int] = ..., priority: _Optional[int] = ..., results_dropped: _Optional[int] = ..., grids: _Optional[_Iterable[_Union[GridProgress, _Mapping]]] = ..., submitted_unix_ms: _Optional[int] = ..., elapsed_ms: _Optional[int] = ..., multiply_adds_per_second: _Optional[int] = ..., check_of: _Optional[str] = ...) -> None: ...

class GridProgress(_message.Message):
    __slots__ = ("name", "cells_total", "cells_noop", "cells_done", "tiles_total", "tiles_done", "multiply_adds_total", "multiply_adds_done")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CELLS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    CELLS_NOOP_FIELD_NUMBER: _ClassVar[int]
    CELLS_DONE_FIELD_NUMBER: _ClassVar[int]
    TILES_TOTAL_FIELD_NUMBER: _ClassVar[int]
    TILES_DONE_FIELD_NUMBER: _ClassVar[int]
    MULTIPLY_ADDS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    MULTIPLY_ADDS_DONE_FIELD_NUMBER: _ClassVar[int]
    name: str
    cells_total: int
    cells_noop: int
    cells_done: int
    tiles_total: int
    tiles_done: int
    multiply_adds_total: int
    multiply_adds_done: int
    def __init__(self, name: _Optional[str] = ..., cells_total: _Optional[int] = ..., cells_noop: _Optional[int] = ..., cells_done: _Optional[int] = ..., tiles_total: _Optional[int] = ..., tiles_done: _Optional[int] = ..., multiply_adds_total: _Optional[int] = ..., multiply_adds_done: _Optional[int] = ...) -> None: ...

class FetchResultsRequest(_message.Message):
    __slots__ = ("sweep_id", "partial")
    SWEEP_ID_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_FIELD_NUMBER: _ClassVar[int]
    sweep_id: str
    partial: bool
    def __init__(self, sweep_id: _Optional[str] = ..., partial: bool = ...) -> None: ...

class ResultsChunk(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class SweepResults(_message.Message):
    __slots__ = ("name", "iteration_labels", "token_labels", "metrics", "clean", "corrupted", "grids", "manifest", "replicates", "baselines", "lines")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ITERATION_LABELS_FIELD_NUMBER: _ClassVar[int]
    TOKEN_LABELS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    CLEAN_FIELD_NUMBER: _ClassVar[int]
    CORRUPTED_FIELD_NUMBER: _ClassVar[int]
    GRIDS_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    REPLICATES_FIELD_NUMBER: _ClassVar[int]
    BASELINES_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    name: str
    iteration_labels: _containers.RepeatedScalarFieldContainer[str]
    token_labels: _containers.RepeatedScalarFieldContainer[str]
    metrics: _containers.RepeatedScalarFieldContainer[str]
    clean: _containers.RepeatedCompositeFieldContainer[BaselineScores]
    corrupted: _containers.RepeatedCompositeFieldContainer[BaselineScores]
    grids: _containers.RepeatedCompositeFieldContainer[GridScores]
    manifest: str
    replicates: int
    baselines: _containers.RepeatedScalarFieldContainer[int]
    lines: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, name: _Optional[str] = ..., iteration_labels: _Optional[_Iterable[str]] = ..., token_labels: _Optional[_Iterable[str]] = ..., metrics: _Optional[_Iterable[str]] = ..., clean: _Optional[_Iterable[_Union[BaselineScores, _Mapping]]] = ..., corrupted: _Optional[_Iterable[_Union[BaselineScores, _Mapping]]] = ..., grids: _Optional[_Iterable[_Union[GridScores, _Mapping]]] = ..., manifest: _Optional[str] = ..., replicates: _Optional[int] = ..., baselines: _Optional[_Iterable[int]] = ..., lines: _Optional[_Iterable[int]] = ...) -> None: ...

class BaselineScores(_message.Message):
    __slots__ = ("mean", "stderr", "per_prompt")
    MEAN_FIELD_NUMBER: _ClassVar[int]
    STDERR_FIELD_NUMBER: _ClassVar[int]
    PER_PROMPT_FIELD_NUMBER: _ClassVar[int]
    mean: _containers.RepeatedScalarFieldContainer[float]
    stderr: _containers.RepeatedScalarFieldContainer[float]
    per_prompt: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, mean: _Optional[_Iterable[float]] = ..., stderr: _Optional[_Iterable[float]] = ..., per_prompt: _Optional[_Iterable[float]] = ...) -> None: ...

class GridScores(_message.Message):
    __slots__ = ("metric", "grid", "component", "axes", "indices", "effect", "value", "stderr", "count", "status", "normalized", "per_prompt", "between", "writes", "estimate")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    GRID_FIELD_NUMBER: _ClassVar[int]
    COMPONENT_FIELD_NUMBER: _ClassVar[int]
    AXES_FIELD_NUMBER: _ClassVar[int]
    INDICES_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    STDERR_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    NORMALIZED_FIELD_NUMBER: _ClassVar[int]
    PER_PROMPT_FIELD_NUMBER: _ClassVar[int]
    BETWEEN_FIELD_NUMBER: _ClassVar[int]
    WRITES_FIELD_NUMBER: _ClassVar[int]
    ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    metric: int
    grid: str
    component: str
    axes: _containers.RepeatedScalarFieldContainer[str]
    indices: _containers.RepeatedCompositeFieldContainer[AxisIndices]
    effect: _containers.RepeatedScalarFieldContainer[float]
    value: _containers.RepeatedScalarFieldContainer[float]
    stderr: _containers.RepeatedScalarFieldContainer[float]
    count: _containers.RepeatedScalarFieldContainer[int]
    status: _containers.RepeatedScalarFieldContainer[int]
    normalized: _containers.RepeatedScalarFieldContainer[float]
    per_prompt: _containers.RepeatedScalarFieldContainer[float]
    between: _containers.RepeatedScalarFieldContainer[float]
    writes: str
    estimate: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, metric: _Optional[int] = ..., grid: _Optional[str] = ..., component: _Optional[str] = ..., axes: _Optional[_Iterable[str]] = ..., indices: _Optional[_Iterable[_Union[AxisIndices, _Mapping]]] = ..., effect: _Optional[_Iterable[float]] = ..., value: _Optional[_Iterable[float]] = ..., stderr: _Optional[_Iterable[float]] = ..., count: _Optional[_Iterable[int]] = ..., status: _Optional[_Iterable[int]] = ..., normalized: _Optional[_Iterable[float]] = ..., per_prompt: _Optional[_Iterable[float]] = ..., between: _Optional[_Iterable[float]] = ..., writes: _Optional[str] = ..., estimate: _Optional[_Iterable[float]] = ...) -> None: ...

class AxisIndices(_message.Message):
    __slots__ = ("indices", "names")
    INDICES_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    indices: _containers.RepeatedScalarFieldContainer[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, indices: _Optional[_Iterable[int]] = ..., names: _Optional[_Iterable[str]] = ...) -> None: ...

class ExplainSweepRequest(_message.Message):
    __slots__ = ("sweep_id", "cell")
    SWEEP_ID_FIELD_NUMBER: _ClassVar[int]
    CELL_FIELD_NUMBER: _ClassVar[int]
    sweep_id: str
    cell: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, sweep_id: _Optional[str] = ..., cell: _Optional[_Iterable[str]] = ...) -> None: ...

class SweepExplanation(_message.Message):
    __slots__ = ("status", "idle_because", "failures", "cell", "streaming")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    IDLE_BECAUSE_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    CELL_FIELD_NUMBER: _ClassVar[int]
    STREAMING_FIELD_NUMBER: _ClassVar[int]
    status: SweepStatus
    idle_because: _containers.RepeatedScalarFieldContainer[str]
    failures: _containers.RepeatedCompositeFieldContainer[FailureGroup]
    cell: CellExplanation
    streaming: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, status: _Optional[_Union[SweepStatus, _Mapping]] = ..., idle_because: _Optional[_Iterable[str]] = ..., failures: _Optional[_Iterable[_Union[FailureGroup, _Mapping]]] = ..., cell: _Optional[_Union[CellExplanation, _Mapping]] = ..., streaming: _Optional[_Iterable[str]] = ...) -> None: ...

class FailureGroup(_message.Message):
    __slots__ = ("reason", "attempts", "tiles", "tiles_given_up", "workers")
    REASON_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    TILES_FIELD_NUMBER: _ClassVar[int]
    TILES_GIVEN_UP_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    reason: str
    attempts: int
    tiles: _containers.RepeatedScalarFieldContainer[int]
    tiles_given_up: int
    workers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, reason: _Optional[str] = ..., attempts: _Optional[int] = ..., tiles: _Optional[_Iterable[int]] = ..., tiles_given_up: _Optional[int] = ..., workers: _Optional[_Iterable[str]] = ...) -> None: ...

class CellExplanation(_message.Message):
    __slots__ = ("grid", "iteration", "axes", "indices", "noop", "noop_prompts", "tiles", "writes", "estimate", "names", "activity")
    GRID_FIELD_NUMBER: _ClassVar[int]
    ITERATION_FIELD_NUMBER: _ClassVar[int]
    AXES_FIELD_NUMBER: _ClassVar[int]
    INDICES_FIELD_NUMBER: _ClassVar[int]
    NOOP_FIELD_NUMBER: _ClassVar[int]
    NOOP_PROMPTS_FIELD_NUMBER: _ClassVar[int]
    TILES_FIELD_NUMBER: _ClassVar[int]
    WRITES_FIELD_NUMBER: _ClassVar[int]
    ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    ACTIVITY_FIELD_NUMBER: _ClassVar[int]
    grid: str
    iteration: str
    axes: _containers.RepeatedScalarFieldContainer[str]
    indices: _containers.RepeatedScalarFieldContainer[int]
    noop: str
    noop_prompts: int
    tiles: _containers.RepeatedCompositeFieldContainer[TileExplanation]
    writes: _containers.RepeatedScalarFieldContainer[str]
    estimate: str
    names: _containers.RepeatedScalarFieldContainer[str]
    activity: str
    def __init__(self, grid: _Optional[str] = ..., iteration: _Optional[str] = ..., axes: _Optional[_Iterable[str]] = ..., indices: _Optional[_Iterable[int]] = ..., noop: _Optional[str] = ..., noop_prompts: _Optional[int] = ..., tiles: _Optional[_Iterable[_Union[TileExplanation, _Mapping]]] = ..., writes: _Optional[_Iterable[str]] = ..., estimate: _Optional[str] = ..., names: _Optional[_Iterable[str]] = ..., activity: _Optional[str] = ...) -> None: ...

class TileExplanation(_message.Message):
    __slots__ = ("tile_id", "prompts", "cells", "state", "holders", "result", "attempts")
    TILE_ID_FIELD_NUMBER: _ClassVar[int]
    PROMPTS_FIELD_NUMBER: _ClassVar[int]
    CELLS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    HOLDERS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    tile_id: int
    prompts: _sweep_pb2.IndexRange
    cells: int
    state: TileState
    holders: _containers.RepeatedCompositeFieldContainer[TileHolder]
    result: TileResultOrigin
    attempts: _containers.RepeatedCompositeFieldContainer[TileAttempt]
    def __init__(self, tile_id: _Optional[int] = ..., prompts: _Optional[_Union[_sweep_pb2.IndexRange, _Mapping]] = ..., cells: _Optional[int] = ..., state: _Optional[_Union[TileState, str]] = ..., holders: _Optional[_Iterable[_Union[TileHolder, _Mapping]]] = ..., result: _Optional[_Union[TileResultOrigin, _Mapping]] = ..., attempts: _Optional[_Iterable[_Union[TileAttempt, _Mapping]]] = ...) -> None: ...

class TileHolder(_message.Message):
    __slots__ = ("worker", "attempt", "since_ms")
    WORKER_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    SINCE_MS_FIELD_NUMBER: _ClassVar[int]
    worker: str
    attempt: int
    since_ms: int
    def __init__(self, worker: _Optional[str] = ..., attempt: _Optional[int] = ..., since_ms: _Optional[int] = ...) -> None: ...

class TileResultOrigin(_message.Message):
    __slots__ = ("worker", "device", "attempt", "unix_ms", "busy_ms")
    WORKER_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    BUSY_MS_FIELD_NUMBER: _ClassVar[int]
    worker: str
    device: str
    attempt: int
    unix_ms: int
    busy_ms: int
    def __init__(self, worker: _Optional[str] = ..., device: _Optional[str] = ..., attempt: _Optional[int] = ..., unix_ms: _Optional[int] = ..., busy_ms: _Optional[int] = ...) -> None: ...

class TileAttempt(_message.Message):
    __slots__ = ("attempt", "worker", "reason")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    worker: str
    reason: str
    def __init__(self, attempt: _Optional[int] = ..., worker: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ListEventsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListEventsResponse(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[LogEvent]
    def __init__(self, events: _Optional[_Iterable[_Union[LogEvent, _Mapping]]] = ...) -> None: ...

class LogEvent(_message.Message):
    __slots__ = ("unix_ms", "level", "sweep_id", "worker", "text")
    UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    SWEEP_ID_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    unix_ms: int
    level: str
    sweep_id: str
    worker: str
    text: str
    def __init__(self, unix_ms: _Optional[int] = ..., level: _Optional[str] = ..., sweep_id: _Optional[str] = ..., worker: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...
