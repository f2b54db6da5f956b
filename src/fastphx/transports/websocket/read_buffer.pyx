from weakref import WeakKeyDictionary

from cpython.buffer cimport PyBUF_WRITE
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.stdlib cimport free, malloc
cimport cython

cdef enum:
    READ_BUFFER_BYTES = 262144

cdef object _buffers = WeakKeyDictionary()


cdef class LoopProtocol:
    pass


@cython.final
cdef class ReadBuffer:
    def __cinit__(self):
        self.capacity = READ_BUFFER_BYTES
        self.data = <char*>malloc(READ_BUFFER_BYTES)
        if self.data == NULL:
            raise MemoryError
        self.view = PyMemoryView_FromMemory(self.data, self.capacity, PyBUF_WRITE)

    def __dealloc__(self):
        free(self.data)


cdef ReadBuffer read_buffer_for(object loop):
    cdef ReadBuffer buffer = _buffers.get(loop)
    if buffer is None:
        buffer = ReadBuffer.__new__(ReadBuffer)
        _buffers[loop] = buffer
    return buffer
