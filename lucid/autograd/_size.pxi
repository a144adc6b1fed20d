# What `shape` gives: `Size`, a tuple of a class of its own, made and indexed in C, since subscripts written in Python
# would cost five times as much as a tuple's.

cdef extern from *:
    """
    static PyTypeObject *lucid_size = NULL;

    static PyObject *lucid_size_subscript(PyObject *self, PyObject *key) {
        PyObject *found = PyTuple_Type.tp_as_mapping->mp_subscript(self, key), *part;
        if (found == NULL) {
            if (PyErr_ExceptionMatches(PyExc_IndexError)) {
                PyErr_Clear();
                PyErr_Format(PyExc_IndexError, "Size: index %S is out of range for %zd dimensions", key,
                             PyTuple_GET_SIZE(self));
            }
            return NULL;
        }
        if (!PySlice_Check(key))
            return found;
        part = lucid_size->tp_alloc(lucid_size, PyTuple_GET_SIZE(found));
        for (Py_ssize_t i = 0; part != NULL && i < PyTuple_GET_SIZE(found); i++) {
            Py_INCREF(PyTuple_GET_ITEM(found, i));
            PyTuple_SET_ITEM(part, i, PyTuple_GET_ITEM(found, i));
        }
        Py_DECREF(found);
        return part;
    }

    static void lucid_set_size(PyObject *class) {
        Py_XINCREF(class);
        lucid_size = (PyTypeObject *)class;
        lucid_size->tp_as_mapping->mp_subscript = lucid_size_subscript;
        PyType_Modified(lucid_size);
    }

    static PyObject *lucid_size_of(int n, const npy_intp *sizes) {
        PyObject *size = lucid_size->tp_alloc(lucid_size, n);
        for (int i = 0; size != NULL && i < n; i++) {
            PyObject *one = PyLong_FromSsize_t(sizes[i]);
            if (one == NULL) {
                Py_DECREF(size);
                return NULL;
            }
            PyTuple_SET_ITEM(size, i, one);
        }
        return size;
    }
    """
    void lucid_set_size(object)
    object lucid_size_of(int n, const cnp.npy_intp* sizes)

cdef type size_class = None


def set_size_class(cls):
    """Called once by ``lucid._layout``: the class of shapes, a subclass of tuple whose slices are of it too."""
    global size_class
    size_class = cls
    lucid_set_size(cls)
