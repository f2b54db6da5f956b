from libc.string cimport strchr

from fastphx.operating_system.system_calls cimport environment


cdef extern from "Python.h" nogil:
    int PyOS_mystrnicmp(const char* one, const char* other, Py_ssize_t size)


def may_have(bytes part not None):
    # os.environ decodes each name, in Python. What it changes is changed here, too.
    cdef char** variables = environment()
    cdef const char* wanted = part
    cdef Py_ssize_t size = len(part)
    cdef const char* at
    cdef const char* end
    if variables == NULL:
        return True
    while variables[0] != NULL:
        at = variables[0]
        end = strchr(at, c"=")
        while end != NULL and end - at >= size:
            if PyOS_mystrnicmp(at, wanted, size) == 0:
                return True
            at += 1
        variables += 1
    return False
