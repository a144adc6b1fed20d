"""Lucid: PyTorch's ease on any CPU, in a wheel of a few megabytes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from lucid import _isa

_isa.load()  # before anything imports lucid._ops

from lucid import _ops, autograd, backends, nn, optim, random  # noqa: E402
from lucid._config import show_config  # noqa: E402
from lucid._device import device  # noqa: E402
from lucid._dtype import (  # noqa: E402
    bool_,
    dtype,
    finfo,
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
from lucid._functions.activation import relu, sigmoid, tanh  # noqa: E402
from lucid._functions.aliases import *  # noqa: E402, F403
from lucid._functions.arrange import *  # noqa: E402, F403
from lucid._functions.binary import *  # noqa: E402, F403
from lucid._functions.compare import *  # noqa: E402, F403
from lucid._functions.creation import (  # noqa: E402
    arange,
    as_tensor,
    bernoulli,
    empty,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    logspace,
    multinomial,
    normal,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    randperm,
    tensor,
    zeros,
    zeros_like,
)
from lucid._functions.diagonal import *  # noqa: E402, F403
from lucid._functions.distance import *  # noqa: E402, F403
from lucid._functions.draws import (  # noqa: E402
    are_deterministic_algorithms_enabled,
    detach,
    from_dlpack,
    randint_like,
    use_deterministic_algorithms,
)
from lucid._functions.einsum import *  # noqa: E402, F403
from lucid._functions.elementwise import *  # noqa: E402, F403
from lucid._functions.histogram import *  # noqa: E402, F403
from lucid._functions.index import (  # noqa: E402
    argsort,
    gather,
    index_select,
    masked_fill,
    masked_select,
    nonzero,
    scatter,
    scatter_add,
    sort,
    topk,
)
from lucid._functions.join import *  # noqa: E402, F403
from lucid._functions.linalg import matrix_exp, matrix_power  # noqa: E402
from lucid._functions.matmul import addmm, baddbmm, bmm, dot, matmul, mm, mv, outer  # noqa: E402
from lucid._functions.pointwise import *  # noqa: E402, F403
from lucid._functions.reduce import *  # noqa: E402, F403
from lucid._functions.scan import *  # noqa: E402, F403
from lucid._functions.scatter import *  # noqa: E402, F403
from lucid._functions.shape import *  # noqa: E402, F403
from lucid._functions.softmax import log_softmax, softmax  # noqa: E402
from lucid._functions.solve import (  # noqa: E402
    cholesky_inverse,
    cholesky_solve,
    det,
    logdet,
    slogdet,
)
from lucid._functions.solve import inv as inverse  # noqa: E402
from lucid._functions.special import digamma, erfinv, i0, lgamma, logit, mvlgamma, polygamma  # noqa: E402
from lucid._functions.spectral import pinv as pinverse  # noqa: E402
from lucid._functions.statistics import *  # noqa: E402, F403
from lucid._functions.strided import *  # noqa: E402, F403
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
from lucid._tensor import Size, Tensor  # noqa: E402
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
from lucid.serialization import load, save  # noqa: E402

float, double, int, long, short, bool = float32, float64, int32, int64, int16, bool_
newaxis = None
grad_enabled = is_grad_enabled


def is_tensor(x: object) -> bool:  # type: ignore[valid-type]
    """Whether ``x`` is a Tensor."""
    return isinstance(x, Tensor)


def is_floating_point(x: Tensor) -> bool:  # type: ignore[valid-type]
    """Whether the dtype of ``x`` is float32 or float64."""
    return x.is_floating_point()


def numel(x: Tensor) -> int:  # type: ignore[valid-type]
    """The number of elements of ``x``."""
    return x.numel()


_LATER = ("data", "func", "linalg", "special", "utils")  # imported when first used: importing lucid stays quick

if TYPE_CHECKING:
    from lucid import data as data
    from lucid import func as func
    from lucid import linalg as linalg
    from lucid import special as special
    from lucid import utils as utils


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return importlib.import_module(f"lucid.{name}")
    raise AttributeError(f"module 'lucid' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
