import cython

from libc.stdint cimport INT64_MAX, uint64_t
from libc.stdlib cimport calloc, free

from fastphx.protocol.frame_write cimport utf8
from fastphx.protocol.hash cimport hash_bytes, same_bytes

from fastphx.errors import OverloadedError

cdef enum:
    FIRST_CAPACITY = 8


def _state_text(state):
    return state.name.lower()


def _format_state(state, specification):
    return format(_state_text(state), specification)


# As phoenix.js writes it: an IntEnum would print its number. Here, the name itself is the C type.
_States = globals()["JoinState"]
_States.__str__ = _state_text
_States.__format__ = _format_state


cdef str state_name(Join join):
    return str(join.state)


@cython.final
cdef class Join:
    def __init__(self):
        raise TypeError("a Join comes from a session")

    @property
    def handlers(self):
        return self.handlers_of

    @handlers.setter
    def handlers(self, dict handlers):
        self.handlers_of = handlers
        self.last_event = None

    cdef int look_up(self, str event) except -1:
        self.last_handler = self.handlers_of.get(event)
        self.last_event = event
        return 0

    cdef int disconnect(self) noexcept:
        self.state = ERRORED if self.owner is not None else CLOSED
        self.join_ref = 0
        self.leave_ref = 0
        self.deadline_ns = INT64_MAX
        return 0

    def __repr__(self):
        return f"<Join {self.topic!r} {state_name(self)} join_ref={self.join_ref}>"


@cython.final
cdef class JoinMap:
    # Most sockets of a load test have one topic, so one topic takes no table and no dict: `_last` is it.
    # The dict owns the joins where there are more (and lets the garbage collector see them); the open
    # addressing table beside it is what a frame's bytes are looked up in.

    def __init__(self, Py_ssize_t max_topics=1_000_000):
        if max_topics < 1:
            raise ValueError(f"max_topics is {max_topics}: give at least 1")
        self.max_topics = max_topics

    def __dealloc__(self):
        free(self.slots)

    def __len__(self):
        if self._joins is not None:
            return len(self._joins)
        return 0 if self._last is None else 1

    def __contains__(self, str topic):
        return self.get(topic) is not None

    cdef Join find(self, const char* key, Py_ssize_t size):
        cdef Join join
        cdef uint64_t hash
        cdef Py_ssize_t mask, index
        # One topic has no table, and the caller has compared it.
        if self.capacity == 0:
            return None
        hash = hash_bytes(key, size)
        mask = self.capacity - 1
        index = <Py_ssize_t>(hash & <uint64_t>mask)
        while self.slots[index] != NULL:
            join = <Join>self.slots[index]
            if join.hash == hash and join.key_size == size and same_bytes(join.key, key, size):
                self._last = join
                return join
            index = (index + 1) & mask
        return None

    cdef Join get(self, str topic):
        cdef Join join = self._last
        if join is not None and (join.topic is topic or join.topic == topic):
            return join
        if self._joins is None:
            return None
        return <Join>self._joins.get(topic)

    cdef Join add(self, str topic):
        cdef Join join = self.get(topic)
        cdef Py_ssize_t count
        cdef dict joins
        if join is not None:
            return join
        count = len(self)
        if count >= self.max_topics:
            raise OverloadedError(f"{count} topics are in use on this socket, which is max_topics: raise it, "
                                  "or use another socket")
        join = Join.__new__(Join)
        # This is an exact str, kept here: its UTF-8 lives as long as it does.
        join.topic = topic
        join.key = utf8(topic, &join.key_size, "topic")
        join.hash = hash_bytes(join.key, join.key_size)
        join.deadline_ns = INT64_MAX
        if count == 0:
            self._last = join
            return join
        if self._joins is None:
            joins = {self._last.topic: self._last, topic: join}
            self._resize(joins, FIRST_CAPACITY)
            # Only now: without memory for the table, there is one topic still.
            self._joins = joins
            return join
        if 2 * (count + 1) > self.capacity:
            self._resize(self._joins, 2 * self.capacity)
        self._joins[topic] = join
        self._place(join)
        return join

    cdef void _place(self, Join join) noexcept:
        cdef Py_ssize_t mask = self.capacity - 1
        cdef Py_ssize_t index = <Py_ssize_t>(join.hash & <uint64_t>mask)
        while self.slots[index] != NULL:
            index = (index + 1) & mask
        self.slots[index] = <void*>join

    cdef int _resize(self, dict joins, Py_ssize_t capacity) except -1:
        cdef void** slots = <void**>calloc(<size_t>capacity, sizeof(void*))
        if slots == NULL:
            raise MemoryError
        free(self.slots)
        self.slots = slots
        self.capacity = capacity
        for join in joins.values():
            self._place(<Join>join)
        return 0

    cdef int remove(self, Join join) except -1:
        cdef Py_ssize_t mask, index, next_index, home
        if self.get(join.topic) is not join:
            return 0
        if self._joins is None:
            self._last = None
            return 0
        mask = self.capacity - 1
        index = <Py_ssize_t>(join.hash & <uint64_t>mask)
        while self.slots[index] != <void*>join:
            index = (index + 1) & mask
        next_index = index
        while True:
            next_index = (next_index + 1) & mask
            if self.slots[next_index] == NULL:
                break
            home = <Py_ssize_t>((<Join>self.slots[next_index]).hash & <uint64_t>mask)
            if ((next_index - home) & mask) >= ((next_index - index) & mask):
                self.slots[index] = self.slots[next_index]
                index = next_index
        self.slots[index] = NULL
        del self._joins[join.topic]
        if len(self._joins) == 1:
            for only in self._joins.values():
                self._last = <Join>only
            self._joins = None
            free(self.slots)
            self.slots = NULL
            self.capacity = 0
        elif self._last is join:
            self._last = None
        return 0

    cdef int disconnect(self) except -1:
        cdef Join join
        if self._joins is None:
            if self._last is not None:
                self._last.disconnect()
            return 0
        for join in self._joins.values():
            join.disconnect()
        return 0

    cdef Py_ssize_t count(self, JoinState state) except -1:
        cdef Join join
        cdef Py_ssize_t count = 0
        if self._joins is None:
            return self._last is not None and self._last.state == state
        for join in self._joins.values():
            count += join.state == state
        return count

    cdef list joins(self):
        if self._joins is not None:
            return list(self._joins.values())
        return [] if self._last is None else [self._last]
