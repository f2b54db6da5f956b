"""Which of several events each push has: rounds in an order that is drawn, in C."""

from libc.stdint cimport uint64_t

from fastphx.load.worker.random_bits cimport RandomBits

cdef class EventMix:
    cdef list names                         # bytes
    cdef list payloads                      # bytes; None: not the same for all sockets
    cdef RandomBits _bits
    cdef unsigned short* _round             # each event's number, as often as its weight says
    cdef Py_ssize_t _size
    cdef Py_ssize_t _at                     # what stands before it has been drawn
    cdef uint64_t* _pushed                  # by event

    cpdef Py_ssize_t draw(self) noexcept
    """The number of the next event, which counts as pushed."""
    cpdef void give_back(self) noexcept
    """The last that was drawn was not sent: it comes later in its round."""
