"""JSON whose integers are of any size, as Elixir's are. orjson makes floats of those beyond 64 bits."""

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #define fastphx_is_digit(data, at) ((unsigned char)((data)[at] - '0') <= 9)

    static CYTHON_INLINE int fastphx_eight_digits(const char *data) {
        uint64_t word;
        memcpy(&word, data, 8);
        return (((word + 0x0606060606060606u) | word) & 0xf0f0f0f0f0f0f0f0u) == 0x3030303030303030u
            && (word & 0xf0f0f0f0f0f0f0f0u) == 0x3030303030303030u;
    }

    /* Whether *data*, which is JSON, may hold an integer beyond 64 bits: one of 20 digits, or of 19 and a
       minus. Of 19 digits in a row eight stand at a multiple of 12, and six more before or behind them: most
       JSON is told apart by a word in twelve bytes. */
    static int fastphx_may_hold_long_integer(const char *data, Py_ssize_t size) {
        Py_ssize_t at, begin, end;
        char before, behind;
        for (at = 0; at + 8 <= size; at += 12) {
            if (!fastphx_is_digit(data, at) || !fastphx_eight_digits(data + at)
                    || !((at >= 6 && fastphx_eight_digits(data + at - 6))
                         || (at + 14 <= size && fastphx_eight_digits(data + at + 6))))
                continue;
            begin = at;
            while (begin > 0 && fastphx_is_digit(data, begin - 1)) begin--;
            end = at + 8;
            while (end < size && fastphx_is_digit(data, end)) end++;
            before = begin > 0 ? data[begin - 1] : 0;
            behind = end < size ? data[end] : 0;
            /* Not the fraction or the whole part of a float, and no string of digits. */
            if (end - begin >= (before == '-' ? 19 : 20) && before != '.' && behind != '.'
                    && (behind | 0x20) != 'e' && !(before == '"' && behind == '"'))
                return 1;
            /* No digit is looked at twice, however many there are. */
            at = end / 12 * 12;
        }
        return 0;
    }
    """
    bint may_hold_long_integer "fastphx_may_hold_long_integer" (
        const char* data, Py_ssize_t size) noexcept nogil
