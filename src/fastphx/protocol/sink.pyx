from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t

TEXT = OPCODE_TEXT
BINARY = OPCODE_BINARY


cdef class FrameSink:
    cdef int on_frame(self, const char* data, Py_ssize_t size, int opcode, int64_t now_ns) except -1:
        raise NotImplementedError


cdef class FrameWriter:
    cdef int write_frame(self, char* data, Py_ssize_t size, int opcode) except -1:
        raise NotImplementedError


cdef class CallbackSink(FrameSink):
    def __init__(self, callback):
        if not callable(callback):
            raise TypeError(f"a sink's callback must be callable, not {type(callback).__name__}")
        self.callback = callback

    cdef int on_frame(self, const char* data, Py_ssize_t size, int opcode, int64_t now_ns) except -1:
        self.callback(PyBytes_FromStringAndSize(data, size), opcode, now_ns)
        return 0


cdef class CallbackWriter(FrameWriter):
    def __init__(self, callback):
        if not callable(callback):
            raise TypeError(f"a writer's callback must be callable, not {type(callback).__name__}")
        self.callback = callback

    cdef int write_frame(self, char* data, Py_ssize_t size, int opcode) except -1:
        self.callback(PyBytes_FromStringAndSize(data, size), opcode)
        return 0
