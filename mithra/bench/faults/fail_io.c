/* Makes the Nth write, fsync, rename or link below a folder fail. Loaded with LD_PRELOAD; it reaches Python,
   Arrow, DuckDB and the Rust of deltalake alike, which all call the C library. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls, at;
static atomic_int error, stays;

/* From call `number` on (stays) or at it alone; 0 disarms. Counts anew. */
void mithra_fail(long number, int code, int all_from_then_on) {
    atomic_store(&at, 0);
    atomic_store(&calls, 0);
    atomic_store(&error, code);
    atomic_store(&stays, all_from_then_on);
    atomic_store(&at, number);
}

long mithra_calls(void) { return atomic_load(&calls); }

static int fails(const char *path) {
    const char *under = getenv("MITHRA_FAIL_UNDER");
    if (!under || !path || !strstr(path, under)) return 0;
    long call = atomic_fetch_add(&calls, 1) + 1, bad = atomic_load(&at);
    if (!bad || call < bad || (call > bad && !atomic_load(&stays))) return 0;
    errno = atomic_load(&error);
    return 1;
}

static int fails_fd(int fd) {
    char link[64], path[PATH_MAX];
    int saved = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = saved;
    if (length < 0) return 0;
    path[length] = 0;
    return fails(path);
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *b, size_t n) { REAL(write); return fails_fd(fd) ? -1 : real(fd, b, n); }
ssize_t pwrite(int fd, const void *b, size_t n, off_t o) { REAL(pwrite); return fails_fd(fd) ? -1 : real(fd, b, n, o); }
ssize_t pwrite64(int fd, const void *b, size_t n, off64_t o) { REAL(pwrite64); return fails_fd(fd) ? -1 : real(fd, b, n, o); }
ssize_t writev(int fd, const struct iovec *v, int n) { REAL(writev); return fails_fd(fd) ? -1 : real(fd, v, n); }
int fsync(int fd) { REAL(fsync); return fails_fd(fd) ? -1 : real(fd); }
int fdatasync(int fd) { REAL(fdatasync); return fails_fd(fd) ? -1 : real(fd); }
int rename(const char *a, const char *b) { REAL(rename); return fails(b) ? -1 : real(a, b); }
int renameat(int c, const char *a, int d, const char *b) { REAL(renameat); return fails(b) ? -1 : real(c, a, d, b); }
int renameat2(int c, const char *a, int d, const char *b, unsigned f) { REAL(renameat2); return fails(b) ? -1 : real(c, a, d, b, f); }
int link(const char *a, const char *b) { REAL(link); return fails(b) ? -1 : real(a, b); }
int linkat(int c, const char *a, int d, const char *b, int f) { REAL(linkat); return fails(b) ? -1 : real(c, a, d, b, f); }
