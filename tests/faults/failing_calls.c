/* Preloaded: once armed, some calls of one function of libc fail, or do half of what they were asked for; and the clocks
   leap or stand. Armed by its functions, or for a process yet to be started by FAILING_CALLS, FUNCTION|WHERE|FIRST|COUNT|ERRNO|PROCESS:
   PROCESS is a part of its command line. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define SHORT (-1)
#define REAL(type, name, ...) ((type(*)(__VA_ARGS__))next_##name())
#define NEXT(name)                                       \
    static void *next_##name(void) {                     \
        static void *found;                              \
        return found ? found : (found = dlsym(RTLD_NEXT, #name)); \
    }

static char function[32], where[200];
static int number;
static long first, count, seen, hits;
static volatile int armed;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* From the FIRST-th call of FUNCTION whose file has WHERE in its name on, COUNT calls fail with NUMBER. */
void fail_calls(const char *name, const char *part, long from, long times, int with) {
    pthread_mutex_lock(&lock);
    snprintf(function, sizeof function, "%s", name);
    snprintf(where, sizeof where, "%s", part);
    first = from, count = times, number = with, seen = hits = 0;
    armed = 1;
    pthread_mutex_unlock(&lock);
}

/* No call fails any more; how many have. */
long failed_calls(void) {
    armed = 0;
    return hits;
}

__attribute__((constructor)) static void read_environment(void) {
    char given[600], line[1000] = "", *rest = given, *part[6];
    const char *text = getenv("FAILING_CALLS");
    if (text == NULL)
        return;
    snprintf(given, sizeof given, "%s", text);
    for (int i = 0; i < 6; i++)
        if ((part[i] = strsep(&rest, "|")) == NULL)
            abort();
    int file = open("/proc/self/cmdline", O_RDONLY);
    ssize_t size = read(file, line, sizeof line - 1);
    close(file);
    for (ssize_t i = 0; i < size; i++)
        if (line[i] == 0)
            line[i] = ' ';
    if (strstr(line, part[5]) != NULL)
        fail_calls(part[0], part[1], atol(part[2]), atol(part[3]), atoi(part[4]));
}

/* 0, the error that this call is to fail with, or SHORT. */
static int fate(const char *name, const char *place) {
    if (!armed || strcmp(name, function) != 0 || strstr(place, where) == NULL)
        return 0;
    pthread_mutex_lock(&lock);
    int is_hit = armed && ++seen >= first && seen < first + count;
    hits += is_hit;
    pthread_mutex_unlock(&lock);
    return is_hit ? number : 0;
}

static const char *of_domain(int domain) {
    return domain == AF_INET || domain == AF_INET6 ? "inet socket" : "other socket";
}

static int fate_of_file(const char *name, int file) {
    char link[64], place[1000];
    int domain;
    socklen_t size = sizeof domain;
    if (!armed || strcmp(name, function) != 0)
        return 0;
    if (getsockopt(file, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0)
        return fate(name, of_domain(domain));
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, place, sizeof place - 1);
    place[length < 0 ? 0 : length] = 0;
    return fate(name, place);
}

#define FAILS(decided)          \
    int fated = (decided);      \
    if (fated > 0) {            \
        errno = fated;          \
        return -1;              \
    }
#define HALF(size) (fated == SHORT && (size) > 1 ? (size) / 2 : (size))

NEXT(socket)
int socket(int domain, int type, int protocol) {
    FAILS(fate("socket", of_domain(domain)));
    return REAL(int, socket, int, int, int)(domain, type, protocol);
}
NEXT(socketpair)
int socketpair(int domain, int type, int protocol, int two[2]) {
    FAILS(fate("socketpair", of_domain(domain)));
    return REAL(int, socketpair, int, int, int, int *)(domain, type, protocol, two);
}
NEXT(pipe2)
int pipe2(int two[2], int flags) {
    FAILS(fate("pipe2", ""));
    return REAL(int, pipe2, int *, int)(two, flags);
}
NEXT(fork)
pid_t fork(void) {
    FAILS(fate("fork", ""));
    return REAL(pid_t, fork, void)();
}
NEXT(pthread_create)
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument) {
    int fated = fate("pthread_create", "");
    return fated ? fated
                 : REAL(int, pthread_create, pthread_t *, const pthread_attr_t *, void *(*)(void *), void *)(
                       thread, attributes, run, argument);
}
NEXT(connect)
int connect(int file, const struct sockaddr *address, socklen_t size) {
    FAILS(fate("connect", of_domain(address->sa_family)));
    return REAL(int, connect, int, const struct sockaddr *, socklen_t)(file, address, size);
}
NEXT(bind)
int bind(int file, const struct sockaddr *address, socklen_t size) {
    FAILS(fate("bind", of_domain(address->sa_family)));
    return REAL(int, bind, int, const struct sockaddr *, socklen_t)(file, address, size);
}
NEXT(listen)
int listen(int file, int backlog) {
    FAILS(fate_of_file("listen", file));
    return REAL(int, listen, int, int)(file, backlog);
}
NEXT(accept)
int accept(int file, struct sockaddr *address, socklen_t *size) {
    FAILS(fate_of_file("accept", file));
    return REAL(int, accept, int, struct sockaddr *, socklen_t *)(file, address, size);
}
NEXT(accept4)
int accept4(int file, struct sockaddr *address, socklen_t *size, int flags) {
    FAILS(fate_of_file("accept", file));
    return REAL(int, accept4, int, struct sockaddr *, socklen_t *, int)(file, address, size, flags);
}
NEXT(getpeername)
int getpeername(int file, struct sockaddr *address, socklen_t *size) {
    FAILS(fate_of_file("getpeername", file));
    return REAL(int, getpeername, int, struct sockaddr *, socklen_t *)(file, address, size);
}
NEXT(setsockopt)
int setsockopt(int file, int level, int name, const void *value, socklen_t size) {
    FAILS(fate_of_file("setsockopt", file));
    return REAL(int, setsockopt, int, int, int, const void *, socklen_t)(file, level, name, value, size);
}
NEXT(epoll_ctl)
int epoll_ctl(int epoll, int operation, int file, struct epoll_event *event) {
    FAILS(operation == EPOLL_CTL_ADD ? fate_of_file("epoll_ctl", file) : 0);
    return REAL(int, epoll_ctl, int, int, int, struct epoll_event *)(epoll, operation, file, event);
}
NEXT(send)
ssize_t send(int file, const void *data, size_t size, int flags) {
    FAILS(fate_of_file("write", file));
    return REAL(ssize_t, send, int, const void *, size_t, int)(file, data, HALF(size), flags);
}
NEXT(write)
ssize_t write(int file, const void *data, size_t size) {
    FAILS(fate_of_file("write", file));
    return REAL(ssize_t, write, int, const void *, size_t)(file, data, HALF(size));
}
NEXT(writev)
ssize_t writev(int file, const struct iovec *parts, int number_of) {
    FAILS(fate_of_file("write", file));
    if (fated == SHORT)
        return REAL(ssize_t, write, int, const void *, size_t)(file, parts->iov_base, HALF(parts->iov_len));
    return REAL(ssize_t, writev, int, const struct iovec *, int)(file, parts, number_of);
}
NEXT(sendmsg)
ssize_t sendmsg(int file, const struct msghdr *message, int flags) {
    FAILS(fate_of_file("write", file));
    if (fated == SHORT && message->msg_iovlen)
        return REAL(ssize_t, send, int, const void *, size_t, int)(
            file, message->msg_iov->iov_base, HALF(message->msg_iov->iov_len), flags);
    return REAL(ssize_t, sendmsg, int, const struct msghdr *, int)(file, message, flags);
}
NEXT(recv)
ssize_t recv(int file, void *data, size_t size, int flags) {
    FAILS(fate_of_file("read", file));
    return REAL(ssize_t, recv, int, void *, size_t, int)(file, data, fated == SHORT && size ? 1 : size, flags);
}
NEXT(read)
ssize_t read(int file, void *data, size_t size) {
    FAILS(fate_of_file("read", file));
    return REAL(ssize_t, read, int, void *, size_t)(file, data, fated == SHORT && size ? 1 : size);
}
NEXT(fsync)
int fsync(int file) {
    FAILS(fate_of_file("fsync", file));
    return REAL(int, fsync, int)(file);
}
NEXT(close)
int close(int file) {
    /* What close says, it has closed the file. */
    int fated = fate_of_file("close", file), closed = REAL(int, close, int)(file);
    if (fated > 0)
        errno = fated, closed = -1;
    return closed;
}
NEXT(rename)
int rename(const char *from, const char *to) {
    FAILS(fate("rename", to));
    return REAL(int, rename, const char *, const char *)(from, to);
}
NEXT(mkdir)
int mkdir(const char *path, mode_t mode) {
    FAILS(fate("mkdir", path));
    return REAL(int, mkdir, const char *, mode_t)(path, mode);
}
#define OPENS(name, real)                                          \
    NEXT(real)                                                     \
    int real(const char *path, int flags, ...) {                   \
        va_list more;                                              \
        va_start(more, flags);                                     \
        mode_t mode = va_arg(more, mode_t);                        \
        va_end(more);                                              \
        FAILS(fate(name, path));                                   \
        return REAL(int, real, const char *, int, mode_t)(path, flags, mode); \
    }
OPENS("open", open)
OPENS("open", open64)

/* How far each clock is from the system's, in nanoseconds; where it stands while it does. */
static volatile long ahead_ns[2], stands_at_ns[2];

static long in_ns(const struct timespec *time) { return time->tv_sec * 1000000000L + time->tv_nsec; }

NEXT(clock_gettime)
static long real_ns(clockid_t clock) {
    struct timespec time;
    REAL(int, clock_gettime, clockid_t, struct timespec *)(clock, &time);
    return in_ns(&time);
}

static long shown_ns(clockid_t clock) {
    return stands_at_ns[clock] ? stands_at_ns[clock] : real_ns(clock) + ahead_ns[clock];
}

/* CLOCK_REALTIME (0) or CLOCK_MONOTONIC (1) leaps by so much. */
void leap(int clock, long by_ns) { ahead_ns[clock] += by_ns; }

/* It stands until it goes on from there. */
void stand(int clock) { stands_at_ns[clock] = shown_ns(clock); }
void go_on(int clock) {
    ahead_ns[clock] = stands_at_ns[clock] - real_ns(clock);
    stands_at_ns[clock] = 0;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int done = REAL(int, clock_gettime, clockid_t, struct timespec *)(clock, time);
    if ((clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC) && (ahead_ns[clock] || stands_at_ns[clock])) {
        long now_ns = shown_ns(clock);
        time->tv_sec = now_ns / 1000000000L, time->tv_nsec = now_ns % 1000000000L;
    }
    return done;
}

/* The system's timers go by the system's clock. */
static struct timespec of_the_system(const struct timespec *at) {
    long at_ns = in_ns(at) + real_ns(CLOCK_MONOTONIC) - shown_ns(CLOCK_MONOTONIC);
    at_ns = at_ns > 0 ? at_ns : 1;
    return (struct timespec){at_ns / 1000000000L, at_ns % 1000000000L};
}

NEXT(clock_nanosleep)
int clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left) {
    struct timespec moved = *until;
    if (flags & TIMER_ABSTIME && clock == CLOCK_MONOTONIC)
        moved = of_the_system(until);
    return REAL(int, clock_nanosleep, clockid_t, int, const struct timespec *, struct timespec *)(clock, flags, &moved, left);
}
NEXT(timerfd_settime)
int timerfd_settime(int file, int flags, const struct itimerspec *to, struct itimerspec *old) {
    struct itimerspec moved = *to;
    if (flags & TFD_TIMER_ABSTIME && in_ns(&to->it_value))
        moved.it_value = of_the_system(&to->it_value);
    return REAL(int, timerfd_settime, int, int, const struct itimerspec *, struct itimerspec *)(file, flags, &moved, old);
}
NEXT(timerfd_create)
int timerfd_create(int clock, int flags) {
    FAILS(fate("timerfd_create", ""));
    return REAL(int, timerfd_create, int, int)(clock, flags);
}
