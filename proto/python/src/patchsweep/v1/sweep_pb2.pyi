from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Direction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIRECTION_UNSPECIFIED: _ClassVar[Direction]
    DIRECTION_NOISING: _ClassVar[Direction]
    DIRECTION_DENOISING: _ClassVar[Direction]

class Wiring(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WIRING_UNSPECIFIED: _ClassVar[Wiring]
    WIRING_SEQUENTIAL: _ClassVar[Wiring]
    WIRING_PARALLEL_ONE_NORM: _ClassVar[Wiring]
    WIRING_PARALLEL_TWO_NORMS: _ClassVar[Wiring]

class NormKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NORM_KIND_UNSPECIFIED: _ClassVar[NormKind]
    NORM_KIND_LAYER: _ClassVar[NormKind]
    NORM_KIND_RMS: _ClassVar[NormKind]

class NormPlace(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NORM_PLACE_UNSPECIFIED: _ClassVar[NormPlace]
    NORM_PLACE_BEFORE: _ClassVar[NormPlace]
    NORM_PLACE_BEFORE_AND_AFTER: _ClassVar[NormPlace]
    NORM_PLACE_AFTER: _ClassVar[NormPlace]

class QkNorm(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QK_NORM_UNSPECIFIED: _ClassVar[QkNorm]
    QK_NORM_NONE: _ClassVar[QkNorm]
    QK_NORM_PER_HEAD: _ClassVar[QkNorm]
    QK_NORM_WHOLE: _ClassVar[QkNorm]

class Pairing(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PAIRING_UNSPECIFIED: _ClassVar[Pairing]
    PAIRING_HALVES: _ClassVar[Pairing]
    PAIRING_ADJACENT: _ClassVar[Pairing]

class Activation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACTIVATION_UNSPECIFIED: _ClassVar[Activation]
    ACTIVATION_GELU_TANH: _ClassVar[Activation]
    ACTIVATION_GELU: _ClassVar[Activation]
    ACTIVATION_RELU: _ClassVar[Activation]
    ACTIVATION_SILU: _ClassVar[Activation]

class Dtype(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DTYPE_UNSPECIFIED: _ClassVar[Dtype]
    DTYPE_FLOAT32: _ClassVar[Dtype]
    DTYPE_BFLOAT16: _ClassVar[Dtype]
    DTYPE_FLOAT16: _ClassVar[Dtype]

class TokenScore(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TOKEN_SCORE_UNSPECIFIED: _ClassVar[TokenScore]
    TOKEN_SCORE_LOGIT: _ClassVar[TokenScore]
    TOKEN_SCORE_LOGPROB: _ClassVar[TokenScore]
    TOKEN_SCORE_PROB: _ClassVar[TokenScore]

class Reduce(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REDUCE_UNSPECIFIED: _ClassVar[Reduce]
    REDUCE_SUM: _ClassVar[Reduce]
    REDUCE_MEAN: _ClassVar[Reduce]
    REDUCE_MAX: _ClassVar[Reduce]
    REDUCE_LOGSUMEXP: _ClassVar[Reduce]

class Component(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMPONENT_UNSPECIFIED: _ClassVar[Component]
    COMPONENT_RESID_PRE: _ClassVar[Component]
    COMPONENT_RESID_MID: _ClassVar[Component]
    COMPONENT_RESID_POST: _ClassVar[Component]
    COMPONENT_ATTN_OUT: _ClassVar[Component]
    COMPONENT_MLP_OUT: _ClassVar[Component]
    COMPONENT_Z: _ClassVar[Component]
    COMPONENT_Q: _ClassVar[Component]
    COMPONENT_K: _ClassVar[Component]
    COMPONENT_V: _ClassVar[Component]
    COMPONENT_PATTERN: _ClassVar[Component]
    COMPONENT_MLP_PRE: _ClassVar[Component]
    COMPONENT_MLP_POST: _ClassVar[Component]

class Axis(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AXIS_UNSPECIFIED: _ClassVar[Axis]
    AXIS_LAYER: _ClassVar[Axis]
    AXIS_POS: _ClassVar[Axis]
    AXIS_HEAD: _ClassVar[Axis]
    AXIS_DEST_POS: _ClassVar[Axis]
    AXIS_SRC_POS: _ClassVar[Axis]
    AXIS_NEURON: _ClassVar[Axis]
    AXIS_FEATURE: _ClassVar[Axis]

class Encoder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENCODER_UNSPECIFIED: _ClassVar[Encoder]
    ENCODER_STANDARD: _ClassVar[Encoder]
    ENCODER_JUMPRELU: _ClassVar[Encoder]
    ENCODER_TOPK: _ClassVar[Encoder]
    ENCODER_GATED: _ClassVar[Encoder]

class Receiver(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECEIVER_UNSPECIFIED: _ClassVar[Receiver]
    RECEIVER_Q: _ClassVar[Receiver]
    RECEIVER_K: _ClassVar[Receiver]
    RECEIVER_V: _ClassVar[Receiver]
    RECEIVER_MLP_IN: _ClassVar[Receiver]
    RECEIVER_LOGITS: _ClassVar[Receiver]

class PatchValue(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PATCH_VALUE_UNSPECIFIED: _ClassVar[PatchValue]
    PATCH_VALUE_OTHER: _ClassVar[PatchValue]
    PATCH_VALUE_ZERO: _ClassVar[PatchValue]
    PATCH_VALUE_MEAN: _ClassVar[PatchValue]
    PATCH_VALUE_KNOCKOUT: _ClassVar[PatchValue]
DIRECTION_UNSPECIFIED: Direction
DIRECTION_NOISING: Direction
DIRECTION_DENOISING: Direction
WIRING_UNSPECIFIED: Wiring
WIRING_SEQUENTIAL: Wiring
WIRING_PARALLEL_ONE_NORM: Wiring
WIRING_PARALLEL_TWO_NORMS: Wiring
NORM_KIND_UNSPECIFIED: NormKind
NORM_KIND_LAYER: NormKind
NORM_KIND_RMS: NormKind
NORM_PLACE_UNSPECIFIED: NormPlace
NORM_PLACE_BEFORE: NormPlace
NORM_PLACE_BEFORE_AND_AFTER: NormPlace
NORM_PLACE_AFTER: NormPlace
QK_NORM_UNSPECIFIED: QkNorm
QK_NORM_NONE: QkNorm
QK_NORM_PER_HEAD: QkNorm
QK_NORM_WHOLE: QkNorm
PAIRING_UNSPECIFIED: Pairing
PAIRING_HALVES: Pairing
PAIRING_ADJACENT: Pairing
ACTIVATION_UNSPECIFIED: Activation
ACTIVATION_GELU_TANH: Activation
ACTIVATION_GELU: Activation
ACTIVATION_RELU: Activation
ACTIVATION_SILU: Activation
DTYPE_UNSPECIFIED: Dtype
DTYPE_FLOAT32: Dtype
DTYPE_BFLOAT16: Dtype
DTYPE_FLOAT16: Dtype
TOKEN_SCORE_UNSPECIFIED: TokenScore
TOKEN_SCORE_LOGIT: TokenScore
TOKEN_SCORE_LOGPROB: TokenScore
TOKEN_SCORE_PROB: TokenScore
REDUCE_UNSPECIFIED: Reduce
REDUCE_SUM: Reduce
REDUCE_MEAN: Reduce
REDUCE_MAX: Reduce
REDUCE_LOGSUMEXP: Reduce
COMPONENT_UNSPECIFIED: Component
COMPONENT_RESID_PRE: Component
COMPONENT_RESID_MID: Component
COMPONENT_RESID_POST: Component
COMPONENT_ATTN_OUT: Component
COMPONENT_MLP_OUT: Component
COMPONENT_Z: Component
COMPONENT_Q: Component
COMPONENT_K: Component
COMPONENT_V: Component
COMPONENT_PATTERN: Component
COMPONENT_MLP_PRE: Component
COMPONENT_MLP_POST: Component
AXIS_UNSPECIFIED: Axis
AXIS_LAYER: Axis
AXIS_POS: Axis
AXIS_HEAD: Axis
AXIS_DEST_POS: Axis
AXIS_SRC_POS: Axis
AXIS_NEURON: Axis
AXIS_FEATURE: Axis
ENCODER_UNSPECIFIED: Encoder
ENCODER_STANDARD: Encoder
ENCODER_JUMPRELU: Encoder
ENCODER_TOPK: Encoder
ENCODER_GATED: Encoder
RECEIVER_UNSPECIFIED: Receiver
RECEIVER_Q: Receiver
RECEIVER_K: Receiver
RECEIVER_V: Receiver
RECEIVER_MLP_IN: Receiver
RECEIVER_LOGITS: Receiver
PATCH_VALUE_UNSPECIFIED: PatchValue
PATCH_VALUE_OTHER: PatchValue
PATCH_VALUE_ZERO: PatchValue
PATCH_VALUE_MEAN: PatchValue
PATCH_VALUE_KNOCKOUT: PatchValue

class SweepContext(_message.Message):
    __slots__ = ("model", "architecture", "dtype", "clean", "iterations", "metrics", "grids", "tf32", "direction", "per_prompt", "replicates", "spots", "groups", "numbers")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    CLEAN_FIELD_NUMBER: _ClassVar[int]
    ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    GRIDS_FIELD_NUMBER: _ClassVar[int]
    TF32_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    PER_PROMPT_FIELD_NUMBER: _ClassVar[int]
    REPLICATES_FIELD_NUMBER: _ClassVar[int]
    SPOTS_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    model: ModelRef
    architecture: Architecture
    dtype: Dtype
    clean: TokenMatrix
    iterations: _containers.RepeatedCompositeFieldContainer[Iteration]
    metrics: _containers.RepeatedCompositeFieldContainer[Metric]
    grids: _containers.RepeatedCompositeFieldContainer[Grid]
    tf32: bool
    direction: Direction
    per_prompt: bool
    replicates: int
    spots: _containers.RepeatedCompositeFieldContainer[Spot]
    groups: _containers.RepeatedCompositeFieldContainer[PromptGroup]
    numbers: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, model: _Optional[_Union[ModelRef, _Mapping]] = ..., architecture: _Optional[_Union[Architecture, _Mapping]] = ..., dtype: _Optional[_Union[Dtype, str]] = ..., clean: _Optional[_Union[TokenMatrix, _Mapping]] = ..., iterations: _Optional[_Iterable[_Union[Iteration, _Mapping]]] = ..., metrics: _Optional[_Iterable[_Union[Metric, _Mapping]]] = ..., grids: _Optional[_Iterable[_Union[Grid, _Mapping]]] = ..., tf32: bool = ..., direction: _Optional[_Union[Direction, str]] = ..., per_prompt: bool = ..., replicates: _Optional[int] = ..., spots: _Optional[_Iterable[_Union[Spot, _Mapping]]] = ..., groups: _Optional[_Iterable[_Union[PromptGroup, _Mapping]]] = ..., numbers: _Optional[_Iterable[int]] = ...) -> None: ...

class Spot(_message.Message):
    __slots__ = ("name", "number")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    name: str
    number: int
    def __init__(self, name: _Optional[str] = ..., number: _Optional[int] = ...) -> None: ...

class PromptGroup(_message.Message):
    __slots__ = ("prompts", "tokens", "spots")
    PROMPTS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    SPOTS_FIELD_NUMBER: _ClassVar[int]
    prompts: int
    tokens: int
    spots: _containers.RepeatedCompositeFieldContainer[Positions]
    def __init__(self, prompts: _Optional[int] = ..., tokens: _Optional[int] = ..., spots: _Optional[_Iterable[_Union[Positions, _Mapping]]] = ...) -> None: ...

class Positions(_message.Message):
    __slots__ = ("positions",)
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    positions: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, positions: _Optional[_Iterable[int]] = ...) -> None: ...

class ModelRef(_message.Message):
    __slots__ = ("folder", "hub")
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    HUB_FIELD_NUMBER: _ClassVar[int]
    folder: str
    hub: HubModel
    def __init__(self, folder: _Optional[str] = ..., hub: _Optional[_Union[HubModel, _Mapping]] = ...) -> None: ...

class LoadedModel(_message.Message):
    __slots__ = ("model", "dtype")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    model: ModelRef
    dtype: Dtype
    def __init__(self, model: _Optional[_Union[ModelRef, _Mapping]] = ..., dtype: _Optional[_Union[Dtype, str]] = ...) -> None: ...

class LoadedModels(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[LoadedModel]
    def __init__(self, models: _Optional[_Iterable[_Union[LoadedModel, _Mapping]]] = ...) -> None: ...

class HubModel(_message.Message):
    __slots__ = ("repository", "revision")
    REPOSITORY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    repository: str
    revision: str
    def __init__(self, repository: _Optional[str] = ..., revision: _Optional[str] = ...) -> None: ...

class Architecture(_message.Message):
    __slots__ = ("layers", "d_model", "d_vocab", "n_ctx", "heads", "kv_heads", "d_head", "d_mlp", "position_offset", "embedding_scale", "wiring", "norm", "attention", "mlp", "readout")
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    D_MODEL_FIELD_NUMBER: _ClassVar[int]
    D_VOCAB_FIELD_NUMBER: _ClassVar[int]
    N_CTX_FIELD_NUMBER: _ClassVar[int]
    HEADS_FIELD_NUMBER: _ClassVar[int]
    KV_HEADS_FIELD_NUMBER: _ClassVar[int]
    D_HEAD_FIELD_NUMBER: _ClassVar[int]
    D_MLP_FIELD_NUMBER: _ClassVar[int]
    POSITION_OFFSET_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_SCALE_FIELD_NUMBER: _ClassVar[int]
    WIRING_FIELD_NUMBER: _ClassVar[int]
    NORM_FIELD_NUMBER: _ClassVar[int]
    ATTENTION_FIELD_NUMBER: _ClassVar[int]
    MLP_FIELD_NUMBER: _ClassVar[int]
    READOUT_FIELD_NUMBER: _ClassVar[int]
    layers: int
    d_model: int
    d_vocab: int
    n_ctx: int
    heads: int
    kv_heads: int
    d_head: int
    d_mlp: int
    position_offset: int
    embedding_scale: float
    wiring: Wiring
    norm: Norm
    attention: Attention
    mlp: Mlp
    readout: Readout
    def __init__(self, layers: _Optional[int] = ..., d_model: _Optional[int] = ..., d_vocab: _Optional[int] = ..., n_ctx: _Optional[int] = ..., heads: _Optional[int] = ..., kv_heads: _Optional[int] = ..., d_head: _Optional[int] = ..., d_mlp: _Optional[int] = ..., position_offset: _Optional[int] = ..., embedding_scale: _Optional[float] = ..., wiring: _Optional[_Union[Wiring, str]] = ..., norm: _Optional[_Union[Norm, _Mapping]] = ..., attention: _Optional[_Union[Attention, _Mapping]] = ..., mlp: _Optional[_Union[Mlp, _Mapping]] = ..., readout: _Optional[_Union[Readout, _Mapping]] = ...) -> None: ...

class Norm(_message.Message):
    __slots__ = ("kind", "eps", "weight", "bias", "offset", "place")
    KIND_FIELD_NUMBER: _ClassVar[int]
    EPS_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    BIAS_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    kind: NormKind
    eps: float
    weight: bool
    bias: bool
    offset: float
    place: NormPlace
    def __init__(self, kind: _Optional[_Union[NormKind, str]] = ..., eps: _Optional[float] = ..., weight: bool = ..., bias: bool = ..., offset: _Optional[float] = ..., place: _Optional[_Union[NormPlace, str]] = ...) -> None: ...

class Attention(_message.Message):
    __slots__ = ("qkv_bias", "output_bias", "qk_norm", "score_cap", "layers", "clip")
    QKV_BIAS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_BIAS_FIELD_NUMBER: _ClassVar[int]
    QK_NORM_FIELD_NUMBER: _ClassVar[int]
    SCORE_CAP_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    CLIP_FIELD_NUMBER: _ClassVar[int]
    qkv_bias: bool
    output_bias: bool
    qk_norm: QkNorm
    score_cap: float
    layers: _containers.RepeatedCompositeFieldContainer[LayerAttention]
    clip: float
    def __init__(self, qkv_bias: bool = ..., output_bias: bool = ..., qk_norm: _Optional[_Union[QkNorm, str]] = ..., score_cap: _Optional[float] = ..., layers: _Optional[_Iterable[_Union[LayerAttention, _Mapping]]] = ..., clip: _Optional[float] = ...) -> None: ...

class LayerAttention(_message.Message):
    __slots__ = ("scale", "window", "rotary")
    SCALE_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    ROTARY_FIELD_NUMBER: _ClassVar[int]
    scale: float
    window: int
    rotary: Rotary
    def __init__(self, scale: _Optional[float] = ..., window: _Optional[int] = ..., rotary: _Optional[_Union[Rotary, _Mapping]] = ...) -> None: ...

class Rotary(_message.Message):
    __slots__ = ("width", "pairing", "base", "linear", "llama3")
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    PAIRING_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    LINEAR_FIELD_NUMBER: _ClassVar[int]
    LLAMA3_FIELD_NUMBER: _ClassVar[int]
    width: int
    pairing: Pairing
    base: float
    linear: float
    llama3: Llama3Scaling
    def __init__(self, width: _Optional[int] = ..., pairing: _Optional[_Union[Pairing, str]] = ..., base: _Optional[float] = ..., linear: _Optional[float] = ..., llama3: _Optional[_Union[Llama3Scaling, _Mapping]] = ...) -> None: ...

class Llama3Scaling(_message.Message):
    __slots__ = ("factor", "low", "high", "original")
    FACTOR_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    ORIGINAL_FIELD_NUMBER: _ClassVar[int]
    factor: float
    low: float
    high: float
    original: int
    def __init__(self, factor: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., original: _Optional[int] = ...) -> None: ...

class Mlp(_message.Message):
    __slots__ = ("gated", "activation", "bias")
    GATED_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    BIAS_FIELD_NUMBER: _ClassVar[int]
    gated: bool
    activation: Activation
    bias: bool
    def __init__(self, gated: bool = ..., activation: _Optional[_Union[Activation, str]] = ..., bias: bool = ...) -> None: ...

class Readout(_message.Message):
    __slots__ = ("norm", "cap", "tied", "bias")
    NORM_FIELD_NUMBER: _ClassVar[int]
    CAP_FIELD_NUMBER: _ClassVar[int]
    TIED_FIELD_NUMBER: _ClassVar[int]
    BIAS_FIELD_NUMBER: _ClassVar[int]
    norm: bool
    cap: float
    tied: bool
    bias: bool
    def __init__(self, norm: bool = ..., cap: _Optional[float] = ..., tied: bool = ..., bias: bool = ...) -> None: ...

class TokenMatrix(_message.Message):
    __slots__ = ("prompts", "positions", "ids", "lengths")
    PROMPTS_FIELD_NUMBER: _ClassVar[int]
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    LENGTHS_FIELD_NUMBER: _ClassVar[int]
    prompts: int
    positions: int
    ids: _containers.RepeatedScalarFieldContainer[int]
    lengths: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, prompts: _Optional[int] = ..., positions: _Optional[int] = ..., ids: _Optional[_Iterable[int]] = ..., lengths: _Optional[_Iterable[int]] = ...) -> None: ...

class Iteration(_message.Message):
    __slots__ = ("corrupted", "reads", "answers", "wrong_answers", "noise")
    CORRUPTED_FIELD_NUMBER: _ClassVar[int]
    READS_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    WRONG_ANSWERS_FIELD_NUMBER: _ClassVar[int]
    NOISE_FIELD_NUMBER: _ClassVar[int]
    corrupted: TokenMatrix
    reads: _containers.RepeatedScalarFieldContainer[int]
    answers: _containers.RepeatedScalarFieldContainer[int]
    wrong_answers: _containers.RepeatedScalarFieldContainer[int]
    noise: Noise
    def __init__(self, corrupted: _Optional[_Union[TokenMatrix, _Mapping]] = ..., reads: _Optional[_Iterable[int]] = ..., answers: _Optional[_Iterable[int]] = ..., wrong_answers: _Optional[_Iterable[int]] = ..., noise: _Optional[_Union[Noise, _Mapping]] = ...) -> None: ...

class Noise(_message.Message):
    __slots__ = ("positions", "scale", "seed")
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    positions: _containers.RepeatedScalarFieldContainer[int]
    scale: float
    seed: int
    def __init__(self, positions: _Optional[_Iterable[int]] = ..., scale: _Optional[float] = ..., seed: _Optional[int] = ...) -> None: ...

class Metric(_message.Message):
    __slots__ = ("name", "logit_diff_max", "logit_diff_mean", "logit_diff", "logprob", "prob", "kl", "difference", "normalize")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LOGIT_DIFF_MAX_FIELD_NUMBER: _ClassVar[int]
    LOGIT_DIFF_MEAN_FIELD_NUMBER: _ClassVar[int]
    LOGIT_DIFF_FIELD_NUMBER: _ClassVar[int]
    LOGPROB_FIELD_NUMBER: _ClassVar[int]
    PROB_FIELD_NUMBER: _ClassVar[int]
    KL_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    NORMALIZE_FIELD_NUMBER: _ClassVar[int]
    name: str
    logit_diff_max: Candidates
    logit_diff_mean: Candidates
    logit_diff: LogitDiff
    logprob: Logprob
    prob: Prob
    kl: Kl
    difference: Difference
    normalize: bool
    def __init__(self, name: _Optional[str] = ..., logit_diff_max: _Optional[_Union[Candidates, _Mapping]] = ..., logit_diff_mean: _Optional[_Union[Candidates, _Mapping]] = ..., logit_diff: _Optional[_Union[LogitDiff, _Mapping]] = ..., logprob: _Optional[_Union[Logprob, _Mapping]] = ..., prob: _Optional[_Union[Prob, _Mapping]] = ..., kl: _Optional[_Union[Kl, _Mapping]] = ..., difference: _Optional[_Union[Difference, _Mapping]] = ..., normalize: bool = ...) -> None: ...

class Candidates(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, ids: _Optional[_Iterable[int]] = ...) -> None: ...

class Difference(_message.Message):
    __slots__ = ("of", "right", "wrong")
    OF_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    WRONG_FIELD_NUMBER: _ClassVar[int]
    of: TokenScore
    right: ReducedSets
    wrong: ReducedSets
    def __init__(self, of: _Optional[_Union[TokenScore, str]] = ..., right: _Optional[_Union[ReducedSets, _Mapping]] = ..., wrong: _Optional[_Union[ReducedSets, _Mapping]] = ...) -> None: ...

class ReducedSets(_message.Message):
    __slots__ = ("ids", "sizes", "reduce")
    IDS_FIELD_NUMBER: _ClassVar[int]
    SIZES_FIELD_NUMBER: _ClassVar[int]
    REDUCE_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[int]
    sizes: _containers.RepeatedScalarFieldContainer[int]
    reduce: Reduce
    def __init__(self, ids: _Optional[_Iterable[int]] = ..., sizes: _Optional[_Iterable[int]] = ..., reduce: _Optional[_Union[Reduce, str]] = ...) -> None: ...

class LogitDiff(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Logprob(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Prob(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Kl(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Grid(_message.Message):
    __slots__ = ("name", "component", "axes", "selections", "value", "others", "window", "also", "dictionary", "to", "estimate", "only_active")
    NAME_FIELD_NUMBER: _ClassVar[int]
    COMPONENT_FIELD_NUMBER: _ClassVar[int]
    AXES_FIELD_NUMBER: _ClassVar[int]
    SELECTIONS_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    OTHERS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    ALSO_FIELD_NUMBER: _ClassVar[int]
    DICTIONARY_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    ONLY_ACTIVE_FIELD_NUMBER: _ClassVar[int]
    name: str
    component: Component
    axes: _containers.RepeatedScalarFieldContainer[Axis]
    selections: _containers.RepeatedCompositeFieldContainer[Selection]
    value: PatchValue
    others: _containers.RepeatedScalarFieldContainer[Component]
    window: int
    also: _containers.RepeatedCompositeFieldContainer[Also]
    dictionary: Dictionary
    to: Receivers
    estimate: Estimate
    only_active: bool
    def __init__(self, name: _Optional[str] = ..., component: _Optional[_Union[Component, str]] = ..., axes: _Optional[_Iterable[_Union[Axis, str]]] = ..., selections: _Optional[_Iterable[_Union[Selection, _Mapping]]] = ..., value: _Optional[_Union[PatchValue, str]] = ..., others: _Optional[_Iterable[_Union[Component, str]]] = ..., window: _Optional[int] = ..., also: _Optional[_Iterable[_Union[Also, _Mapping]]] = ..., dictionary: _Optional[_Union[Dictionary, _Mapping]] = ..., to: _Optional[_Union[Receivers, _Mapping]] = ..., estimate: _Optional[_Union[Estimate, _Mapping]] = ..., only_active: bool = ...) -> None: ...

class Dictionary(_message.Message):
    __slots__ = ("name", "path", "component", "layer", "width", "features", "encoder", "k", "rescaled", "subtracts_decoder_bias", "digest", "of_centred_model")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    COMPONENT_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    ENCODER_FIELD_NUMBER: _ClassVar[int]
    K_FIELD_NUMBER: _ClassVar[int]
    RESCALED_FIELD_NUMBER: _ClassVar[int]
    SUBTRACTS_DECODER_BIAS_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    OF_CENTRED_MODEL_FIELD_NUMBER: _ClassVar[int]
    name: str
    path: str
    component: Component
    layer: int
    width: int
    features: int
    encoder: Encoder
    k: int
    rescaled: bool
    subtracts_decoder_bias: bool
    digest: bytes
    of_centred_model: bool
    def __init__(self, name: _Optional[str] = ..., path: _Optional[str] = ..., component: _Optional[_Union[Component, str]] = ..., layer: _Optional[int] = ..., width: _Optional[int] = ..., features: _Optional[int] = ..., encoder: _Optional[_Union[Encoder, str]] = ..., k: _Optional[int] = ..., rescaled: bool = ..., subtracts_decoder_bias: bool = ..., digest: _Optional[bytes] = ..., of_centred_model: bool = ...) -> None: ...

class Receivers(_message.Message):
    __slots__ = ("receiver", "layers", "positions", "mlps_frozen", "apart", "norms_frozen")
    RECEIVER_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    MLPS_FROZEN_FIELD_NUMBER: _ClassVar[int]
    APART_FIELD_NUMBER: _ClassVar[int]
    NORMS_FROZEN_FIELD_NUMBER: _ClassVar[int]
    receiver: Receiver
    layers: _containers.RepeatedCompositeFieldContainer[ReceivingLayer]
    positions: _containers.RepeatedScalarFieldContainer[int]
    mlps_frozen: bool
    apart: bool
    norms_frozen: bool
    def __init__(self, receiver: _Optional[_Union[Receiver, str]] = ..., layers: _Optional[_Iterable[_Union[ReceivingLayer, _Mapping]]] = ..., positions: _Optional[_Iterable[int]] = ..., mlps_frozen: bool = ..., apart: bool = ..., norms_frozen: bool = ...) -> None: ...

class ReceivingLayer(_message.Message):
    __slots__ = ("layer", "heads")
    LAYER_FIELD_NUMBER: _ClassVar[int]
    HEADS_FIELD_NUMBER: _ClassVar[int]
    layer: int
    heads: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, layer: _Optional[int] = ..., heads: _Optional[_Iterable[int]] = ...) -> None: ...

class Estimate(_message.Message):
    __slots__ = ("steps", "recompute_pattern", "verify")
    STEPS_FIELD_NUMBER: _ClassVar[int]
    RECOMPUTE_PATTERN_FIELD_NUMBER: _ClassVar[int]
    VERIFY_FIELD_NUMBER: _ClassVar[int]
    steps: int
    recompute_pattern: bool
    verify: Verify
    def __init__(self, steps: _Optional[int] = ..., recompute_pattern: bool = ..., verify: _Optional[_Union[Verify, _Mapping]] = ...) -> None: ...

class Verify(_message.Message):
    __slots__ = ("top", "sample", "seed")
    TOP_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    top: int
    sample: int
    seed: int
    def __init__(self, top: _Optional[int] = ..., sample: _Optional[int] = ..., seed: _Optional[int] = ...) -> None: ...

class Also(_message.Message):
    __slots__ = ("component", "layer", "heads", "positions", "value", "neurons")
    COMPONENT_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    HEADS_FIELD_NUMBER: _ClassVar[int]
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    NEURONS_FIELD_NUMBER: _ClassVar[int]
    component: Component
    layer: int
    heads: _containers.RepeatedScalarFieldContainer[int]
    positions: _containers.RepeatedScalarFieldContainer[int]
    value: PatchValue
    neurons: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, component: _Optional[_Union[Component, str]] = ..., layer: _Optional[int] = ..., heads: _Optional[_Iterable[int]] = ..., positions: _Optional[_Iterable[int]] = ..., value: _Optional[_Union[PatchValue, str]] = ..., neurons: _Optional[_Iterable[int]] = ...) -> None: ...

class Selection(_message.Message):
    __slots__ = ("axis", "indices")
    AXIS_FIELD_NUMBER: _ClassVar[int]
    INDICES_FIELD_NUMBER: _ClassVar[int]
    axis: Axis
    indices: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, axis: _Optional[_Union[Axis, str]] = ..., indices: _Optional[_Iterable[int]] = ...) -> None: ...

class IndexRange(_message.Message):
    __slots__ = ("start", "end")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    start: int
    end: int
    def __init__(self, start: _Optional[int] = ..., end: _Optional[int] = ...) -> None: ...

class Tile(_message.Message):
    __slots__ = ("id", "iteration", "prompts", "baseline", "patch", "estimate", "activity")
    ID_FIELD_NUMBER: _ClassVar[int]
    ITERATION_FIELD_NUMBER: _ClassVar[int]
    PROMPTS_FIELD_NUMBER: _ClassVar[int]
    BASELINE_FIELD_NUMBER: _ClassVar[int]
    PATCH_FIELD_NUMBER: _ClassVar[int]
    ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    ACTIVITY_FIELD_NUMBER: _ClassVar[int]
    id: int
    iteration: int
    prompts: IndexRange
    baseline: BaselineWork
    patch: PatchWork
    estimate: EstimateWork
    activity: ActivityWork
    def __init__(self, id: _Optional[int] = ..., iteration: _Optional[int] = ..., prompts: _Optional[_Union[IndexRange, _Mapping]] = ..., baseline: _Optional[_Union[BaselineWork, _Mapping]] = ..., patch: _Optional[_Union[PatchWork, _Mapping]] = ..., estimate: _Optional[_Union[EstimateWork, _Mapping]] = ..., activity: _Optional[_Union[ActivityWork, _Mapping]] = ...) -> None: ...

class BaselineWork(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PatchWork(_message.Message):
    __slots__ = ("grid", "cells", "plain")
    GRID_FIELD_NUMBER: _ClassVar[int]
    CELLS_FIELD_NUMBER: _ClassVar[int]
    PLAIN_FIELD_NUMBER: _ClassVar[int]
    grid: int
    cells: _containers.RepeatedCompositeFieldContainer[IndexRange]
    plain: bool
    def __init__(self, grid: _Optional[int] = ..., cells: _Optional[_Iterable[_Union[IndexRange, _Mapping]]] = ..., plain: bool = ...) -> None: ...

class EstimateWork(_message.Message):
    __slots__ = ("grid", "cells", "plain")
    GRID_FIELD_NUMBER: _ClassVar[int]
    CELLS_FIELD_NUMBER: _ClassVar[int]
    PLAIN_FIELD_NUMBER: _ClassVar[int]
    grid: int
    cells: _containers.RepeatedCompositeFieldContainer[IndexRange]
    plain: bool
    def __init__(self, grid: _Optional[int] = ..., cells: _Optional[_Iterable[_Union[IndexRange, _Mapping]]] = ..., plain: bool = ...) -> None: ...

class ActivityWork(_message.Message):
    __slots__ = ("grid", "cells")
    GRID_FIELD_NUMBER: _ClassVar[int]
    CELLS_FIELD_NUMBER: _ClassVar[int]
    grid: int
    cells: _containers.RepeatedCompositeFieldContainer[IndexRange]
    def __init__(self, grid: _Optional[int] = ..., cells: _Optional[_Iterable[_Union[IndexRange, _Mapping]]] = ...) -> None: ...
