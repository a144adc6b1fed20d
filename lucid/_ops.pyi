"""Types of the compiled layer; what each function does is documented beside its kernel."""

from collections.abc import Sequence
from typing import Any

from numpy import ndarray

class Buffer:
    """Owner of a block of the memory pool, as the ``base`` of the array over it."""

# half

def widen_bfloat16(x: ndarray) -> ndarray: ...
def round_bfloat16(x: ndarray) -> ndarray: ...
def widen_float16(x: ndarray) -> ndarray: ...
def round_float16(x: ndarray) -> ndarray: ...

# prelude

def build_info() -> dict[str, Any]: ...

# memory

def memory_stats() -> dict[str, int]: ...
def release_memory() -> int: ...
def topk(x: ndarray, k: int, largest: bool) -> tuple[ndarray, ndarray]: ...
def sort(x: ndarray, descending: bool, with_values: bool = ...) -> tuple[Any, ndarray]: ...
def select(x: ndarray, k: int, median: bool = ..., skip: bool = ...) -> tuple[ndarray, ndarray]: ...
def most_frequent(values: ndarray, places: ndarray) -> tuple[ndarray, ndarray]: ...
def nonzero(mask: ndarray, columns: bool = ...) -> ndarray: ...
def take_where(x: ndarray, mask: ndarray) -> ndarray: ...
def search(rows: ndarray, values: ndarray, right: bool, wide: bool = ...) -> ndarray: ...
def extent(x: ndarray) -> tuple[int, int]: ...
def bincount(x: ndarray, least: int) -> ndarray | None: ...
def one_hot(x: ndarray, classes: int) -> ndarray: ...
def permutation(n: int, seed: int, offset: int) -> ndarray: ...
def broadcast_view(x: ndarray, shape: tuple[int, ...]) -> ndarray: ...
def join(arrays: list[ndarray], shape: tuple[int, ...], axis: int) -> ndarray | None: ...
def copy_into(y: ndarray, x: ndarray) -> bool: ...
def copied(x: ndarray) -> ndarray: ...
def convert(x: ndarray, dtype: Any) -> ndarray | None: ...
def allocate(shape: tuple[int, ...], dtype: Any) -> ndarray: ...

# threads

def set_num_threads(n: int) -> None: ...
def get_num_threads() -> int: ...
def set_grain_scale(scale: float) -> None: ...
def set_flush_denormal(mode: bool) -> bool: ...
def float_control() -> list[int]: ...

# expand

def expand(x: ndarray, shape: tuple[int, ...]) -> ndarray: ...

# pointwise

def neg(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def abs(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def sign(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def reciprocal(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def sqrt(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def rsqrt(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def square(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def exp(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def expm1(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def log(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def log1p(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def erf(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def floor(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def ceil(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def round(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def trunc(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def exp2(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def log2(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def log10(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def sin(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def cos(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def tan(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def asin(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def acos(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def atan(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def sinh(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def cosh(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def asinh(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def acosh(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def atanh(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def erfc(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def logit(x: ndarray, low: float, high: float, out: ndarray | None = None) -> ndarray: ...
def lgamma(x: ndarray, out: ndarray | None = None) -> ndarray: ...

# binary

def add(x: ndarray, y: ndarray, out: ndarray | None = None) -> ndarray: ...
def sub(x: ndarray, y: ndarray, out: ndarray | None = None) -> ndarray: ...
def mul(x: ndarray, y: ndarray, out: ndarray | None = None) -> ndarray: ...
def div(x: ndarray, y: ndarray, out: ndarray | None = None) -> ndarray: ...
def add_scaled(x: ndarray, y: ndarray, alpha: float, out: ndarray | None = None) -> ndarray: ...
def maximum(x: ndarray, y: ndarray, out: ndarray | None = None) -> ndarray: ...
def minimum(x: ndarray, y: ndarray, out: ndarray | None = None) -> ndarray: ...
def fmax(x: ndarray, y: ndarray, out: ndarray | None = None) -> ndarray: ...
def fmin(x: ndarray, y: ndarray, out: ndarray | None = None) -> ndarray: ...
def clamp(x: ndarray, lo: float, hi: float, out: ndarray | None = None) -> ndarray: ...
def pow(x: ndarray, y: ndarray, out: ndarray | None = None) -> ndarray: ...
def fmod(x: ndarray, y: ndarray, out: ndarray | None = None) -> ndarray: ...
def remainder(x: ndarray, y: ndarray, out: ndarray | None = None) -> ndarray: ...
def atan2(x: ndarray, y: ndarray, out: ndarray | None = None) -> ndarray: ...
def hypot(x: ndarray, y: ndarray, out: ndarray | None = None) -> ndarray: ...
def floor_divide(x: ndarray, y: ndarray, out: ndarray | None = None) -> ndarray: ...
def logaddexp(x: ndarray, y: ndarray, out: ndarray | None = None) -> ndarray: ...
def lerp(x: ndarray, end: ndarray, weight: ndarray, out: ndarray | None = None) -> ndarray: ...
def addcmul(x: ndarray, a: ndarray, b: ndarray, value: float, out: ndarray | None = None) -> ndarray: ...
def addcdiv(x: ndarray, a: ndarray, b: ndarray, value: float, out: ndarray | None = None) -> ndarray: ...
def copysign(x: ndarray, y: ndarray, out: ndarray | None = None) -> ndarray: ...
def eq(x: ndarray, y: ndarray) -> ndarray: ...
def ne(x: ndarray, y: ndarray) -> ndarray: ...
def lt(x: ndarray, y: ndarray) -> ndarray: ...
def le(x: ndarray, y: ndarray) -> ndarray: ...
def gt(x: ndarray, y: ndarray) -> ndarray: ...
def ge(x: ndarray, y: ndarray) -> ndarray: ...
def where(condition: ndarray, x: ndarray, y: ndarray, out: ndarray | None = None) -> ndarray: ...

# activation

def silu(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def silu_backward(x: ndarray, dy: ndarray, out: ndarray | None = None) -> ndarray: ...
def mish(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def mish_backward(x: ndarray, dy: ndarray, out: ndarray | None = None) -> ndarray: ...
def gelu(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def gelu_backward(x: ndarray, dy: ndarray, out: ndarray | None = None) -> ndarray: ...
def gelu_tanh(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def gelu_tanh_backward(x: ndarray, dy: ndarray, out: ndarray | None = None) -> ndarray: ...
def sigmoid(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def sigmoid_backward(y: ndarray, dy: ndarray, out: ndarray | None = None) -> ndarray: ...
def tanh(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def tanh_backward(y: ndarray, dy: ndarray, out: ndarray | None = None) -> ndarray: ...
def softplus(x: ndarray, beta: float = ..., threshold: float = ..., out: ndarray | None = None) -> ndarray: ...
def softplus_backward(
    x: ndarray, dy: ndarray, beta: float = ..., threshold: float = ..., out: ndarray | None = None
) -> ndarray: ...
def logsigmoid(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def logsigmoid_backward(x: ndarray, dy: ndarray, out: ndarray | None = None) -> ndarray: ...
def elu(x: ndarray, low: float = ..., high: float = ..., rate: float = ..., out: ndarray | None = None) -> ndarray: ...
def elu_backward(
    x: ndarray, dy: ndarray, low: float = ..., high: float = ..., rate: float = ..., out: ndarray | None = None
) -> ndarray: ...
def selu(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def selu_backward(x: ndarray, dy: ndarray, out: ndarray | None = None) -> ndarray: ...

# piecewise

def hardswish(x: ndarray, slope: float = ..., offset: float = ..., out: ndarray | None = None) -> ndarray: ...
def hardswish_backward(
    x: ndarray, dy: ndarray, slope: float = ..., offset: float = ..., out: ndarray | None = None
) -> ndarray: ...
def hardsigmoid(x: ndarray, slope: float = ..., offset: float = ..., out: ndarray | None = None) -> ndarray: ...
def hardsigmoid_backward(
    x: ndarray, dy: ndarray, slope: float = ..., offset: float = ..., out: ndarray | None = None
) -> ndarray: ...
def relu(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def relu_backward(y: ndarray, dy: ndarray, out: ndarray | None = None) -> ndarray: ...
def threshold(x: ndarray, bound: float, value: float, out: ndarray | None = None) -> ndarray: ...
def threshold_backward(x: ndarray, dy: ndarray, bound: float, value: float, out: ndarray | None = None) -> ndarray: ...
def hardshrink(x: ndarray, lambd: float = ..., out: ndarray | None = None) -> ndarray: ...
def softshrink(x: ndarray, lambd: float = ..., out: ndarray | None = None) -> ndarray: ...
def shrink_backward(x: ndarray, dy: ndarray, lambd: float = ..., out: ndarray | None = None) -> ndarray: ...
def leaky_relu(x: ndarray, slope: float = ..., out: ndarray | None = None) -> ndarray: ...
def leaky_relu_backward(x: ndarray, dy: ndarray, slope: float = ..., out: ndarray | None = None) -> ndarray: ...
def prelu(x: ndarray, weight: ndarray, out: ndarray | None = None) -> ndarray: ...
def hardtanh(x: ndarray, lo: float = ..., hi: float = ..., out: ndarray | None = None) -> ndarray: ...
def hardtanh_backward(
    x: ndarray, dy: ndarray, lo: float = ..., hi: float = ..., out: ndarray | None = None
) -> ndarray: ...
def softsign(x: ndarray, out: ndarray | None = None) -> ndarray: ...
def softsign_backward(x: ndarray, dy: ndarray, out: ndarray | None = None) -> ndarray: ...

# reduce

def sum(x: ndarray, axes: Any = None, keepdim: Any = ...) -> ndarray: ...
def mean(x: ndarray, axes: Any = None, keepdim: Any = ...) -> ndarray: ...
def prod(x: ndarray, axes: Any = None, keepdim: Any = ...) -> ndarray: ...
def norm2(x: ndarray, axes: Any = None, keepdim: Any = ...) -> ndarray: ...
def sum_to(x: ndarray, shape: Any) -> ndarray: ...
def var(x: ndarray, axes: Any = None, correction: float = ..., keepdim: bool = ...) -> ndarray: ...

# extremes

def amax(x: ndarray, axes: Any = None, keepdim: Any = ...) -> ndarray: ...
def amin(x: ndarray, axes: Any = None, keepdim: Any = ...) -> ndarray: ...
def logsumexp(x: ndarray, axes: Any = None, keepdim: bool = ...) -> ndarray: ...
def max_with_indices(x: ndarray, axis: Any) -> tuple[ndarray, ndarray]: ...
def min_with_indices(x: ndarray, axis: Any) -> tuple[ndarray, ndarray]: ...
def argmax(x: ndarray, axis: Any = None) -> ndarray: ...
def argmin(x: ndarray, axis: Any = None) -> ndarray: ...
def cumsum(x: ndarray, axis: Any) -> ndarray: ...
def cumprod(x: ndarray, axis: Any) -> ndarray: ...
def cumprod_backward(x: ndarray, dy: ndarray, axis: Any) -> ndarray: ...

# softmax

def softmax(x: ndarray, axis: Any) -> ndarray: ...
def softmax_backward(y: ndarray, dy: ndarray, axis: Any) -> ndarray: ...
def log_softmax(x: ndarray, axis: Any) -> ndarray: ...
def log_softmax_backward(y: ndarray, dy: ndarray, axis: Any) -> ndarray: ...

# cross_entropy

def outside(target: ndarray, classes: int, ignore_index: int) -> int: ...
def cross_entropy(
    x: ndarray, target: ndarray, weight: ndarray | None, ignore_index: int, label_smoothing: float
) -> tuple[ndarray, float, float, tuple[ndarray, ndarray]]: ...
def cross_entropy_backward(
    x: ndarray,
    kept: tuple[ndarray, ndarray],
    target: ndarray,
    weight: ndarray | None,
    ignore_index: int,
    label_smoothing: float,
    g: ndarray,
    divisor: float = 1,
) -> ndarray: ...
def nll(logp: ndarray, target: ndarray, weight: ndarray | None, ignore_index: int) -> tuple[ndarray, float, float]: ...
def nll_backward(
    logp: ndarray, target: ndarray, weight: ndarray | None, ignore_index: int, g: ndarray, divisor: float = 1
) -> ndarray: ...

# loss

def loss(x: ndarray, y: ndarray, kind: str, a: float = 1, b: float = 1) -> ndarray: ...
def loss_sum(x: ndarray, y: ndarray, kind: str, a: float = 1, b: float = 1) -> float: ...
def loss_backward(
    x: ndarray, y: ndarray, g: ndarray, kind: str, a: float = 1, b: float = 1, divisor: float = 1
) -> ndarray: ...

# matmul

def matmul(x: ndarray, y: ndarray) -> ndarray: ...
def linear(x: ndarray, weight: ndarray, bias: ndarray | None = None) -> ndarray: ...

# conv

def set_winograd(on: bool) -> None: ...
def get_winograd() -> bool: ...
def conv2d(
    x: ndarray, w: ndarray, bias: ndarray | None, stride: Any, padding: Any, dilation: Any, groups: int
) -> ndarray: ...
def conv2d_input_grad(
    dy: ndarray,
    w: ndarray,
    x_shape: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    bias: ndarray | None = None,
) -> ndarray: ...
def conv2d_weight_grad(
    x: ndarray, dy: ndarray, w_shape: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> ndarray: ...
def conv3d(
    x: ndarray, w: ndarray, bias: ndarray | None, stride: Any, padding: Any, dilation: Any, groups: int
) -> ndarray: ...
def conv3d_input_grad(
    dy: ndarray,
    w: ndarray,
    x_shape: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    bias: ndarray | None = None,
) -> ndarray: ...
def conv3d_weight_grad(
    x: ndarray, dy: ndarray, w_shape: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> ndarray: ...

# pool

def max_pool2d(
    x: ndarray, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[ndarray, ndarray]: ...
def max_pool2d_values(
    x: ndarray, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> ndarray: ...
def max_windows(x: ndarray, rows: ndarray, columns: ndarray, places: bool) -> Any: ...
def max_pool2d_backward(dy: ndarray, indices: ndarray, x_shape: Any) -> ndarray: ...
def avg_pool2d(
    x: ndarray, kernel: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool, divisor_override: Any
) -> ndarray: ...
def avg_pool2d_backward(
    dy: ndarray,
    x_shape: Any,
    kernel: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: Any,
) -> ndarray: ...
def adaptive_avg_pool2d(x: ndarray, size: Any) -> ndarray: ...
def adaptive_avg_pool2d_backward(dy: ndarray, x_shape: Any) -> ndarray: ...

# resample

def resample(x: ndarray, dim: int, starts: ndarray, columns: ndarray, weights: ndarray) -> ndarray: ...
def pick(x: ndarray, dim: int, columns: ndarray) -> ndarray: ...

# sampling

def grid_sample(x: ndarray, grid: ndarray, nearest: bool, padding: str, corners: bool) -> ndarray: ...
def grid_sample_backward(
    dy: ndarray, x: ndarray, grid: ndarray, nearest: bool, padding: str, corners: bool, of_points: bool
) -> ndarray: ...

# norm

def batch_norm(
    x: ndarray,
    weight: ndarray | None,
    bias: ndarray | None,
    eps: float,
    running_mean: ndarray | None = None,
    running_var: ndarray | None = None,
    momentum: float = 0,
) -> tuple[ndarray, ndarray, ndarray]: ...
def batch_norm_backward(
    dy: ndarray, x: ndarray, mean: ndarray, var: ndarray, weight: ndarray | None, eps: float
) -> tuple[ndarray, ndarray | None, ndarray | None]: ...
def can_norm_relu(shape: tuple[int, ...], pool: bool) -> bool: ...
def batch_norm_relu(
    x: ndarray,
    weight: ndarray | None,
    bias: ndarray | None,
    eps: float,
    running_mean: ndarray | None,
    running_var: ndarray | None,
    momentum: float,
    pool: bool,
) -> tuple[ndarray, ndarray, ndarray, ndarray | None]: ...
def batch_norm_relu_backward(
    dy: ndarray,
    y: ndarray,
    x: ndarray,
    at: ndarray | None,
    mean: ndarray,
    var: ndarray,
    weight: ndarray | None,
    eps: float,
) -> tuple[ndarray, ndarray, ndarray]: ...
def batch_norm_apply(
    x: ndarray, mean: ndarray, var: ndarray, weight: ndarray | None, bias: ndarray | None, eps: float
) -> ndarray: ...
def batch_norm_apply_backward(
    dy: ndarray, x: ndarray, mean: ndarray, var: ndarray, weight: ndarray | None, eps: float
) -> tuple[ndarray, ndarray | None, ndarray | None]: ...
def layer_norm(
    x: ndarray, weight: ndarray | None, bias: ndarray | None, eps: float
) -> tuple[ndarray, ndarray, ndarray]: ...
def layer_norm_backward(
    dy: ndarray, x: ndarray, mean: ndarray, rstd: ndarray, weight: ndarray | None
) -> tuple[ndarray, ndarray | None, ndarray | None]: ...
def group_norm(
    x: ndarray, groups: int, weight: ndarray | None, bias: ndarray | None, eps: float
) -> tuple[ndarray, ndarray, ndarray]: ...
def group_norm_backward(
    dy: ndarray, x: ndarray, groups: int, mean: ndarray, rstd: ndarray, weight: ndarray | None
) -> tuple[ndarray, ndarray, ndarray]: ...
def rms_norm(x: ndarray, weight: ndarray | None, eps: float) -> tuple[ndarray, ndarray]: ...
def rms_norm_backward(
    dy: ndarray, x: ndarray, rstd: ndarray, weight: ndarray | None
) -> tuple[ndarray, ndarray | None]: ...

# embedding

def embedding(weight: ndarray, index: ndarray) -> ndarray: ...
def embedding_backward(dy: ndarray, index: ndarray, rows: int, padding_idx: int) -> ndarray: ...
def bag_sums(x: ndarray, index: ndarray | None, counts: ndarray) -> ndarray: ...
def scatter_add(y: ndarray, index: ndarray, shape: tuple[int, int, int], x: ndarray | None = None) -> ndarray: ...

# places

def gather(x: ndarray, index: ndarray, axis: int) -> ndarray: ...
def index_select(x: ndarray, index: ndarray, axis: int) -> ndarray: ...
def in_range(index: ndarray, extent: int, wrap: bool) -> bool: ...
def flat_places(indices: list[ndarray], shape: tuple[int, ...]) -> ndarray: ...
def scatter_into(y: ndarray, index: ndarray, x: ndarray, axis: int, way: str) -> None: ...
def index_into(y: ndarray, index: ndarray, x: ndarray, axis: int, way: str) -> None: ...
def scatter_sums(
    x: ndarray, index: ndarray, shape: tuple[int, ...], axis: int, more: ndarray | None = None
) -> ndarray: ...
def zeros(shape: tuple[int, ...], dtype: Any) -> ndarray: ...
def triangle(x: ndarray, diagonal: int, upper: bool) -> ndarray: ...
def diff(x: ndarray, axis: int) -> ndarray: ...
def diff_backward(dy: ndarray, axis: int) -> ndarray: ...

# random

def uniform(shape: Any, seed: Any, offset: Any, dtype: Any) -> ndarray: ...
def normal(shape: Any, seed: Any, offset: Any, dtype: Any) -> ndarray: ...
def dropout(x: ndarray, p: float, seed: Any, offset: Any) -> ndarray: ...
def dropout_backward(dy: ndarray, p: float, seed: Any, offset: Any) -> ndarray: ...

# attention

def attention(
    q: ndarray,
    k: ndarray,
    v: ndarray,
    mask: ndarray | None = None,
    scale: float = 1,
    causal: bool = False,
    dropout: float = 0,
    seed: int = 0,
    offset: int = 0,
) -> tuple[ndarray, ndarray]: ...
def attention_backward(
    dout: ndarray,
    q: ndarray,
    k: ndarray,
    v: ndarray,
    mask: ndarray | None,
    out: ndarray,
    logsumexp: ndarray,
    scale: float = 1,
    causal: bool = False,
    dropout: float = 0,
    seed: int = 0,
    offset: int = 0,
    dq: ndarray | None = None,
    dk: ndarray | None = None,
    dv: ndarray | None = None,
) -> tuple[ndarray, ndarray, ndarray]: ...
def attention_buffer(x: ndarray) -> ndarray: ...

# rnn

def rnn(
    mode: str,
    gates: ndarray,
    w_hh: ndarray,
    bias: ndarray | None,
    share_bias: ndarray | None,
    h0: ndarray,
    c0: ndarray | None,
    w_hr: ndarray | None,
    sizes: Any,
    reverse: bool,
    y: ndarray | None,
) -> tuple[ndarray, ndarray | None, ndarray | None, ndarray, ndarray | None]: ...
def rnn_backward(
    mode: str,
    dy: ndarray | None,
    dh: ndarray,
    dc: ndarray | None,
    gates: ndarray,
    cells: ndarray | None,
    raw: ndarray | None,
    y: ndarray,
    w_hh: ndarray,
    h0: ndarray,
    c0: ndarray | None,
    w_hr: ndarray | None,
    sizes: Any,
    reverse: bool,
) -> tuple[ndarray | None, ndarray | None, ndarray, ndarray, ndarray | None]: ...

# optim

def sgd_step(
    params: Any,
    grads: Any,
    momenta: Any,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
    first: Any,
) -> None: ...
def adam_step(
    params: Any,
    grads: Any,
    exp_avgs: Any,
    exp_avg_sqs: Any,
    max_exp_avg_sqs: Any,
    steps: Any,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> None: ...
def rmsprop_step(
    params: Any,
    grads: Any,
    square_avgs: Any,
    grad_avgs: Any,
    momenta: Any,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    centered: bool,
    maximize: bool,
) -> None: ...
def adamax_step(
    params: Any,
    grads: Any,
    exp_avgs: Any,
    exp_infs: Any,
    steps: Any,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None: ...
def nadam_step(
    params: Any,
    grads: Any,
    exp_avgs: Any,
    exp_avg_sqs: Any,
    steps: Any,
    nows: Any,
    nexts: Any,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> None: ...
def radam_step(
    params: Any,
    grads: Any,
    exp_avgs: Any,
    exp_avg_sqs: Any,
    steps: Any,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> None: ...
def adagrad_step(
    params: Any,
    grads: Any,
    sums: Any,
    steps: Any,
    lr: float,
    lr_decay: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None: ...
def adadelta_step(
    params: Any,
    grads: Any,
    square_avgs: Any,
    acc_deltas: Any,
    lr: float,
    rho: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None: ...
def rprop_step(
    params: Any,
    grads: Any,
    prevs: Any,
    step_sizes: Any,
    down: float,
    up: float,
    smallest: float,
    largest: float,
    maximize: bool,
) -> None: ...
def asgd_step(
    params: Any,
    grads: Any,
    axs: Any,
    etas: Any,
    mus: Any,
    lambd: float,
    weight_decay: float,
    maximize: bool,
) -> None: ...
def scale_(arrays: Any, factor: float) -> None: ...
def grad_norm(grads: Any) -> float: ...

# machine

def peak_fma(seconds: float) -> float: ...
def copy_bandwidth(seconds: float, size: int = 40_000_000) -> float: ...

# packed, plan: inference with packed weights and blocked images

class Packed:
    """Packed weights: ``data`` holds the numbers, ``meta`` all else."""

    data: ndarray
    kind: str
    shape: tuple[int, ...]
    groups: int
    def __init__(self, data: ndarray, kind: str, shape: Sequence[int], groups: int = 1) -> None: ...
    @property
    def meta(self) -> dict[str, Any]: ...
    @staticmethod
    def load(data: ndarray, meta: dict[str, Any]) -> Packed: ...

class PackedLow:
    """Packed weights in bfloat16 (their bits, as uint16) or int8."""

    data: ndarray
    kind: str
    shape: tuple[int, ...]
    groups: int
    def __init__(self, data: ndarray, shape: Sequence[int], groups: int = 1, kind: str = "low") -> None: ...
    @property
    def meta(self) -> dict[str, Any]: ...
    @staticmethod
    def load(data: ndarray, meta: dict[str, Any]) -> PackedLow: ...

def pack_low(weight: ndarray, groups: int = 1) -> PackedLow: ...
def pack_low_depthwise(weight: ndarray) -> PackedLow: ...
def low_instruction(dtype: str) -> str: ...
def pack_conv2d(weight: ndarray, groups: int = 1) -> Packed: ...
def pack_linear(weight: ndarray) -> Packed: ...
def pack_recurrence(weight: ndarray, directions: int = 1) -> Packed: ...

class Schedule:
    """Steps over numbered buffers, and running them."""

    def __init__(self, arena_bytes: int = 0) -> None: ...
    @property
    def arena_bytes(self) -> int: ...
    def input(self, i: int, nbytes: int) -> int: ...
    def output(self, i: int, nbytes: int) -> int: ...
    def arena(self, offset: int, nbytes: int) -> int: ...
    def workspace(self, nbytes: int, zeros: bool = False) -> int: ...
    def begin_group(self, tasks: int, nbytes: int = 0) -> None: ...
    def part(self, buffer: int) -> int: ...
    def private(self, offset: int, nbytes: int) -> int: ...
    def end_group(self) -> None: ...
    def constant(self, array: ndarray) -> int: ...
    def run(self, inputs: tuple[ndarray, ...], outputs: tuple[ndarray, ...]) -> None: ...
    def profile(self, inputs: tuple[ndarray, ...], outputs: tuple[ndarray, ...]) -> list[float]: ...
    def times(self) -> list[float]: ...
    def steps_added(self) -> list[str]: ...

def run_plan(plan: Schedule, inputs: tuple[ndarray, ...], outputs: tuple[ndarray, ...]) -> None: ...
def profile_plan(plan: Schedule, inputs: tuple[ndarray, ...], outputs: tuple[ndarray, ...]) -> None: ...

class MoveSteps(Schedule):
    """Steps that take numbers from elsewhere."""

    def resample(
        self,
        x: int,
        columns: int,
        y: int,
        weights: int = -1,
        *,
        outer: int,
        inputs: int,
        outputs: int,
        inner: int,
        taps: int,
    ) -> int: ...
    def embedding(
        self, table: int, index: int, y: int, *, rows: int, width: int, count: int, negative: bool = False
    ) -> int: ...

class RecurrentSteps(MoveSteps):
    """Whole sequences."""

    def recurrent(
        self,
        gates: int,
        y: int,
        packed: Packed,
        h0: int,
        h: int,
        cells: int = -1,
        c0: int = -1,
        share_bias: int = -1,
        *,
        mode: str,
        steps: int,
        batch: int,
        hidden: int,
        directions: int = 1,
    ) -> int: ...

class RowSteps(RecurrentSteps):
    """Steps over plain tensors."""

    def add(
        self,
        x: int,
        residual: int,
        y: int,
        *,
        size: int,
        row: int = 0,
        activation: str = "none",
        parameters: tuple[float, ...] = (),
    ) -> int: ...
    def combine(
        self,
        x: int,
        other: int,
        y: int,
        *,
        function: str,
        size: int,
        row: int = 0,
        swapped: bool = False,
        activation: str = "none",
        parameters: tuple[float, ...] = (),
    ) -> int: ...
    def mul(
        self,
        x: int,
        factor: int,
        y: int,
        *,
        size: int,
        row: int = 0,
        activation: str = "none",
        parameters: tuple[float, ...] = (),
    ) -> int: ...
    def affine(
        self,
        x: int,
        y: int,
        *,
        size: int,
        scale: float,
        shift: float,
        activation: str = "none",
        parameters: tuple[float, ...] = (),
    ) -> int: ...
    def activation(self, x: int, y: int, *, size: int, activation: str, parameters: tuple[float, ...] = ()) -> int: ...
    def mean(self, x: int, y: int, *, outer: int, count: int, inner: int) -> int: ...
    def matmul(
        self,
        a: tuple[int, int, int, int, int, int],
        b: tuple[int, int, int, int, int, int],
        y: tuple[int, int, int, int, int],
        *,
        batch: int,
        heads: int,
        m: int,
        n: int,
        k: int,
    ) -> int: ...
    def softmax(self, x: int, y: int, *, rows: int, n: int, inner: int = 1) -> int: ...
    def layer_norm(
        self,
        x: int,
        y: int,
        weight: int = -1,
        bias: int = -1,
        *,
        rows: int,
        n: int,
        eps: float = 1e-5,
        rms: bool = False,
    ) -> int: ...
    def attention(
        self,
        q: tuple[int, int, int, int, int],
        k: tuple[int, int, int, int, int],
        v: tuple[int, int, int, int, int],
        y: tuple[int, int, int, int, int],
        mask: int = -1,
        *,
        batch: int,
        heads: int,
        queries: int,
        keys: int,
        size: int,
        v_size: int = 0,
        kv_heads: int = 0,
        scale: float = 1,
        causal: bool = False,
        mask_strides: tuple[int, int, int, int] = (0, 0, 0, 0),
        bool_mask: bool = False,
    ) -> int: ...
    def copy(
        self,
        x: int,
        y: int,
        *,
        shape: tuple[int, ...],
        x_strides: tuple[int, ...],
        y_strides: tuple[int, ...],
        x_offset: int = 0,
        y_offset: int = 0,
    ) -> int: ...

class LowLayouts(RowSteps):
    """Steps from one form to another: float32, bfloat16, bytes."""

    def convert(
        self,
        x: int,
        y: int,
        scale: int = -1,
        *,
        n: int,
        c: int,
        size: int,
        form: tuple[str, float, int] | None = None,
        y_form: tuple[str, float, int] | None = None,
    ) -> int: ...
    def narrow_rows(self, x: int, y: int, *, rows: int, columns: int, y_form: tuple[str, float, int]) -> int: ...
    def low_global_pool(
        self,
        x: int,
        y: int,
        *,
        n: int,
        c: int,
        size: int,
        form: tuple[str, float, int] | None = None,
        y_form: tuple[str, float, int] | None = None,
    ) -> int: ...

class LowSteps(LowLayouts):
    """Steps on blocked images whose elements are bfloat16 or bytes."""

    def low_conv2d(
        self,
        x: int,
        y: int,
        packed: PackedLow,
        bias: int = -1,
        residual: int = -1,
        scale: int = -1,
        *,
        n: int,
        c: int,
        h: int,
        w: int,
        form: tuple[str, float, int],
        y_form: tuple[str, float, int] | None = None,
        residual_form: tuple[str, float, int] | None = None,
        stride: tuple[int, int] = (1, 1),
        padding: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0)),
        dilation: tuple[int, int] = (1, 1),
        activation: str = "none",
        parameters: tuple[float, ...] = (),
        activation_first: bool = False,
    ) -> int: ...
    def low_stem(
        self,
        x: int,
        y: int,
        packed: PackedLow,
        bias: int = -1,
        scale: int = -1,
        *,
        n: int,
        c: int,
        h: int,
        w: int,
        form: tuple[str, float, int],
        y_form: tuple[str, float, int] | None = None,
        stride: tuple[int, int] = (1, 1),
        padding: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0)),
        dilation: tuple[int, int] = (1, 1),
        activation: str = "none",
        parameters: tuple[float, ...] = (),
    ) -> int: ...
    def low_depthwise(
        self,
        x: int,
        y: int,
        packed: Packed | PackedLow,
        bias: int = -1,
        residual: int = -1,
        scale: int = -1,
        *,
        n: int,
        c: int,
        h: int,
        w: int,
        form: tuple[str, float, int] | None = None,
        y_form: tuple[str, float, int] | None = None,
        residual_form: tuple[str, float, int] | None = None,
        stride: tuple[int, int] = (1, 1),
        padding: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0)),
        dilation: tuple[int, int] = (1, 1),
        activation: str = "none",
        parameters: tuple[float, ...] = (),
        activation_first: bool = False,
    ) -> int: ...
    def low_linear(
        self,
        x: int,
        y: int,
        packed: PackedLow,
        bias: int = -1,
        residual: int = -1,
        scale: int = -1,
        *,
        rows: int,
        form: tuple[str, float, int],
        y_form: tuple[str, float, int] | None = None,
        activation: str = "none",
        parameters: tuple[float, ...] = (),
        activation_first: bool = False,
    ) -> int: ...

class Plan(LowSteps):
    """The steps of a network; images are blocked: (N, C / 16, H, W, 16) float32."""

    def conv2d(
        self,
        x: int,
        y: int,
        packed: Packed,
        bias: int = -1,
        residual: int = -1,
        scale: int = -1,
        *,
        n: int,
        c: int,
        h: int,
        w: int,
        stride: tuple[int, int] = (1, 1),
        padding: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0)),
        dilation: tuple[int, int] = (1, 1),
        activation: str = "none",
        parameters: tuple[float, ...] = (),
        activation_first: bool = False,
    ) -> int: ...
    def linear(
        self,
        x: int,
        y: int,
        packed: Packed,
        bias: int = -1,
        residual: int = -1,
        *,
        rows: int,
        activation: str = "none",
        parameters: tuple[float, ...] = (),
        activation_first: bool = False,
    ) -> int: ...
    def max_pool2d(
        self,
        x: int,
        y: int,
        *,
        n: int,
        c: int,
        h: int,
        w: int,
        kernel: tuple[int, int],
        stride: tuple[int, int],
        padding: tuple[int, int] = (0, 0),
        dilation: tuple[int, int] = (1, 1),
        ceil_mode: bool = False,
    ) -> int: ...
    def avg_pool2d(
        self,
        x: int,
        y: int,
        *,
        n: int,
        c: int,
        h: int,
        w: int,
        kernel: tuple[int, int],
        stride: tuple[int, int],
        padding: tuple[int, int] = (0, 0),
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> int: ...
    def global_avg_pool(self, x: int, y: int, *, n: int, c: int, size: int) -> int: ...
    def scale_channels(self, x: int, y: int, scale: int, *, n: int, c: int, size: int) -> int: ...
    def to_blocked(self, x: int, y: int, *, n: int, c: int, size: int) -> int: ...
    def to_plain(self, x: int, y: int, *, n: int, c: int, size: int) -> int: ...
