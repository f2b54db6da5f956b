"""The steps of a journey: what each name came to, counted and timed without Python objects a step but one."""

from libc.stdint cimport int64_t, uint64_t

from fastphx.load.result.step_histogram cimport StepHistogram

cdef class StepCounter:
    cdef readonly str name
    cdef readonly StepHistogram histogram   # latencies of those that ended well, since they were last taken
    cdef readonly uint64_t attempts
    cdef readonly uint64_t ended            # attempts - ended are under way
    cdef uint64_t _ok                       # as the others, since they were last taken
    cdef uint64_t _begun
    cdef uint64_t _cut
    cdef uint64_t _bytes
    cdef object _reasons                    # a Reasons; None until one has failed

cdef class CountedStep:
    cdef StepCounter counter                # None once it has ended
    cdef readonly str name
    cdef readonly int64_t due_ns
    cdef readonly int64_t begun_ns
