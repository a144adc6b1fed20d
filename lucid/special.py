"""Special functions, under the names SciPy and PyTorch give them."""

from lucid._functions.activation import sigmoid as expit
from lucid._functions.elementwise import sinc, xlogy
from lucid._functions.pointwise import erf, erfc, exp2, expm1, log1p, round
from lucid._functions.reduce import logsumexp
from lucid._functions.softmax import log_softmax, softmax
from lucid._functions.special import (
    digamma,
    entr,
    erfinv,
    i0,
    i0e,
    i1,
    i1e,
    logit,
    ndtr,
    ndtri,
    polygamma,
    xlog1py,
    zeta,
)
from lucid._functions.special import digamma as psi
from lucid._functions.special import lgamma as gammaln
from lucid._functions.special import mvlgamma as multigammaln

__all__ = [
    "digamma", "entr", "erf", "erfc", "erfinv", "exp2", "expit", "expm1", "gammaln", "i0", "i0e", "i1", "i1e",
    "log1p", "log_softmax", "logit", "logsumexp", "multigammaln", "ndtr", "ndtri", "polygamma", "psi", "round",
    "sinc", "softmax", "xlog1py", "xlogy", "zeta",
]  # fmt: skip
