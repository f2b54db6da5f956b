"""A socket of a scenario that is a Python file."""

from fastphx.load.worker.meter cimport MeterSession

cdef class ScriptedSession(MeterSession):
    cdef public object script
    cdef object _on_joined              # the script's method, or None where it has none
    cdef object _on_message
    cdef object _on_reply

    cdef int _failed(self, str hook, object error) except -1
