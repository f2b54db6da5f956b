"""Who is subscribed to which topic."""

from fastphx.testing.hub cimport Hub

cdef class PubSub:
    cdef dict _topics                   # topic -> {Channel: None}, in the order of their joins
    cdef Hub _hub
