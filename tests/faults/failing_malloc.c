/* Preloaded: the n-th allocation that a compiled module of fastphx asks libc for fails, once armed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

static long left = 0; /* 0: not armed */
static long failed = 0;

void fail_nth(long n) { left = n; failed = 0; }
long has_failed(void) { left = 0; return failed; }

static int fails(void *caller) {
    Dl_info info;
    if (left == 0 || !dladdr(caller, &info) || info.dli_fname == NULL || strstr(info.dli_fname, "/fastphx/") == NULL)
        return 0;
    if (--left)
        return 0;
    failed = 1;
    return 1;
}

void *malloc(size_t size) { return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size); }
void *calloc(size_t n, size_t size) { return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size); }
void *realloc(void *old, size_t size) { return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size); }
