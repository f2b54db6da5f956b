import cython

from fastphx.errors import clip_repr
from fastphx.liveview.errors import TreeError


BEFORE = 0
AFTER = 1


@cython.final
cdef class StreamChange:
    pass


cdef StreamChange stream_change(object value):
    """Read ``[ref, [[id, at, limit, update_only?], ...], [id, ...], reset?]``, or raise `TreeError`."""
    cdef StreamChange change = StreamChange.__new__(StreamChange)
    cdef list stream, insert
    cdef Py_ssize_t size
    if type(value) is not list or not 3 <= len(<list>value) <= 4:
        raise TreeError(f"a stream is a list of its ref, inserts and deletes, not {clip_repr(value)}")
    stream = <list>value
    if type(stream[0]) is not str or type(stream[1]) is not list or type(stream[2]) is not list:
        raise TreeError(f"a stream is a list of its ref, inserts and deletes, not {clip_repr(value)}")
    change.ref = <str>stream[0]
    change.inserts = {}
    change.deletes = <list>stream[2]
    change.reset = len(stream) == 4 and stream[3] is True
    for entry in <list>stream[1]:
        size = len(<list>entry) if type(entry) is list else 0
        if not 3 <= size <= 4:
            raise TreeError(f"a stream's insert is an id, a place and a limit, not {clip_repr(entry)}")
        insert = <list>entry
        limit = insert[2] or 0
        if type(insert[0]) is not str or not is_small(insert[1]) or not is_small(limit):
            raise TreeError(f"a stream's insert is an id, a place and a limit, not {clip_repr(entry)}")
        # Of two for one row the later counts, as in a browser.
        change.inserts[insert[0]] = (insert[1], limit, size == 4 and insert[3] is True)
    for row_id in change.deletes:
        if type(row_id) is not str:
            raise TreeError(f"a stream's delete is an id, not {clip_repr(row_id)}")
    return change


cdef bint is_small(object value):
    return type(value) is int and -(1 << 31) < value < (1 << 31)


@cython.final
cdef class StreamRows:
    def __cinit__(self):
        self._order = []
        self._rows = {}

    def __len__(self):
        return len(self._rows)

    def ids(self):
        return [row_id for row_id in self._order if type(row_id) is str]

    def nodes(self):
        return [self._rows[row_id] for row_id in self._order if type(row_id) is str]

    cdef list children(self):
        """The rows, and BEFORE and AFTER, in order."""
        return [self._rows[child] if type(child) is str else child for child in self._order]

    cdef int others(self, bint before, bint after, bint patched) except -1:
        """Say what else is in the stream's element, before its rows change."""
        self._before = before
        self._after = after
        self._patched = patched
        return 0

    cdef list change(self, StreamChange change, list ids, list rows):
        """Delete and insert as a browser does; the rows that are no longer there, or were replaced."""
        cdef list gone = []
        cdef set was_there = set()
        cdef Py_ssize_t number
        cdef bint new = not self._order and not self._patched
        if change.reset:
            gone += self._rows.values()
            was_there.update(self._rows)
            self._order = [child for child in self._order if type(child) is not str]
            self._rows.clear()
        for row_id in change.deletes:
            if row_id in self._rows:
                was_there.add(row_id)
                gone.append(self._rows.pop(row_id))
                self._order.remove(row_id)
        # What comes new into an element that is there goes to its end, and rows go before it.
        if self._before and not new and BEFORE not in self._order:
            self._order.append(BEFORE)
        for number in range(len(rows)):
            row_id = ids[number]
            node = rows[number]
            at, limit, update_only = change.inserts.get(row_id, (-1, 0, False))
            old = self._rows.get(row_id)
            if old is not None:
                # It keeps its place, whatever the message says of it.
                gone.append(old)
                self._rows[row_id] = node
            elif not update_only or row_id in was_there:
                self._rows[row_id] = node
                self._put(<str>row_id, at)
                if limit:
                    self._limit(limit, gone)
            else:
                gone.append(node)
        if self._before and new:
            self._order.insert(0, BEFORE)
        if self._after and AFTER not in self._order:
            self._order.append(AFTER)
        return gone

    cdef int _put(self, str row_id, Py_ssize_t at) except -1:
        cdef Py_ssize_t place
        if at >= 0:
            self._order.insert(at, row_id)
            return 0
        if not self._order or type(self._order[len(self._order) - 1]) is str:
            self._order.append(row_id)
            return 0
        for place in range(len(self._order)):
            if type(self._order[place]) is not str:
                self._order.insert(place, row_id)
                return 0
        return 0

    cdef int _limit(self, Py_ssize_t limit, list gone) except -1:
        """Keep the first rows, or the last ones where *limit* is negative."""
        cdef Py_ssize_t over = len(self._order) - abs(limit)
        cdef list taken
        if over <= 0:
            return 0
        if limit < 0:
            taken = self._order[:over]
            del self._order[:over]
        else:
            taken = self._order[limit:]
            del self._order[limit:]
        for row_id in taken:
            if type(row_id) is str:
                gone.append(self._rows.pop(row_id))
        return 0
