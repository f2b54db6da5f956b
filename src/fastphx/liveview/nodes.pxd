"""What a rendered tree is made of."""

from fastphx.liveview.streams cimport StreamRows

cdef enum:
    CELL_BYTES = 64         # what a cell of a tree is reckoned at, beside its text

cdef class Statics:
    cdef readonly tuple parts       # of str: the template's fixed text
    cdef readonly Py_ssize_t slots  # between two parts: one cell each
    cdef readonly tuple regions     # of tags.Region: elements that are not just written
    cdef bint pins                  # whether the first content of some stays
    cdef frozenset tag_slots        # in the start tags of those
    cdef bint is_form               # all of it is one form

cdef class Node:
    cdef Statics statics
    cdef list cells                 # each a str, a Node, Rows, or an int: the component with this cid

cdef class Rows:
    cdef Statics statics
    cdef list rows                  # of lists of cells; empty where the table has them
    cdef StreamRows table           # or None

cdef Statics statics_of(object parts)
cdef object copied(object value)
cdef Py_ssize_t weight_of(object value) except -1
cdef bint holds(object value) except -1
