# C types and array helpers shared by every family.

cimport cython
cimport numpy as cnp
from cython cimport floating
from libc cimport math as cmath
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

cnp.import_array()

import numpy as np

cdef extern from *:
    """
    #include <string.h>
    #include <stdint.h>
    #ifdef _OPENMP
    #define LUCID_OPENMP _OPENMP
    #else
    #define LUCID_OPENMP 0
    #endif
    #ifdef LUCID_OWN_TEAM
    #define LUCID_OWN_THREADS 1
    #else
    #define LUCID_OWN_THREADS 0
    #endif
    #if defined(__clang__)
    #define LUCID_COMPILER "clang " __clang_version__
    #elif defined(__GNUC__)
    #define LUCID_COMPILER "gcc " __VERSION__
    #else
    #define LUCID_COMPILER "unknown"
    #endif
    static inline int32_t lucid_i32(float x) { int32_t i; memcpy(&i, &x, 4); return i; }
    static inline float lucid_f32(int32_t i) { float x; memcpy(&x, &i, 4); return x; }
    static inline int64_t lucid_i64(double x) { int64_t i; memcpy(&i, &x, 8); return i; }
    static inline double lucid_f64(int64_t i) { double x; memcpy(&x, &i, 8); return x; }

    /* total + x where CPUs multiply and add: AMD's adders convert floats to double, too, and sums wait for them. The
       compiler must not know that ``one`` is 1. */
    #if defined(__FMA__) && defined(__x86_64__) && defined(__GNUC__)
    static inline double lucid_one(void) { double one = 1; __asm__("" : "+x"(one)); return one; }
    #define lucid_plus(total, x, one) __builtin_fma(x, one, total)
    #else
    #define lucid_one() 1.0
    #define lucid_plus(total, x, one) ((total) + (x))
    #endif
    """
    int OPENMP "LUCID_OPENMP"
    bint OWN_THREADS "LUCID_OWN_THREADS"
    const char* COMPILER "LUCID_COMPILER"
    const char* LEVEL "LUCID_LEVEL"
    int32_t bits32 "lucid_i32" (float x) noexcept nogil
    float float_of "lucid_f32" (int32_t i) noexcept nogil
    int64_t bits64 "lucid_i64" (double x) noexcept nogil
    double double_of "lucid_f64" (int64_t i) noexcept nogil
    double the_one "lucid_one" () noexcept nogil
    double plus "lucid_plus" (double total, double x, double one) noexcept nogil


def build_info() -> dict:
    """What this module was built with: CPU level, compiler, OpenMP version (0 without), and whether threads are its own."""
    return {"level": LEVEL.decode(), "compiler": COMPILER.decode(), "openmp": OPENMP, "own_threads": OWN_THREADS}


ctypedef fused moved:           # what elements of a size are copied as
    uint8_t
    uint16_t
    uint32_t
    uint64_t


cdef inline cnp.ndarray contiguous(cnp.ndarray x):
    """``x`` itself when it is aligned, native and C-contiguous, else such a copy (0-d stays 0-d)."""
    if cnp.PyArray_ISCARRAY_RO(x):
        return x
    if cnp.PyArray_ISBEHAVED_RO(x):
        return copied(x)
    return cnp.PyArray_FROM_OF(x, cnp.NPY_ARRAY_CARRAY_RO | cnp.NPY_ARRAY_NOTSWAPPED)


cdef inline cnp.ndarray empty_like(cnp.ndarray x):
    return empty(cnp.PyArray_NDIM(x), cnp.PyArray_DIMS(x), cnp.PyArray_TYPE(x))


cdef inline int float_type(cnp.ndarray x) except -1:
    """NPY_FLOAT or NPY_DOUBLE; TypeError for every other dtype, and for None."""
    cdef int t
    if x is None:
        raise TypeError("expected an array, got None")
    t = cnp.PyArray_TYPE(x)
    if t != cnp.NPY_FLOAT and t != cnp.NPY_DOUBLE:
        raise TypeError(f"expected float32 or float64, got {x.dtype}")
    return t


cdef inline bint is_int64(cnp.ndarray x) noexcept:
    """Whatever C calls it: NumPy has two types of 64 bits."""
    cdef int t = cnp.PyArray_TYPE(x)
    return t == cnp.NPY_INT64 or (t == cnp.NPY_LONGLONG and sizeof(long long) == sizeof(int64_t))


cdef cnp.ndarray check_out(cnp.ndarray out, cnp.ndarray like, int typenum):
    """``out`` if a result of the shape of ``like`` can be written straight into it."""
    if cnp.PyArray_TYPE(out) != typenum or not cnp.PyArray_SAMESHAPE(out, like):
        raise ValueError(f"out is {out.dtype} {np.shape(out)}, expected shape {np.shape(like)}")
    if not cnp.PyArray_ISCARRAY(out):
        raise ValueError("out must be contiguous and writable")
    return out
