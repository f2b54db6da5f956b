"""A Python callable of one argument, called with as few instructions as its type allows.

It is what ``PyObject_CallOneArg`` does, but inline, and without its look at the thread and at the result:
some forty instructions and five cache lines of code less a message, for a builtin twice that.
"""

from cpython.object cimport PyObject

cdef extern from *:
    """
    static CYTHON_INLINE int fastphx_takes_one(PyObject *callable) {
        return PyCFunction_CheckExact(callable) && PyCFunction_GET_FLAGS(callable) == METH_O;
    }

    static CYTHON_INLINE PyObject *fastphx_call_builtin(PyObject *callable, PyObject *argument) {
        return PyCFunction_GET_FUNCTION(callable)(PyCFunction_GET_SELF(callable), argument);
    }

    static CYTHON_INLINE PyObject *fastphx_call_one(PyObject *callable, PyObject *argument) {
        PyTypeObject *type = Py_TYPE(callable);
        if (fastphx_takes_one(callable))
            return fastphx_call_builtin(callable, argument);
        if (PyType_HasFeature(type, Py_TPFLAGS_HAVE_VECTORCALL)) {
            /* PEP 590: the object keeps its function where its type says; the first slot is the callee's. */
            PyObject *slots[2] = {NULL, argument};
            vectorcallfunc function;
            memcpy(&function, (char *)callable + type->tp_vectorcall_offset, sizeof function);
            if (function != NULL)
                return function(callable, slots + 1, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
        }
        return PyObject_CallOneArg(callable, argument);
    }
    """
    # A new reference, or NULL with an exception set.
    PyObject* call_one "fastphx_call_one" (PyObject* callable, PyObject* argument) noexcept

    # Whether it is a builtin of one argument (METH_O), for which the next one does as well.
    bint takes_one "fastphx_takes_one" (PyObject* callable) noexcept
    PyObject* call_builtin "fastphx_call_builtin" (PyObject* callable, PyObject* argument) noexcept
