"""What the compiled modules ask the system for by itself, past Python."""

from libc.stdint cimport int64_t

cdef extern from * nogil:
    """
    #include <stdint.h>
    #if defined(__linux__) && !defined(FASTPHX_PORTABLE)
    #include <sys/timerfd.h>
    #include <time.h>
    #include <unistd.h>
    static int fastphx_timerfd_open(void) {
        return timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    }
    static int fastphx_timerfd_set(int fd, int64_t deadline_ns) {
        struct itimerspec spec = {{0, 0}, {deadline_ns / 1000000000, deadline_ns % 1000000000}};
        return timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, 0);
    }
    static void fastphx_timerfd_close(int fd) { close(fd); }
    #else
    static int fastphx_timerfd_open(void) { return -1; }
    static int fastphx_timerfd_set(int fd, int64_t deadline_ns) { (void)fd; (void)deadline_ns; return -1; }
    static void fastphx_timerfd_close(int fd) { (void)fd; }
    #endif

    #if defined(_WIN32)
    #ifndef WIN32_LEAN_AND_MEAN
    #define WIN32_LEAN_AND_MEAN
    #endif
    #include <windows.h>
    static int64_t fastphx_monotonic_ns(void) {
    #if PY_VERSION_HEX < 0x030D0000
        return (int64_t)GetTickCount64() * 1000000;
    #else
        LARGE_INTEGER rate, now;
        QueryPerformanceFrequency(&rate);
        QueryPerformanceCounter(&now);
        return now.QuadPart / rate.QuadPart * 1000000000
            + now.QuadPart % rate.QuadPart * 1000000000 / rate.QuadPart;
    #endif
    }
    #else
    #include <time.h>
    static int64_t fastphx_monotonic_ns(void) {
        struct timespec now;
    #if defined(__APPLE__)
        clock_gettime(CLOCK_UPTIME_RAW, &now);
    #else
        clock_gettime(CLOCK_MONOTONIC, &now);
    #endif
        return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    }
    #endif

    #if defined(_WIN32) || defined(FASTPHX_PORTABLE)
    static Py_ssize_t fastphx_send_now(int fd, const char* data, Py_ssize_t size) {
        (void)fd; (void)data; (void)size;
        return -1;
    }
    #else
    #include <sys/socket.h>
    #ifndef MSG_NOSIGNAL
    #define MSG_NOSIGNAL 0
    #endif
    static Py_ssize_t fastphx_send_now(int fd, const char* data, Py_ssize_t size) {
        return (Py_ssize_t)send(fd, data, (size_t)size, MSG_NOSIGNAL);
    }
    #endif

    #include <string.h>
    #if defined(_WIN32) || defined(FASTPHX_PORTABLE)
    static const void* fastphx_find_bytes(
            const void* data, size_t size, const void* wanted, size_t wanted_size) {
        const char* at = (const char*)data;
        const char* end = at + size;
        while ((size_t)(end - at) >= wanted_size) {
            at = wanted_size ? (const char*)memchr(at, *(const char*)wanted, end - at - wanted_size + 1) : at;
            if (at == NULL || memcmp(at, wanted, wanted_size) == 0)
                return at;
            at++;
        }
        return NULL;
    }
    #else
    #define fastphx_find_bytes memmem
    #endif

    #if defined(_WIN32) || defined(__APPLE__) || defined(FASTPHX_PORTABLE)
    static char** fastphx_environment(void) { return NULL; }
    #else
    extern char** environ;
    static char** fastphx_environment(void) { return environ; }
    #endif
    """
    # A descriptor that becomes readable at a time, exact to some microseconds; -1 where there is none.
    int timerfd_open "fastphx_timerfd_open" () noexcept
    # Set it anew; unread expirations are gone with that. 0: disarm it. Returns 0, or -1 if that failed.
    int timerfd_set "fastphx_timerfd_set" (int fd, int64_t deadline_ns) noexcept
    void timerfd_close "fastphx_timerfd_close" (int fd) noexcept

    # The clock of Python's ``time.monotonic_ns``: each system has several.
    int64_t monotonic_ns "fastphx_monotonic_ns" () noexcept

    # Hand bytes to a socket that never blocks. Returns how many it took; -1 if it took none, or if only the
    # loop can send on it, as on Windows.
    Py_ssize_t send_now "fastphx_send_now" (int fd, const char* data, Py_ssize_t size) noexcept

    # Where *wanted* begins in *data*; NULL if it does not.
    const void* find_bytes "fastphx_find_bytes" (
        const void* data, size_t size, const void* wanted, size_t wanted_size) noexcept

    # The process' variables, NAME=VALUE, up to a NULL; NULL itself where a library cannot read them so.
    char** environment "fastphx_environment" () noexcept
