"""What each compiler has a name of its own for."""

from libc.stdint cimport uint64_t

cdef extern from * nogil:
    """
    #if defined(__GNUC__) && !defined(FASTPHX_PORTABLE)
    #define fastphx_lowest_bit(word) __builtin_ctzll(word)
    #define fastphx_highest_bit(word) (63 - __builtin_clzll(word))
    // The two lines of memory where an object begins.
    #define fastphx_prefetch(object) \
        (__builtin_prefetch(object), __builtin_prefetch((const char*)(object) + 64))
    #else
    static int fastphx_lowest_bit(unsigned long long word) {
        int bit = 0;
        for (int half = 32; half; half >>= 1)
            if (!(word & (((unsigned long long)1 << half) - 1))) { word >>= half; bit += half; }
        return bit;
    }
    static int fastphx_highest_bit(unsigned long long word) {
        int bit = 0;
        for (int half = 32; half; half >>= 1)
            if (word >> half) { word >>= half; bit += half; }
        return bit;
    }
    #define fastphx_prefetch(object) ((void)(object))
    #endif
    """
    # The number of the lowest bit that is set. *word* is not 0.
    int lowest_bit "fastphx_lowest_bit" (uint64_t word) noexcept
    # The number of the highest bit that is set. *word* is not 0.
    int highest_bit "fastphx_highest_bit" (uint64_t word) noexcept
    # Let the beginning of an object come into the near caches, where the compiler can ask for that.
    void prefetch "fastphx_prefetch" (const void* object) noexcept
