# What other compiled modules may use of `_arguments`.

cimport numpy as cnp

cdef object number_like(value, cnp.ndarray like)
