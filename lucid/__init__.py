"""Lucid: PyTorch's ease on any CPU, in a wheel of a few megabytes."""

from __future__ import annotations

from math import e, inf, nan, pi
from typing import TYPE_CHECKING

from lucid import _isa

_isa.load()  # before anything imports lucid._ops

from lucid import _einops_backend, _ops, _surface, autograd, backends, nn, optim, random  # noqa: E402
from lucid._config import show_config  # noqa: E402
from lucid._device import device  # noqa: E402
from lucid._dtype import (  # noqa: E402
    bfloat16,
    bool_,
    complex64,
    complex128,
    dtype,
    finfo,
    float16,
    float32,
    float64,
    get_default_dtype,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    promote_types,
    result_type,
    set_default_dtype,
    uint8,
)
from lucid._functions._arguments import check_tensors as _check_tensors  # noqa: E402
from lucid._functions._precision import guard as _guard  # noqa: E402
from lucid._functions._precision import guarded as _guarded  # noqa: E402
from lucid._functions.activation import relu, sigmoid, tanh  # noqa: E402
from lucid._functions.aliases import *  # noqa: E402, F403
from lucid._functions.binary import *  # noqa: E402, F403
from lucid._functions.broadcast import *  # noqa: E402, F403
from lucid._functions.choice import *  # noqa: E402, F403
from lucid._functions.compare import *  # noqa: E402, F403
from lucid._functions.creation import as_tensor, empty, eye, from_numpy, full, ones, tensor, zeros  # noqa: E402
from lucid._functions.division import *  # noqa: E402, F403
from lucid._functions.draws import (  # noqa: E402
    are_deterministic_algorithms_enabled,
    binomial,
    detach,
    poisson,
    randint_like,
    use_deterministic_algorithms,
)
from lucid._functions.exponential import *  # noqa: E402, F403
from lucid._functions.extremum import *  # noqa: E402, F403
from lucid._functions.gather import gather, index_select, scatter, scatter_add  # noqa: E402
from lucid._functions.index import masked_fill, masked_select, nonzero  # noqa: E402
from lucid._functions.join import *  # noqa: E402, F403
from lucid._functions.like import empty_like, full_like, ones_like, zeros_like  # noqa: E402
from lucid._functions.matmul import addmm, baddbmm, bmm, dot, matmul, mm, mv, outer  # noqa: E402
from lucid._functions.order import argsort, sort, topk  # noqa: E402
from lucid._functions.pointwise import *  # noqa: E402, F403
from lucid._functions.ranges import arange, linspace, logspace  # noqa: E402
from lucid._functions.reduce import *  # noqa: E402, F403
from lucid._functions.repeat import *  # noqa: E402, F403
from lucid._functions.sampling import (  # noqa: E402
    bernoulli,
    multinomial,
    normal,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    randperm,
)
from lucid._functions.shape import *  # noqa: E402, F403
from lucid._functions.softmax import log_softmax, softmax  # noqa: E402
from lucid._functions.ternary import *  # noqa: E402, F403
from lucid._functions.triangle import *  # noqa: E402, F403
from lucid._functions.trigonometric import *  # noqa: E402, F403
from lucid._later import later as _later  # noqa: E402
from lucid._layout import Size  # noqa: E402
from lucid._memory import memory_stats, release_memory, set_flush_denormal  # noqa: E402
from lucid._printing import set_printoptions  # noqa: E402
from lucid._random import (  # noqa: E402
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from lucid._tensor import Tensor  # noqa: E402
from lucid._threads import get_num_threads, num_threads, set_num_threads  # noqa: E402
from lucid._version import __version__  # noqa: E402
from lucid.autograd import (  # noqa: E402
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)

float, double, half, int, long, short, bool = float32, float64, float16, int32, int64, int16, bool_
cfloat, cdouble = complex64, complex128
newaxis = None
grad_enabled = is_grad_enabled


def is_tensor(obj: object) -> bool:  # type: ignore[valid-type]
    """Whether ``obj`` is a Tensor.

    Args:
        obj: any object.

    Example:
        >>> import lucid
        >>> lucid.is_tensor(lucid.ones(1)), lucid.is_tensor([1.0])
        (True, False)
    """
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> bool:  # type: ignore[valid-type]
    """Whether the dtype of ``input`` is float16, bfloat16, float32 or float64.

    Args:
        input: any shape and dtype.

    Example:
        >>> import lucid
        >>> lucid.is_floating_point(lucid.ones(1)), lucid.is_floating_point(lucid.tensor([1]))
        (True, False)
    """
    _check_tensors("is_floating_point", input)
    return input.is_floating_point()


def numel(input: Tensor) -> int:  # type: ignore[valid-type]
    """The number of elements of ``input``.

    Args:
        input: any shape and dtype.

    Example:
        >>> import lucid
        >>> lucid.numel(lucid.zeros(2, 3))
        6
    """
    _check_tensors("numel", input)
    return input.numel()


if TYPE_CHECKING:
    from lucid import amp as amp
    from lucid import compiler as compiler
    from lucid import data as data
    from lucid import datasets as datasets
    from lucid import distributions as distributions
    from lucid import einops as einops
    from lucid import fft as fft
    from lucid import func as func
    from lucid import fx as fx
    from lucid import linalg as linalg
    from lucid import models as models
    from lucid import onnx as onnx
    from lucid import profiler as profiler
    from lucid import quantization as quantization
    from lucid import signal as signal
    from lucid import special as special
    from lucid import testing as testing
    from lucid import transforms as transforms
    from lucid import utils as utils
    from lucid import visual as visual
    from lucid._functions.arrange import *  # noqa: F403
    from lucid._functions.cholesky import cholesky_inverse as cholesky_inverse
    from lucid._functions.cholesky import cholesky_solve as cholesky_solve
    from lucid._functions.complex import *  # noqa: F403
    from lucid._functions.diagonal import *  # noqa: F403
    from lucid._functions.distance import *  # noqa: F403
    from lucid._functions.einsum import *  # noqa: F403
    from lucid._functions.elementwise import *  # noqa: F403
    from lucid._functions.histogram import *  # noqa: F403
    from lucid._functions.integers import *  # noqa: F403
    from lucid._functions.linalg import matrix_exp as matrix_exp
    from lucid._functions.linalg import matrix_power as matrix_power
    from lucid._functions.pairwise import *  # noqa: F403
    from lucid._functions.quantile import *  # noqa: F403
    from lucid._functions.scan import *  # noqa: F403
    from lucid._functions.scatter import *  # noqa: F403
    from lucid._functions.scatter_reduce import *  # noqa: F403
    from lucid._functions.search import *  # noqa: F403
    from lucid._functions.sections import *  # noqa: F403
    from lucid._functions.solve import det as det
    from lucid._functions.solve import inv as inverse
    from lucid._functions.solve import logdet as logdet
    from lucid._functions.solve import slogdet as slogdet
    from lucid._functions.special import digamma as digamma
    from lucid._functions.special import erfinv as erfinv
    from lucid._functions.special import i0 as i0
    from lucid._functions.special import lgamma as lgamma
    from lucid._functions.special import logit as logit
    from lucid._functions.special import mvlgamma as mvlgamma
    from lucid._functions.special import polygamma as polygamma
    from lucid._functions.statistics import *  # noqa: F403
    from lucid._functions.stft import *  # noqa: F403
    from lucid._functions.strided import *  # noqa: F403
    from lucid._surface.algebra import *  # noqa: F403
    from lucid._surface.creation import *  # noqa: F403
    from lucid._surface.householder import *  # noqa: F403
    from lucid._surface.layers import *  # noqa: F403
    from lucid._surface.native import *  # noqa: F403
    from lucid._surface.numbers import *  # noqa: F403
    from lucid._surface.pairs import lobpcg as lobpcg
    from lucid._surface.questions import *  # noqa: F403
    from lucid._surface.recurrent import *  # noqa: F403
    from lucid._surface.state import *  # noqa: F403
    from lucid._surface.windows import *  # noqa: F403
    from lucid.compiler import compile as compile
    from lucid.compiler import compile_step as compile_step
    from lucid.compiler import load_compiled as load_compiled
    from lucid.serialization import load as load
    from lucid.serialization import save as save
    from lucid.utils.flops import count_flops as count_flops
    from lucid.utils.summary import summary as summary

__getattr__, __dir__ = _later("lucid", {
    "lucid.amp": "",
    "lucid.array_api": "",
    "lucid.amp.autocast_mode": (
        "autocast autocast_decrement_nesting autocast_increment_nesting clear_autocast_cache get_autocast_cpu_dtype "
        "get_autocast_dtype is_autocast_cache_enabled is_autocast_cpu_enabled is_autocast_enabled "
        "set_autocast_cache_enabled set_autocast_cpu_dtype set_autocast_cpu_enabled set_autocast_dtype "
        "set_autocast_enabled"
    ),
    "lucid.compiler": ". compile compile_step load_compiled",
    "lucid.data": "",
    "lucid.datasets": "",
    "lucid.distributions": "",
    "lucid.einops": "",
    "lucid.fft": "",
    "lucid.func": ". vmap",
    "lucid.fx": "",
    "lucid.linalg": "",
    "lucid.models": "",
    "lucid.onnx": "",
    "lucid.profiler": "",
    "lucid.signal": "",
    "lucid.quantization": "",
    "lucid.special": "",
    "lucid.testing": "",
    "lucid.transforms": "",
    "lucid.utils": "",
    "lucid.visual": "",
    "lucid.utils.flops": "count_flops",
    "lucid.utils.summary": "summary",
    "lucid.serialization": ". load save",
    "lucid._dlpack": "from_dlpack",
    "lucid._functions.arrange": (
        "adjoint atleast_1d atleast_2d atleast_3d block_diag cartesian_prod column_stack combinations "
        "dstack fliplr flipud meshgrid repeat_interleave rot90 vander"
    ),
    "lucid._functions.sections": "dsplit hsplit tensor_split vsplit",
    "lucid._functions.diagonal": "diag diag_embed diagflat diagonal diagonal_scatter trace tril_indices triu_indices",
    "lucid._functions.distance": "cdist cross dist norm",
    "lucid._functions.einsum": "addbmm addmv addr einsum inner kron tensordot vdot",
    "lucid._functions.elementwise": (
        "deg2rad fix frac isneginf isposinf isreal nan_to_num positive rad2deg sgn signbit sinc"
    ),
    "lucid._functions.histogram": "bincount histc histogram histogram2d histogramdd",
    "lucid._functions.search": "bucketize isin searchsorted unique unique_consecutive",
    "lucid._functions.integers": "bitwise_left_shift bitwise_right_shift gcd lcm",
    "lucid._functions.pairwise": (
        "copysign float_power fmax fmin fmod heaviside hypot ldexp logaddexp logaddexp2 nextafter xlogy"
    ),
    "lucid._functions.scan": "cummax cummin cumprod cumsum cumulative_trapezoid diff logcumsumexp trapezoid trapz",
    "lucid._functions.scatter": (
        "argwhere index_add index_copy index_fill index_put masked_scatter put select_scatter slice_scatter take "
        "take_along_dim"
    ),
    "lucid._functions.scatter_reduce": "index_reduce scatter_reduce",
    "lucid._functions.quantile": "nanquantile quantile",
    "lucid._functions.statistics": "aminmax corrcoef cov kthvalue median mode nanmean nanmedian nansum",
    "lucid._functions.complex": (
        "angle complex conj conj_physical imag polar real resolve_conj resolve_neg view_as_complex view_as_real"
    ),
    "lucid.torch._bare": (
        "BFloat16Tensor BoolTensor ByteTensor CharTensor DoubleTensor FloatTensor HalfTensor IntTensor LongTensor "
        "ShortTensor UntypedStorage channels_last channels_last_3d contiguous_format cpu cuda distributed hub jit "
        "layout library memory_format mps multiprocessing ops overrides preserve_format strided types version xpu"
    ),
    "lucid._functions.stft": "istft stft",
    "lucid._functions.strided": "as_strided",
    "lucid._functions.linalg": "matrix_exp matrix_power",
    "lucid._functions.cholesky": "cholesky_inverse cholesky_solve",
    "lucid._functions.solve": "det inv=inverse logdet slogdet",
    "lucid._functions.special": "digamma erfinv i0 lgamma logit mvlgamma polygamma",
    **_surface.LATER,
}, _guarded)  # fmt: skip
_guard(globals())
_einops_backend.watch()
