"""Linear algebra: norms, decompositions and solvers, by LAPACK through NumPy. Batches are leading dimensions."""

from lucid._functions._precision import guard as _guard
from lucid._functions.cholesky import cholesky, cholesky_ex
from lucid._functions.distance import vector_norm
from lucid._functions.eigen import eig, eigvals
from lucid._functions.factor import householder_product, ldl_factor, ldl_factor_ex, ldl_solve, lu_factor_ex
from lucid._functions.least_squares import cond, lstsq, matrix_rank, pinv
from lucid._functions.linalg import (
    cross,
    diagonal,
    matrix_exp,
    matrix_norm,
    matrix_power,
    multi_dot,
    norm,
    tensorinv,
    tensorsolve,
    vander,
    vecdot,
)
from lucid._functions.lu import lu, lu_factor, lu_solve
from lucid._functions.matmul import matmul
from lucid._functions.solve import LinAlgError, det, inv, inv_ex, slogdet, solve, solve_ex, solve_triangular
from lucid._functions.spectral import eigh, eigvalsh, qr, svd, svdvals

__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals",
    "eigvalsh", "householder_product", "inv", "inv_ex", "ldl_factor", "ldl_factor_ex", "ldl_solve", "lstsq", "lu",
    "lu_factor", "lu_factor_ex", "lu_solve", "matmul", "matrix_exp", "matrix_norm",
    "matrix_power", "matrix_rank", "multi_dot", "norm", "pinv", "qr", "slogdet", "solve", "solve_ex",
    "solve_triangular", "svd", "svdvals", "tensorinv", "tensorsolve", "vander", "vecdot", "vector_norm",
]  # fmt: skip

_guard(globals())
