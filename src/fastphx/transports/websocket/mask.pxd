"""A client's frames are masked (RFC 6455 section 5.3)."""

from libc.stdint cimport uint32_t

cdef extern from * nogil:
    """
    #include <stdint.h>
    #include <string.h>
    #if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) \
        && !defined(FASTPHX_PORTABLE)
    // Compiled twice: the processor decides when it is loaded.
    __attribute__((target_clones("avx2", "default")))
    #endif
    static void fastphx_mask_blocks(char* data, size_t blocks, uint64_t key) {
        for (; blocks; blocks--, data += 64)
            for (int at = 0; at < 64; at += 8) {
                uint64_t word;
                memcpy(&word, data + at, 8);
                word ^= key;
                memcpy(data + at, &word, 8);
            }
    }
    static void fastphx_mask(char* data, size_t size, uint32_t key) {
        const uint64_t wide = ((uint64_t)key << 32) | key;
        size_t at = 0;
        if (size >= 256) {
            at = size & ~(size_t)63;
            fastphx_mask_blocks(data, at / 64, wide);
        }
        for (; size - at >= 8; at += 8) {
            uint64_t word;
            memcpy(&word, data + at, 8);
            word ^= wide;
            memcpy(data + at, &word, 8);
        }
        for (; at < size; at++)
            data[at] ^= ((const char*)&key)[at & 3];
    }
    """
    # Mask a payload in place, or unmask it. The key is as it lies in memory, so its order of bytes does not
    # matter.
    void mask "fastphx_mask" (char* data, size_t size, uint32_t key) noexcept
