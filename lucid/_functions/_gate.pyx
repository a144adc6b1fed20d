"""The gate every public function stands behind: calls with half precision, complex numbers, `out=`, or under autocast,
take the longer way.

A call without any of them costs one look at each argument. Compiled, since every call of every program passes through here.
"""

cimport numpy as cnp
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_TYPE

import types

from lucid import _dtype
from lucid.autograd._node cimport TensorBase

cnp.import_array()

cdef extern from *:
    """
    #include <stddef.h>
    #ifdef _MSC_VER
    #define LUCID_PER_THREAD __declspec(thread)
    #else
    #define LUCID_PER_THREAD _Thread_local
    #endif
    static LUCID_PER_THREAD int lucid_watching = 0;

    typedef PyObject *(*lucid_vectorcall)(PyObject *, PyObject **, size_t, PyObject *);

    /* Let instances of a class be called, and bound as methods, without making tuples and bound methods. */
    static void lucid_make_vectorcall(PyObject *class, Py_ssize_t offset) {
        PyTypeObject *type = (PyTypeObject *)class;
        type->tp_vectorcall_offset = offset;
        type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR;
        type->tp_call = PyVectorcall_Call;
        PyType_Modified(type);
    }
    """
    int lucid_watching
    int NPY_USERDEF
    void make_vectorcall "lucid_make_vectorcall" (object type, Py_ssize_t offset)
    ctypedef object (*lucid_vectorcall)(PyObject* callable, PyObject** args, size_t n, PyObject* names)
    object PyObject_Vectorcall(PyObject* callable, PyObject** args, size_t n, PyObject* names)
    Py_ssize_t PyVectorcall_NARGS(size_t n) noexcept
    Py_ssize_t PyTuple_GET_SIZE(PyObject* t) noexcept
    PyObject* PyTuple_GET_ITEM(PyObject* t, Py_ssize_t i) noexcept
    Py_ssize_t PyList_GET_SIZE(PyObject* t) noexcept
    PyObject* PyList_GET_ITEM(PyObject* t, Py_ssize_t i) noexcept
    bint PyTuple_Check(PyObject* o) noexcept
    bint PyList_Check(PyObject* o) noexcept
    bint PyComplex_Check(PyObject* o) noexcept
    PyTypeObject* TYPE "Py_TYPE" (PyObject* o) noexcept

cdef object compute = None                       # called as compute(function, args, kwargs)
cdef PyObject* float16 = <PyObject*> _dtype.float16
cdef PyObject* bfloat16 = <PyObject*> _dtype.bfloat16
cdef PyObject* complex64 = <PyObject*> _dtype.complex64
cdef PyObject* complex128 = <PyObject*> _dtype.complex128
cdef dict gates = {}
cdef set public_names = set()


def watch(bint value):
    """Send every call of this thread the longer way, or only those with half precision or complex numbers."""
    global lucid_watching
    lucid_watching = value


def set_compute(function):
    """Called once by ``lucid._functions._precision``: what carries out a call the longer way."""
    global compute
    compute = function


cdef inline bint holds_special(PyObject* x) noexcept:
    """``x`` is a tensor of half precision or complex numbers, such a dtype, or a complex number."""
    cdef int t
    if x == float16 or x == bfloat16 or x == complex64 or x == complex128:
        return True
    if not isinstance(<object> x, TensorBase):
        return PyComplex_Check(x)
    data = (<TensorBase> <object> x)._data
    if data is None:
        return False
    t = cnp.PyArray_TYPE(<cnp.ndarray> data)
    return t == cnp.NPY_FLOAT16 or t >= NPY_USERDEF or cnp.PyTypeNum_ISCOMPLEX(t)


cdef bint any_special(PyObject** args, Py_ssize_t n) noexcept:
    cdef Py_ssize_t i, j
    cdef PyObject* x
    for i in range(n):
        x = args[i]
        if PyTuple_Check(x):
            for j in range(PyTuple_GET_SIZE(x)):
                if holds_special(PyTuple_GET_ITEM(x, j)):
                    return True
        elif PyList_Check(x):
            for j in range(PyList_GET_SIZE(x)):
                if holds_special(PyList_GET_ITEM(x, j)):
                    return True
        elif holds_special(x):
            return True
    return False


cdef class Gate:
    """A public function: called like it, and a method of the class it is named in."""

    cdef lucid_vectorcall call
    cdef readonly object __wrapped__
    cdef dict spelled       # PyTorch's names of arguments, in the function's own; None before the first keyword
    cdef bint receives      # the function declares `out`
    cdef dict __dict__

    def __init__(self, function, alias=None):
        self.__wrapped__ = function
        self.call = way
        for name in ("__module__", "__name__", "__qualname__", "__doc__", "__annotations__"):
            setattr(self, name, getattr(function, name, None))
        if alias is not None:
            self.__name__ = self.__qualname__ = alias

    def __get__(self, instance, owner):
        return self if instance is None else types.MethodType(self, instance)

    @property
    def __signature__(self):
        import inspect  # here, since importing lucid does without it

        found = inspect.signature(self.__wrapped__)
        if not self.__name__.endswith("_"):
            return found
        return found.replace(parameters=[p for p in found.parameters.values() if p.name != "out"])  # in-place forms

    def __repr__(self):
        return repr(self.__wrapped__)

    def __reduce__(self):
        return gate, (self.__wrapped__,)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __call__(self, *args, **kwargs):
        raise TypeError("never called: calls go through the vectorcall protocol")


cdef tuple own_names(Gate g, tuple names):
    """The keywords of a call as the function spells them."""
    if g.spelled is None:
        from lucid._functions._spelling import declares_out, spelling

        g.spelled, g.receives = spelling(g.__wrapped__), declares_out(g.__wrapped__)
    for name in names:
        if name in g.spelled:
            return tuple([g.spelled.get(name, name) for name in names])
    return names


cdef object pass_gate(PyObject* callable, PyObject** args, size_t nargs, PyObject* names):
    cdef Py_ssize_t positional = PyVectorcall_NARGS(nargs), i, n = positional
    cdef PyObject* function = <PyObject*> (<Gate> <object> callable).__wrapped__
    cdef tuple spelled      # holds what names points to
    cdef bint receives = False
    if names != NULL:
        n += PyTuple_GET_SIZE(names)
        spelled = own_names(<Gate> <object> callable, <tuple> <object> names)
        names = <PyObject*> spelled
        receives = (<Gate> <object> callable).receives and "out" in spelled
    try:
        if not lucid_watching and not receives and not any_special(args, n):
            return PyObject_Vectorcall(function, args, nargs, names)
        return compute(
            <object> function,
            tuple([<object> args[i] for i in range(positional)]),
            {<object> PyTuple_GET_ITEM(names, i - positional): <object> args[i] for i in range(positional, n)},
        )
    except (TypeError, ValueError, RuntimeError, LookupError, AttributeError, ArithmeticError, AssertionError) as error:
        from lucid._functions._naming import named

        spelled = () if names == NULL else <tuple> <object> names
        better = named(error, <object> callable, tuple([<object> args[i] for i in range(n)]), spelled, public_names)
        if better is error:
            raise
        raise better from None


cdef class StandIn:
    """What stands for a tensor that is not there yet: a public function that gets one returns what the class makes of
    the call, ``__torch_function__(function, types, args, kwargs)``, instead of running."""


cdef PyObject* find_stand_in(PyObject** args, Py_ssize_t n) noexcept:
    """The first stand-in among arguments, or in tuples and lists of them; NULL if there is none."""
    cdef Py_ssize_t i, j
    cdef PyObject* x
    cdef PyObject* found
    for i in range(n):
        x = args[i]
        if isinstance(<object> x, StandIn):
            return x
        if PyTuple_Check(x) or PyList_Check(x):
            for j in range(PyTuple_GET_SIZE(x) if PyTuple_Check(x) else PyList_GET_SIZE(x)):
                found = PyTuple_GET_ITEM(x, j) if PyTuple_Check(x) else PyList_GET_ITEM(x, j)
                found = find_stand_in(&found, 1)
                if found != NULL:
                    return found
    return NULL


cdef object look_for_stand_ins(PyObject* callable, PyObject** args, size_t nargs, PyObject* names):
    cdef Py_ssize_t positional = PyVectorcall_NARGS(nargs), i, n = positional
    cdef PyObject* stand
    if names != NULL:
        n += PyTuple_GET_SIZE(names)
    stand = find_stand_in(args, n)
    if stand == NULL:
        return pass_gate(callable, args, nargs, names)
    return type(<object> stand).__torch_function__(
        <object> callable,
        (type(<object> stand),),
        tuple([<object> args[i] for i in range(positional)]),
        {<object> PyTuple_GET_ITEM(names, i - positional): <object> args[i] for i in range(positional, n)},
    )


cdef lucid_vectorcall way = pass_gate


def expect_stand_ins():
    """Look for stand-ins from now on, in all threads: calls before that pay nothing for it."""
    global way
    cdef Gate g
    way = look_for_stand_ins
    for g in gates.values():
        g.call = way


cdef Gate _instance = Gate(watch)
make_vectorcall(Gate, <char*> &_instance.call - <char*> <void*> _instance)


def gate(function, alias=None):
    """``function`` behind its gate, or behind that of its second name ``alias``; the same gate for the same name."""
    if isinstance(function, Gate):
        return function
    if alias == function.__name__:
        alias = None
    key = function if alias is None else (function, alias)
    if key not in gates:
        gates[key] = Gate(function, alias)
        public_names.update((function.__name__, gates[key].__name__))
    return gates[key]
