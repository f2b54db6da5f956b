import cython

from fastphx.errors import clip_repr
from fastphx.liveview.nodes cimport Statics, statics_of

from fastphx.liveview.errors import TreeError

cdef enum:
    ROWS = 1024 * 1024

MAX_ROWS = ROWS


cdef dict templates_of(object value):
    """The statics of a message's ``p``, by their numbers."""
    cdef dict found = {}
    if type(value) is not dict:
        raise TreeError(f"the templates `p` are an object, not {clip_repr(value)}")
    for key, parts in (<dict>value).items():
        found[number(key)] = statics_of(parts)
    return found


cdef Statics statics_in(object value, dict templates):
    """The statics ``s``: a list, or an index into the message's templates."""
    if type(value) is int:
        statics = None if templates is None else templates.get(value)
        if statics is None:
            raise TreeError(f"the template {clip_repr(value)} is not in the message's `p`")
        return <Statics>statics
    return statics_of(value)


cdef tuple events_of(object value, bint before):
    cdef list found = []
    if type(value) is not list:
        raise TreeError(f"events are a list, not {clip_repr(value)}")
    for event in <list>value:
        if type(event) is not list or not 2 <= len(<list>event) <= 3 or type(event[0]) is not str:
            raise TreeError(f"an event is a list of its name and payload, not {clip_repr(event)}")
        if (len(<list>event) == 3 and event[2] is True) == before:
            found.append((event[0], event[1]))
    return tuple(found)


@cython.final
@cython.freelist(8)
cdef class Changed:
    pass


cdef Changed head_of(dict diff, int letters):
    """What a message says beside the tree: its events, title and reply."""
    cdef Changed changed = Changed.__new__(Changed)
    changed.events_before = changed.events = ()
    changed.new_cids = changed.removed_cids = ()
    if letters & HAS_E:
        changed.events_before = events_of(diff["e"], True)
        changed.events = events_of(diff["e"], False)
    if letters & HAS_T:
        title = diff["t"]
        if type(title) is not str:
            raise TreeError(f"a title is a text, not {clip_repr(title)}")
        changed.title = <str>title
    if letters & HAS_R and type(diff["r"]) is dict:
        # An integer there says that the template has one root element.
        changed.reply = diff["r"]
    return changed


cdef Py_ssize_t count_of(dict keyed) except -1:
    """How many rows a keyed comprehension has."""
    count = keyed.get("kc")
    if type(count) is not int or not 0 <= count <= ROWS:
        raise TreeError(f"the number of rows `kc` is 0 to {ROWS}, not {clip_repr(count)}")
    return count
