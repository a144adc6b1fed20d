"""Linear algebra: norms, decompositions and solvers, by LAPACK through NumPy."""

from lucid._functions.distance import vector_norm as vector_norm
