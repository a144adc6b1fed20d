"""Special functions, under the names SciPy and PyTorch give them."""

from lucid._functions._precision import guard as _guard
from lucid._functions.activation import sigmoid as expit
from lucid._functions.bessel import (
    airy_ai,
    bessel_j0,
    bessel_j1,
    bessel_y0,
    bessel_y1,
    erfcx,
    log_ndtr,
    modified_bessel_i0,
    modified_bessel_i1,
    modified_bessel_k0,
    modified_bessel_k1,
    scaled_modified_bessel_k0,
    scaled_modified_bessel_k1,
    spherical_bessel_j0,
)
from lucid._functions.elementwise import sinc
from lucid._functions.exponential import erf, erfc, exp2, expm1, log1p
from lucid._functions.incomplete import (
    chebyshev_polynomial_t,
    chebyshev_polynomial_u,
    chebyshev_polynomial_v,
    chebyshev_polynomial_w,
    hermite_polynomial_h,
    hermite_polynomial_he,
    laguerre_polynomial_l,
    legendre_polynomial_p,
    shifted_chebyshev_polynomial_t,
    shifted_chebyshev_polynomial_u,
    shifted_chebyshev_polynomial_v,
    shifted_chebyshev_polynomial_w,
)
from lucid._functions.incomplete import igamma as gammainc
from lucid._functions.incomplete import igammac as gammaincc
from lucid._functions.pairwise import xlogy
from lucid._functions.pointwise import round
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
    "airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "chebyshev_polynomial_t", "chebyshev_polynomial_u",
    "chebyshev_polynomial_v", "chebyshev_polynomial_w", "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2",
    "expit", "expm1", "gammainc", "gammaincc", "gammaln", "hermite_polynomial_h", "hermite_polynomial_he", "i0", "i0e",
    "i1", "i1e", "laguerre_polynomial_l", "legendre_polynomial_p", "log1p", "log_ndtr", "log_softmax", "logit",
    "logsumexp", "modified_bessel_i0", "modified_bessel_i1", "modified_bessel_k0", "modified_bessel_k1",
    "multigammaln", "ndtr", "ndtri", "polygamma", "psi", "round", "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1", "shifted_chebyshev_polynomial_t", "shifted_chebyshev_polynomial_u",
    "shifted_chebyshev_polynomial_v", "shifted_chebyshev_polynomial_w", "sinc", "softmax", "spherical_bessel_j0",
    "xlog1py", "xlogy", "zeta",
]  # fmt: skip

_guard(globals())
