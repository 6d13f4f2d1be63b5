from patchsweep.v1 import sweep_pb2 as _sweep_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TileScores(_message.Message):
    __slots__ = ("cells", "metrics", "counts", "value_mean", "value_m2", "effect_mean", "effect_m2", "by_prompt", "zeros")
    CELLS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    VALUE_MEAN_FIELD_NUMBER: _ClassVar[int]
    VALUE_M2_FIELD_NUMBER: _ClassVar[int]
    EFFECT_MEAN_FIELD_NUMBER: _ClassVar[int]
    EFFECT_M2_FIELD_NUMBER: _ClassVar[int]
    BY_PROMPT_FIELD_NUMBER: _ClassVar[int]
    ZEROS_FIELD_NUMBER: _ClassVar[int]
    cells: int
    metrics: int
    counts: _containers.RepeatedScalarFieldContainer[int]
    value_mean: _containers.RepeatedScalarFieldContainer[float]
    value_m2: _containers.RepeatedScalarFieldContainer[float]
    effect_mean: _containers.RepeatedScalarFieldContainer[float]
    effect_m2: _containers.RepeatedScalarFieldContainer[float]
    by_prompt: _containers.RepeatedScalarFieldContainer[float]
    zeros: _containers.RepeatedCompositeFieldContainer[_sweep_pb2.IndexRange]
    def __init__(self, cells: _Optional[int] = ..., metrics: _Optional[int] = ..., counts: _Optional[_Iterable[int]] = ..., value_mean: _Optional[_Iterable[float]] = ..., value_m2: _Optional[_Iterable[float]] = ..., effect_mean: _Optional[_Iterable[float]] = ..., effect_m2: _Optional[_Iterable[float]] = ..., by_prompt: _Optional[_Iterable[float]] = ..., zeros: _Optional[_Iterable[_Union[_sweep_pb2.IndexRange, _Mapping]]] = ...) -> None: ...

class CacheStats(_message.Message):
    __slots__ = ("hits", "misses", "evictions", "bytes", "budget_bytes")
    HITS_FIELD_NUMBER: _ClassVar[int]
    MISSES_FIELD_NUMBER: _ClassVar[int]
    EVICTIONS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    BUDGET_BYTES_FIELD_NUMBER: _ClassVar[int]
    hits: int
    misses: int
    evictions: int
    bytes: int
    budget_bytes: int
    def __init__(self, hits: _Optional[int] = ..., misses: _Optional[int] = ..., evictions: _Optional[int] = ..., bytes: _Optional[int] = ..., budget_bytes: _Optional[int] = ...) -> None: ...

class MemoryUse(_message.Message):
    __slots__ = ("used", "budget")
    USED_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    used: int
    budget: int
    def __init__(self, used: _Optional[int] = ..., budget: _Optional[int] = ...) -> None: ...
