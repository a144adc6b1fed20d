"""Noticing that what a compiled function was made from has changed. Compiled, since every call asks."""

cimport numpy as cnp
from cpython.dict cimport PyDict_GetItem, PyDict_Size
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_GET_ITEM
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from lucid.autograd._node cimport TensorBase

cnp.import_array()

cdef enum:
    PROBES = 4  # elements of a tensor that are compared at every call


cdef struct Probe:
    const char* address
    long long bits
    int size


cdef long long read(const char* address, int size) noexcept:
    cdef long long bits = 0
    memcpy(&bits, address, size)
    return bits


cdef class Watch:
    """Remembers tensors and entries of dicts as they are now.

    Args:
        tensors: their storage, the version of it, and the values of a few elements.
        entries: (dict, key): which object it holds. (dict, None): how many entries there are.
    """

    cdef list tensors, arrays, tables
    cdef long long* versions
    cdef Probe* probes
    cdef Py_ssize_t count

    def __init__(self, tensors, entries):
        cdef TensorBase t
        cdef cnp.ndarray array
        cdef Py_ssize_t i, k, n, at
        cdef int size
        self.tensors = list(tensors)
        self.arrays = []
        self.tables = [(table, key, table.get(key) if key is not None else len(table)) for table, key in entries]
        n = len(self.tensors)
        self.versions = <long long*>malloc((n + 1) * sizeof(long long))
        self.probes = <Probe*>malloc((n * PROBES + 1) * sizeof(Probe))
        if self.versions == NULL or self.probes == NULL:
            raise MemoryError
        for i in range(n):
            t = self.tensors[i]
            array = t._data
            self.arrays.append(array)
            self.versions[i] = 0 if t._counter is None else t._counter[0]
            size = <int>cnp.PyArray_ITEMSIZE(array)
            if not cnp.PyArray_IS_C_CONTIGUOUS(array) or size > 8:
                continue
            for k in range(min(PROBES, cnp.PyArray_SIZE(array))):
                at = (cnp.PyArray_SIZE(array) - 1) * k // (PROBES - 1)
                self.probes[self.count].address = <const char*>cnp.PyArray_DATA(array) + at * size
                self.probes[self.count].size = size
                self.probes[self.count].bits = read(self.probes[self.count].address, size)
                self.count += 1

    def __dealloc__(self):
        free(self.versions)
        free(self.probes)

    def changed(self):
        """Whether anything differs from what it was."""
        cdef Py_ssize_t i
        cdef TensorBase t
        cdef object entry, table
        for i in range(PyList_GET_SIZE(self.tensors)):
            t = <TensorBase>PyList_GET_ITEM(self.tensors, i)
            if <PyObject*>t._data != PyList_GET_ITEM(self.arrays, i):
                return True
            if t._counter is not None and t._counter[0] != self.versions[i]:
                return True
        for i in range(self.count):
            if read(self.probes[i].address, self.probes[i].size) != self.probes[i].bits:
                return True
        for i in range(PyList_GET_SIZE(self.tables)):
            entry = <object>PyList_GET_ITEM(self.tables, i)
            table = <object>PyTuple_GET_ITEM(entry, 0)
            if <object>PyTuple_GET_ITEM(entry, 1) is None:
                if PyDict_Size(table) != <Py_ssize_t><object>PyTuple_GET_ITEM(entry, 2):
                    return True
            elif not same(PyDict_GetItem(table, <object>PyTuple_GET_ITEM(entry, 1)), PyTuple_GET_ITEM(entry, 2)):
                return True
        return False


cdef inline bint same(PyObject* found, PyObject* remembered) noexcept:
    """A missing entry counts as None."""
    return found == remembered or (found == NULL and <object>remembered is None)
