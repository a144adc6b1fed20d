"""Noticing that what a compiled function was made from has changed. Compiled, since every call asks."""

cimport numpy as cnp
from cpython.dict cimport PyDict_Next, PyDict_Size
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.object cimport PyObject
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from lucid.autograd._node cimport TensorBase, attribute_count

cnp.import_array()

cdef enum:
    PROBES = 2  # elements of a tensor that are compared at every call: the first and the last


cdef struct Probe:
    const char* address
    long long bits
    int size


cdef long long read(const char* address, int size) noexcept:
    cdef long long bits = 0
    memcpy(&bits, address, size)
    return bits


cdef class Dicts:
    """Dicts, and what they held."""

    cdef list dicts, items
    cdef PyObject** entries  # keys and values of all, one after the other

    def __init__(self, dicts):
        cdef Py_ssize_t n = 0
        self.dicts = list(dicts)
        self.items = [list(each.items()) for each in self.dicts]  # kept alive, so that addresses stay theirs
        for each in self.items:
            n += len(each)
        self.entries = <PyObject**>malloc((2 * n + 1) * sizeof(PyObject*))
        if self.entries == NULL:
            raise MemoryError
        n = 0
        for each in self.items:
            for key, value in each:
                self.entries[n] = <PyObject*>key
                self.entries[n + 1] = <PyObject*>value
                n += 2

    def __dealloc__(self):
        free(self.entries)

    cdef bint changed(self):
        cdef Py_ssize_t i, at = 0, position
        cdef PyObject* key
        cdef PyObject* value
        cdef object each
        for i in range(PyList_GET_SIZE(self.dicts)):
            each = <object>PyList_GET_ITEM(self.dicts, i)
            if PyDict_Size(each) != PyList_GET_SIZE(<object>PyList_GET_ITEM(self.items, i)):
                return True
            if not PyDict_Size(each):
                continue
            position = 0
            while PyDict_Next(each, &position, &key, &value):
                if key != self.entries[at] or value != self.entries[at + 1]:
                    return True
                at += 2
        return False


cdef class Watch:
    """Remembers tensors and dicts as they are now.

    Args:
        tensors: their storage, the version of it, and the values of their first and last elements.
        dicts: which keys they have, in order, and which objects those hold.
        attributes: the same for dicts of attributes of modules; looked at only after some module's was set.
    """

    cdef list tensors, arrays
    cdef Dicts dicts, attributes
    cdef long long seen
    cdef long long* versions
    cdef Probe* probes
    cdef Py_ssize_t count

    def __init__(self, tensors, dicts, attributes):
        cdef Py_ssize_t i
        self.seen = attribute_count()
        self.tensors, self.arrays, self.dicts, self.attributes = list(tensors), [], Dicts(dicts), Dicts(attributes)
        self.versions = <long long*>malloc((len(self.tensors) + 1) * sizeof(long long))
        self.probes = <Probe*>malloc((len(self.tensors) * PROBES + 1) * sizeof(Probe))
        if self.versions == NULL or self.probes == NULL:
            raise MemoryError
        for i in range(len(self.tensors)):
            self.remember(i, self.tensors[i])

    cdef int remember(self, Py_ssize_t i, TensorBase t) except -1:
        cdef cnp.ndarray array = t._data
        cdef Py_ssize_t k
        cdef int size = <int>cnp.PyArray_ITEMSIZE(array)
        self.arrays.append(array)
        self.versions[i] = 0 if t._counter is None else t._counter[0]
        if not cnp.PyArray_IS_C_CONTIGUOUS(array) or size > 8 or not cnp.PyArray_SIZE(array):
            return 0
        for k in range(PROBES):
            self.probes[self.count].address = (
                <const char*>cnp.PyArray_DATA(array) + k * (cnp.PyArray_SIZE(array) - 1) // (PROBES - 1) * size
            )
            self.probes[self.count].size = size
            self.probes[self.count].bits = read(self.probes[self.count].address, size)
            self.count += 1
        return 0

    def __dealloc__(self):
        free(self.versions)
        free(self.probes)

    def changed(self):
        """Whether anything differs from what it was."""
        cdef Py_ssize_t i
        cdef TensorBase t
        for i in range(PyList_GET_SIZE(self.tensors)):
            t = <TensorBase>PyList_GET_ITEM(self.tensors, i)
            if <PyObject*>t._data != PyList_GET_ITEM(self.arrays, i):
                return True
            if t._counter is not None and t._counter[0] != self.versions[i]:
                return True
        for i in range(self.count):
            if read(self.probes[i].address, self.probes[i].size) != self.probes[i].bits:
                return True
        if self.dicts.changed():
            return True
        if self.seen == attribute_count():
            return False
        self.seen = attribute_count()
        return self.attributes.changed()
