"""Who is subscribed to which topic."""

from fastphx.testing.hub cimport Hub
from fastphx.testing.outlet cimport Outlet

cdef class PubSub:
    cdef dict _topics                   # topic -> {Outlet: None}, in the order of their joins
    cdef Hub _hub

    cdef int subscribe(self, str topic, Outlet outlet) except -1
    cdef int unsubscribe(self, str topic, Outlet outlet) except -1
