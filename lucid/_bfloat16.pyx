"""bfloat16 as a NumPy data type: two bytes, the upper half of a float32.

NumPy has none, and lets extensions register one. The tag that tells such storage from uint16 is therefore where every
other dtype's is, in the array, and what only moves elements (views, copies, indexing, joining) needs no code of its
own. There is no arithmetic on it: `lucid._functions._precision` computes in float32, and so do NumPy's functions, to
which it is a type that float32 holds.
"""

cimport numpy as cnp
from libc.stdint cimport uint16_t

cnp.import_array()
cnp.import_umath()

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #include <math.h>
    #include "numpy/arrayobject.h"
    #include "numpy/ufuncobject.h"

    static inline float lucid_bf16_wide(uint16_t h) {
        uint32_t u = (uint32_t)h << 16;
        float x;
        memcpy(&x, &u, 4);
        return x;
    }

    static inline uint16_t lucid_bf16_cut(uint32_t u) {
        if ((u & 0x7fffffffu) > 0x7f800000u) return (uint16_t)((u >> 16) | 0x40u);  /* a quiet NaN */
        return (uint16_t)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
    }

    /* Rounded once: a double that becomes a tie only by rounding to float is moved off it, to the side it was on. */
    static inline uint16_t lucid_bf16_of(double d) {
        float x = (float)d;
        uint32_t u;
        memcpy(&u, &x, 4);
        if ((u & 0xffffu) == 0x8000u && (double)x != d && d == d) u += fabs(d) > fabs((double)x) ? 1 : -1;
        return lucid_bf16_cut(u);
    }

    static int lucid_bf16_num = -1;

    static inline uint16_t lucid_bf16_load(const void *p, void *array) {
        uint16_t h;
        memcpy(&h, p, 2);
        if (array != NULL && PyArray_ISBYTESWAPPED((PyArrayObject *)array)) h = (uint16_t)((h << 8) | (h >> 8));
        return h;
    }

    static PyObject *lucid_bf16_getitem(void *p, void *array) {
        return PyFloat_FromDouble(lucid_bf16_wide(lucid_bf16_load(p, array)));
    }

    static int lucid_bf16_setitem(PyObject *value, void *p, void *array) {
        double d;
        uint16_t h;
        if (PyArray_CheckAnyScalar(value) || PyArray_Check(value)) {
            PyObject *number = PyNumber_Float(value);
            if (number == NULL) return -1;
            d = PyFloat_AsDouble(number);
            Py_DECREF(number);
        } else {
            d = PyFloat_AsDouble(value);
        }
        if (d == -1.0 && PyErr_Occurred()) return -1;
        h = lucid_bf16_of(d);
        if (array != NULL && PyArray_ISBYTESWAPPED((PyArrayObject *)array)) h = (uint16_t)((h << 8) | (h >> 8));
        memcpy(p, &h, 2);
        return 0;
    }

    static void lucid_bf16_copyswapn(void *to, npy_intp to_step, void *from, npy_intp from_step, npy_intp n, int swap,
                                     void *array) {
        char *y = (char *)to, *x = (char *)from;
        npy_intp i;
        uint16_t h;
        (void)array;
        if (x != NULL && to_step == 2 && from_step == 2 && !swap) {
            memmove(y, x, 2 * (size_t)n);
            return;
        }
        for (i = 0; i < n; i++, y += to_step) {
            memcpy(&h, x != NULL ? x : y, 2);
            if (swap) h = (uint16_t)((h << 8) | (h >> 8));
            memcpy(y, &h, 2);
            if (x != NULL) x += from_step;
        }
    }

    static void lucid_bf16_copyswap(void *to, void *from, int swap, void *array) {
        lucid_bf16_copyswapn(to, 2, from, 2, 1, swap, array);
    }

    static npy_bool lucid_bf16_nonzero(void *p, void *array) {
        return lucid_bf16_wide(lucid_bf16_load(p, array)) != 0.0f;
    }

    static int lucid_bf16_compare(const void *a, const void *b, void *array) {  /* NaN comes last */
        float x = lucid_bf16_wide(lucid_bf16_load(a, array)), y = lucid_bf16_wide(lucid_bf16_load(b, array));
        if (x != x || y != y) return (x != x) - (y != y);
        return (x > y) - (x < y);
    }

    #define LUCID_CASTS(name, type)                                                                                    \
        static void lucid_bf16_to_##name(void *from, void *to, npy_intp n, void *fa, void *ta) {                       \
            npy_intp i;                                                                                                \
            (void)fa; (void)ta;                                                                                        \
            for (i = 0; i < n; i++) ((type *)to)[i] = (type)lucid_bf16_wide(((const uint16_t *)from)[i]);              \
        }                                                                                                              \
        static void lucid_bf16_from_##name(void *from, void *to, npy_intp n, void *fa, void *ta) {                     \
            npy_intp i;                                                                                                \
            (void)fa; (void)ta;                                                                                        \
            for (i = 0; i < n; i++) ((uint16_t *)to)[i] = lucid_bf16_of((double)((const type *)from)[i]);              \
        }
    LUCID_CASTS(i8, npy_byte)
    LUCID_CASTS(u8, npy_ubyte)
    LUCID_CASTS(i16, npy_short)
    LUCID_CASTS(u16, npy_ushort)
    LUCID_CASTS(i32, npy_int)
    LUCID_CASTS(u32, npy_uint)
    LUCID_CASTS(il, npy_long)
    LUCID_CASTS(ul, npy_ulong)
    LUCID_CASTS(i64, npy_longlong)
    LUCID_CASTS(u64, npy_ulonglong)
    LUCID_CASTS(f32, float)
    LUCID_CASTS(f64, double)

    static void lucid_bf16_to_bool(void *from, void *to, npy_intp n, void *fa, void *ta) {
        npy_intp i;
        (void)fa; (void)ta;
        for (i = 0; i < n; i++) ((npy_bool *)to)[i] = lucid_bf16_wide(((const uint16_t *)from)[i]) != 0.0f;
    }
    static void lucid_bf16_from_bool(void *from, void *to, npy_intp n, void *fa, void *ta) {
        npy_intp i;
        (void)fa; (void)ta;
        for (i = 0; i < n; i++) ((uint16_t *)to)[i] = ((const npy_bool *)from)[i] ? 0x3f80u : 0u;
    }

    /* Comparisons, since NumPy takes arrays it cannot compare for unequal. */
    #define LUCID_COMPARISON(name, op)                                                                                 \
        static void lucid_bf16_##name(char **args, npy_intp const *n, npy_intp const *steps, void *data) {             \
            npy_intp i;                                                                                                \
            (void)data;                                                                                                \
            for (i = 0; i < n[0]; i++)                                                                                 \
                *(npy_bool *)(args[2] + i * steps[2]) =                                                                \
                    lucid_bf16_wide(lucid_bf16_load(args[0] + i * steps[0], NULL)) op                                  \
                    lucid_bf16_wide(lucid_bf16_load(args[1] + i * steps[1], NULL));                                    \
        }
    LUCID_COMPARISON(equal, ==)
    LUCID_COMPARISON(not_equal, !=)
    LUCID_COMPARISON(less, <)
    LUCID_COMPARISON(less_equal, <=)
    LUCID_COMPARISON(greater, >)
    LUCID_COMPARISON(greater_equal, >=)

    static int lucid_bf16_loop(PyObject *numpy, const char *name, PyUFuncGenericFunction loop) {
        int types[3], status;
        PyObject *ufunc = PyObject_GetAttrString(numpy, name);
        if (ufunc == NULL) return -1;
        types[0] = types[1] = lucid_bf16_num;
        types[2] = NPY_BOOL;
        status = PyUFunc_RegisterLoopForType((PyUFuncObject *)ufunc, lucid_bf16_num, loop, types, NULL);
        Py_DECREF(ufunc);
        return status;
    }

    typedef struct {
        PyObject_HEAD
        uint16_t value;
    } lucid_bf16_scalar;

    static PyTypeObject lucid_bf16_type = {
        PyVarObject_HEAD_INIT(NULL, 0)
        .tp_name = "lucid._bfloat16.bfloat16",
        .tp_basicsize = sizeof(lucid_bf16_scalar),
        .tp_flags = Py_TPFLAGS_DEFAULT,
        .tp_doc = "The type of NumPy's bfloat16 elements; they are read as Python floats.",
    };
    static PyArray_ArrFuncs lucid_bf16_funcs;
    static PyArray_DescrProto lucid_bf16_proto;

    static int lucid_bf16_cast(int other, PyArray_VectorUnaryFunc *to, PyArray_VectorUnaryFunc *from) {
        PyArray_Descr *own = PyArray_DescrFromType(lucid_bf16_num), *theirs = PyArray_DescrFromType(other);
        int status = own == NULL || theirs == NULL || PyArray_RegisterCastFunc(own, other, to) < 0
                     || PyArray_RegisterCastFunc(theirs, lucid_bf16_num, from) < 0;
        Py_XDECREF(own);
        Py_XDECREF(theirs);
        return status ? -1 : 0;
    }

    static PyObject *lucid_bf16_register(PyObject *numpy) {
        lucid_bf16_type.tp_base = &PyGenericArrType_Type;
        if (PyType_Ready(&lucid_bf16_type) < 0) return NULL;
        PyArray_InitArrFuncs(&lucid_bf16_funcs);
        lucid_bf16_funcs.getitem = lucid_bf16_getitem;
        lucid_bf16_funcs.setitem = lucid_bf16_setitem;
        lucid_bf16_funcs.copyswap = lucid_bf16_copyswap;
        lucid_bf16_funcs.copyswapn = lucid_bf16_copyswapn;
        lucid_bf16_funcs.nonzero = lucid_bf16_nonzero;
        lucid_bf16_funcs.compare = lucid_bf16_compare;
        Py_SET_REFCNT((PyObject *)&lucid_bf16_proto, 1);
        Py_SET_TYPE((PyObject *)&lucid_bf16_proto, &PyArrayDescr_Type);
        lucid_bf16_proto.typeobj = &lucid_bf16_type;
        lucid_bf16_proto.kind = 'V';  /* 'f' and two bytes would be float16 to NumPy */
        lucid_bf16_proto.type = 'E';
        lucid_bf16_proto.byteorder = '=';
        lucid_bf16_proto.flags = NPY_USE_GETITEM;
        lucid_bf16_proto.elsize = 2;
        lucid_bf16_proto.alignment = 2;
        lucid_bf16_proto.f = &lucid_bf16_funcs;
        lucid_bf16_proto.hash = -1;
        lucid_bf16_num = PyArray_RegisterDataType(&lucid_bf16_proto);
        if (lucid_bf16_num < 0) return NULL;
    #define LUCID_CAST(num, name) lucid_bf16_cast(num, lucid_bf16_to_##name, lucid_bf16_from_##name) < 0
        if (LUCID_CAST(NPY_BOOL, bool) || LUCID_CAST(NPY_BYTE, i8) || LUCID_CAST(NPY_UBYTE, u8)
            || LUCID_CAST(NPY_SHORT, i16) || LUCID_CAST(NPY_USHORT, u16) || LUCID_CAST(NPY_INT, i32)
            || LUCID_CAST(NPY_UINT, u32) || LUCID_CAST(NPY_LONG, il) || LUCID_CAST(NPY_ULONG, ul)
            || LUCID_CAST(NPY_LONGLONG, i64) || LUCID_CAST(NPY_ULONGLONG, u64) || LUCID_CAST(NPY_FLOAT, f32)
            || LUCID_CAST(NPY_DOUBLE, f64))
            return NULL;
        {
            PyArray_Descr *own = PyArray_DescrFromType(lucid_bf16_num);
            int status = PyArray_RegisterCanCast(own, NPY_FLOAT, NPY_NOSCALAR) < 0
                         || PyArray_RegisterCanCast(own, NPY_DOUBLE, NPY_NOSCALAR) < 0;
            Py_DECREF(own);
            if (status) return NULL;
        }
        if (lucid_bf16_loop(numpy, "equal", lucid_bf16_equal) < 0
            || lucid_bf16_loop(numpy, "not_equal", lucid_bf16_not_equal) < 0
            || lucid_bf16_loop(numpy, "less", lucid_bf16_less) < 0
            || lucid_bf16_loop(numpy, "less_equal", lucid_bf16_less_equal) < 0
            || lucid_bf16_loop(numpy, "greater", lucid_bf16_greater) < 0
            || lucid_bf16_loop(numpy, "greater_equal", lucid_bf16_greater_equal) < 0)
            return NULL;
        return (PyObject *)PyArray_DescrFromType(lucid_bf16_num);
    }

    static PyObject *lucid_bf16_scalar_type(void) {
        Py_INCREF(&lucid_bf16_type);
        return (PyObject *)&lucid_bf16_type;
    }
    """
    object lucid_bf16_register(object numpy)
    object lucid_bf16_scalar_type()

import numpy as np

dtype = lucid_bf16_register(np)
"""The NumPy dtype of bfloat16 arrays."""
bfloat16 = lucid_bf16_scalar_type()
"""The type NumPy knows the dtype by when it pickles arrays; elements are read as Python floats."""
