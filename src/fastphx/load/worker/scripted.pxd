"""A socket of a scenario that is a Python file."""

from fastphx.load.worker.meter cimport MeterSession

cdef class ScriptedSession(MeterSession):
    cdef public object script
    cdef object _on_joined              # the script's method, or None where it has none
    cdef object _on_message
    cdef object _on_reply
    cdef bint _takes_messages           # its script has an on_message, or had one until it ended

    cdef int _call(self, str hook, object function, tuple arguments) except -1
    """What the hook raises is the owner's to count."""
