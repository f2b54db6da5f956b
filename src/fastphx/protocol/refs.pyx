import cython

from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF, Py_XINCREF
from libc.stdint cimport INT64_MAX, int64_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort

from fastphx.errors import OverloadedError

cdef enum:
    FIRST_CAPACITY = 8


cdef int by_ref(const void* left, const void* right) noexcept nogil:
    cdef uint64_t a = (<const RefEntry*>left).ref
    cdef uint64_t b = (<const RefEntry*>right).ref
    return (a > b) - (a < b)


cdef inline bint is_meant(const RefEntry* slot, uint64_t join_ref, int64_t expired_at_ns) noexcept nogil:
    return slot.ref and (join_ref == 0 or slot.join_ref == join_ref) and (
        expired_at_ns == INT64_MAX or slot.deadline_ns <= expired_at_ns)


@cython.final
cdef class RefTable:
    # A ref's home slot is the ref itself, cut to the capacity: refs count up, so those in flight lie side
    # by side and hardly ever collide. Load stays at or below one half. A run of slots is kept in the order
    # of its homes (Robin Hood hashing), so that looking up and removing stop at the first entry that is at
    # home, and not at the end of everything that is in flight.

    def __init__(self, Py_ssize_t max_in_flight=65536):
        if max_in_flight < 1:
            raise ValueError(f"max_in_flight is {max_in_flight}: give at least 1")
        self.max_in_flight = max_in_flight
        self.earliest_ns = INT64_MAX

    def __dealloc__(self):
        cdef Py_ssize_t index
        for index in range(self.capacity):
            if self.slots[index].ref:
                Py_XDECREF(self.slots[index].waiter)
        free(self.slots)

    def __len__(self):
        return self.size

    def __contains__(self, uint64_t ref):
        return self.has(ref)

    cdef RefEntry* _slot(self, uint64_t ref) noexcept:
        """The entry of *ref*, or NULL."""
        cdef Py_ssize_t mask, index
        cdef Py_ssize_t distance = 0
        if self.size == 0 or ref == 0:
            return NULL
        mask = self.capacity - 1
        index = <Py_ssize_t>(ref & <uint64_t>mask)
        while self.slots[index].ref:
            if self.slots[index].ref == ref:
                return &self.slots[index]
            if distance > ((index - <Py_ssize_t>self.slots[index].ref) & mask):
                return NULL
            index = (index + 1) & mask
            distance += 1
        return NULL

    cdef void _insert(self, RefEntry entry) noexcept:
        cdef Py_ssize_t mask = self.capacity - 1
        cdef Py_ssize_t index = <Py_ssize_t>(entry.ref & <uint64_t>mask)
        cdef Py_ssize_t distance = 0
        cdef Py_ssize_t resident
        cdef RefEntry moved
        while self.slots[index].ref:
            resident = (index - <Py_ssize_t>self.slots[index].ref) & mask
            if resident < distance:
                moved = self.slots[index]
                self.slots[index] = entry
                entry = moved
                distance = resident
            index = (index + 1) & mask
            distance += 1
        self.slots[index] = entry

    cdef int _resize(self, Py_ssize_t capacity) except -1:
        cdef RefEntry* old = self.slots
        cdef Py_ssize_t old_capacity = self.capacity
        cdef Py_ssize_t index
        cdef RefEntry* slots = <RefEntry*>calloc(<size_t>capacity, sizeof(RefEntry))
        if slots == NULL:
            raise MemoryError
        self.slots = slots
        self.capacity = capacity
        for index in range(old_capacity):
            if old[index].ref:
                self._insert(old[index])
        free(old)
        return 0

    cdef int put(self, uint64_t ref, uint64_t join_ref, int64_t sent_at_ns, int64_t deadline_ns,
                 int64_t due_ns, PyObject* waiter) except -1:
        cdef RefEntry entry
        if self.size >= self.max_in_flight:
            raise OverloadedError(
                f"{self.size} pushes wait for a reply, which is max_in_flight: slow down or raise it")
        if 2 * (self.size + 1) > self.capacity:
            self._resize(max(FIRST_CAPACITY, 2 * self.capacity))
        entry.ref = ref
        entry.join_ref = join_ref
        entry.sent_at_ns = sent_at_ns
        entry.deadline_ns = deadline_ns
        entry.due_ns = due_ns
        entry.waiter = waiter
        self._insert(entry)
        Py_XINCREF(waiter)
        self.size += 1
        if deadline_ns < self.earliest_ns:
            self.earliest_ns = deadline_ns
        return 0

    cdef bint has(self, uint64_t ref) noexcept:
        return self._slot(ref) != NULL

    cdef void _remove(self, Py_ssize_t index) noexcept:
        cdef Py_ssize_t mask = self.capacity - 1
        cdef Py_ssize_t next_index = (index + 1) & mask
        while self.slots[next_index].ref and (next_index - <Py_ssize_t>self.slots[next_index].ref) & mask:
            self.slots[index] = self.slots[next_index]
            index = next_index
            next_index = (next_index + 1) & mask
        self.slots[index].ref = 0
        self.slots[index].waiter = NULL
        self.size -= 1
        if self.size == 0:
            self.earliest_ns = INT64_MAX
            if self.capacity > 1024:
                # After a burst: an idle socket frees its table.
                free(self.slots)
                self.slots = NULL
                self.capacity = 0

    cdef bint take(self, uint64_t ref, RefEntry* out) noexcept:
        cdef RefEntry* slot = self._slot(ref)
        if slot == NULL:
            return False
        out[0] = slot[0]
        self._remove(slot - self.slots)
        return True

    cdef bint take_reply(self, uint64_t ref, uint64_t join_ref, RefEntry* out) noexcept:
        cdef RefEntry* slot = self._slot(ref)
        if slot == NULL or slot.join_ref != join_ref:
            return False
        out[0] = slot[0]
        self._remove(slot - self.slots)
        return True

    cdef bint take_any(self, uint64_t join_ref, int64_t expired_at_ns, RefEntry* out) noexcept:
        cdef Py_ssize_t index
        for index in range(self.capacity):
            if is_meant(&self.slots[index], join_ref, expired_at_ns):
                out[0] = self.slots[index]
                self._remove(index)
                return True
        return False

    cdef RefEntry* extract(self, uint64_t join_ref, int64_t expired_at_ns, Py_ssize_t* count) except? NULL:
        cdef Py_ssize_t index
        cdef Py_ssize_t found = 0
        cdef RefEntry* out
        cdef RefEntry* slot
        cdef int64_t earliest_ns = INT64_MAX
        count[0] = 0
        for index in range(self.capacity):
            slot = &self.slots[index]
            if is_meant(slot, join_ref, expired_at_ns):
                found += 1
            elif slot.ref and slot.deadline_ns < earliest_ns:
                earliest_ns = slot.deadline_ns
        if found == 0:
            self.earliest_ns = earliest_ns
            return NULL
        out = <RefEntry*>malloc(<size_t>found * sizeof(RefEntry))
        if out == NULL:
            raise MemoryError
        found = 0
        for index in range(self.capacity):
            slot = &self.slots[index]
            if is_meant(slot, join_ref, expired_at_ns):
                out[found] = slot[0]
                found += 1
        qsort(out, <size_t>found, sizeof(RefEntry), by_ref)
        for index in range(found):
            slot = self._slot(out[index].ref)
            self._remove(slot - self.slots)
        if self.size:
            self.earliest_ns = earliest_ns
        count[0] = found
        return out
