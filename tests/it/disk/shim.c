// Stands between a server and its disk: preloaded by the tests (shim.rs), for Linux and glibc. Of the calls that the server makes on the
// files of one directory it counts each, fails those that the test's plan names, and logs what a disk would get to see. Syncs
// are only counted and logged, not done: what a disk makes of them is the tests' to say.
//
// OTS_SHIM_DIR         the directory, as the server will name it
// OTS_SHIM_CONTROL     a file that holds a `struct control`, which the test reads and writes as well
// OTS_SHIM_LOG         a file to append the log to (may be unset)
// OTS_SHIM_ALLOCATORS  "from-to from-to", in hexadecimal: where in the program SQLite's allocators lie (may be unset)
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

// As in shim.rs.
enum kind { WRITE, SYNC, TRUNCATE, UNLINK, OPEN, LOCK, MAP, READ, ALLOCATE, KINDS };
enum event { WRITTEN = 1, SYNCED, TRUNCATED, UNLINKED, OPENED, RENAMED };

struct control {
    uint64_t armed; // nothing is counted or failed before
    uint64_t kind, nth, times, error; // the plan: `times` calls of a kind fail from the nth on; error 0: the first of them writes half
    uint64_t sync_us; // how long a sync takes
    uint64_t quota, quota_error, quota_late; // the bytes that the files may have in all; late: it is the sync that finds out
    uint64_t calls[KINDS]; // how many there were
};

// A record of the log; `length` bytes follow: what was written, or a file's name.
struct record {
    uint64_t event, file, offset, length;
};

#define FILES 4096
static uint64_t files[FILES]; // the inodes of what is open in the directory, by descriptor; 0: not ours
static const char *directory;
static size_t directory_length;
static struct control *control;
static int log_file = -1;
static pthread_mutex_t log_order = PTHREAD_MUTEX_INITIALIZER;
static struct { uintptr_t from, to; } allocators[2];

// The function of libc that ours stands before.
#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static uint64_t file_of(int fd) { return fd >= 0 && fd < FILES ? files[fd] : 0; }

// The name in the directory, "" for itself; NULL for what lies elsewhere.
static const char *name_of(const char *path) {
    if (!directory || !path || strncmp(path, directory, directory_length)) return NULL;
    path += directory_length;
    return *path == '/' ? path + 1 : *path ? NULL : path;
}

// Counts a call; true, and errno set, if the plan fails it.
static int fails(enum kind kind) {
    if (!control || !control->armed) return 0;
    uint64_t call = __atomic_add_fetch(&control->calls[kind], 1, __ATOMIC_SEQ_CST);
    if (kind != control->kind || call < control->nth || call - control->nth >= control->times) return 0;
    errno = control->error ? (int)control->error : ENOSPC;
    return 1;
}

// Whether the write that was just failed is to be a short one.
static int is_short(size_t length) {
    return !control->error && length > 1 && control->calls[WRITE] == control->nth;
}

// Whether the directory's files are more than the quota; true, and errno set, if they would be with `more` bytes.
static int is_over_quota(uint64_t more) {
    if (!control || !control->quota) return 0;
    DIR *entries = opendir(directory);
    struct stat status;
    if (!entries) abort();
    for (struct dirent *entry; (entry = readdir(entries));)
        if (!fstatat(dirfd(entries), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) && S_ISREG(status.st_mode))
            more += (uint64_t)status.st_size;
    closedir(entries);
    errno = (int)control->quota_error;
    return more > control->quota;
}

// Whether a write that ends there makes its file too long. No file is shared but by the database's own threads.
static int finds_no_space(int fd, uint64_t end) {
    struct stat status;
    if (!control || !control->quota || control->quota_late || fstat(fd, &status)) return 0;
    return end > (uint64_t)status.st_size && is_over_quota(end - (uint64_t)status.st_size);
}

// The log's order is the order in which things are done: both are done under one lock.
static void begin(void) { if (log_file >= 0) pthread_mutex_lock(&log_order); }

static void end(enum event event, uint64_t file, uint64_t offset, const void *bytes, size_t length, int done) {
    if (log_file < 0) return;
    int error = errno;
    if (done) {
        struct record record = { event, file, offset, length };
        struct iovec parts[] = { { &record, sizeof record }, { (void *)bytes, length } };
        REAL(writev);
        // In one call, so that the marks which the test appends come between records.
        if (real(log_file, parts, 2) != (ssize_t)(sizeof record + length)) abort();
    }
    pthread_mutex_unlock(&log_order);
    errno = error;
}

static int opened(int fd, const char *name, int flags) {
    struct stat status;
    if (fd < 0 || fd >= FILES || fstat(fd, &status)) return fd;
    files[fd] = status.st_ino;
    begin();
    end(OPENED, status.st_ino, 0, name, strlen(name), 1);
    if (flags & O_TRUNC) begin(), end(TRUNCATED, status.st_ino, 0, "", 0, 1);
    return fd;
}

#define OPEN_AS(function) \
    int function(const char *path, int flags, ...) { \
        REAL(function); \
        va_list rest; \
        va_start(rest, flags); \
        int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0; \
        va_end(rest); \
        const char *name = name_of(path); \
        if (!name) return real(path, flags, mode); \
        if (fails(OPEN)) return -1; \
        return opened(real(path, flags, mode), name, flags); \
    }
OPEN_AS(open)
OPEN_AS(open64)

int close(int fd) {
    REAL(close);
    if (file_of(fd)) files[fd] = 0;
    return real(fd);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    REAL(write);
    uint64_t file = file_of(fd);
    if (!file) return real(fd, bytes, length);
    if (fails(WRITE)) {
        if (!is_short(length)) return -1;
        length /= 2;
    }
    begin();
    off64_t offset = fcntl(fd, F_GETFL) & O_APPEND ? lseek64(fd, 0, SEEK_END) : lseek64(fd, 0, SEEK_CUR);
    if (finds_no_space(fd, (uint64_t)offset + length)) return end(WRITTEN, file, 0, "", 0, 0), -1;
    ssize_t written = real(fd, bytes, length);
    end(WRITTEN, file, (uint64_t)offset, bytes, written > 0 ? (size_t)written : 0, written > 0);
    return written;
}

#define WRITE_AT(function, type) \
    ssize_t function(int fd, const void *bytes, size_t length, type offset) { \
        REAL(function); \
        uint64_t file = file_of(fd); \
        if (!file) return real(fd, bytes, length, offset); \
        if (fails(WRITE)) { \
            if (!is_short(length)) return -1; \
            length /= 2; \
        } \
        if (finds_no_space(fd, (uint64_t)offset + length)) return -1; \
        begin(); \
        ssize_t written = real(fd, bytes, length, offset); \
        end(WRITTEN, file, (uint64_t)offset, bytes, written > 0 ? (size_t)written : 0, written > 0); \
        return written; \
    }
WRITE_AT(pwrite, off_t)
WRITE_AT(pwrite64, off64_t)

#define READ_AS(function, parameters, arguments) \
    ssize_t function parameters { \
        REAL(function); \
        if (file_of(fd) && fails(READ)) return -1; \
        return real arguments; \
    }
READ_AS(read, (int fd, void *bytes, size_t length), (fd, bytes, length))
READ_AS(pread, (int fd, void *bytes, size_t length, off_t offset), (fd, bytes, length, offset))
READ_AS(pread64, (int fd, void *bytes, size_t length, off64_t offset), (fd, bytes, length, offset))

#define SYNC_AS(function) \
    int function(int fd) { \
        REAL(function); \
        uint64_t file = file_of(fd); \
        if (!file) return real(fd); \
        if (fails(SYNC) || (control->quota_late && is_over_quota(0))) return -1; \
        begin(); \
        if (control && control->sync_us) usleep((useconds_t)control->sync_us); \
        end(SYNCED, file, 0, "", 0, 1); \
        return 0; \
    }
SYNC_AS(fsync)
SYNC_AS(fdatasync)

#define TRUNCATE_AS(function, type) \
    int function(int fd, type length) { \
        REAL(function); \
        uint64_t file = file_of(fd); \
        if (!file) return real(fd, length); \
        if (fails(TRUNCATE)) return -1; \
        begin(); \
        int failed = real(fd, length); \
        end(TRUNCATED, file, (uint64_t)length, "", 0, !failed); \
        return failed; \
    }
TRUNCATE_AS(ftruncate, off_t)
TRUNCATE_AS(ftruncate64, off64_t)

int unlink(const char *path) {
    REAL(unlink);
    const char *name = name_of(path);
    if (!name) return real(path);
    if (fails(UNLINK)) return -1;
    begin();
    int failed = real(path);
    end(UNLINKED, 0, 0, name, strlen(name), !failed);
    return failed;
}

// Logged as "from/to".
int rename(const char *from, const char *to) {
    REAL(rename);
    const char *old_name = name_of(from), *new_name = name_of(to);
    if (!old_name || !new_name) return real(from, to);
    char both[512];
    int length = snprintf(both, sizeof both, "%s/%s", old_name, new_name);
    begin();
    int failed = real(from, to);
    end(RENAMED, 0, 0, both, (size_t)length, !failed);
    return failed;
}

// Locks by fcntl(2). That one is given back always succeeds, as it does on any local file system.
#define FCNTL_AS(function) \
    int function(int fd, int command, ...) { \
        REAL(function); \
        va_list rest; \
        va_start(rest, command); \
        void *argument = va_arg(rest, void *); \
        va_end(rest); \
        uint64_t file = file_of(fd); \
        if (file && command == F_SETLK && ((struct flock *)argument)->l_type != F_UNLCK && fails(LOCK)) return -1; \
        int result = real(fd, command, argument); \
        int copies = command == F_DUPFD || command == F_DUPFD_CLOEXEC; \
        if (file && copies && result >= 0 && result < FILES) files[result] = file; \
        return result; \
    }
FCNTL_AS(fcntl)
FCNTL_AS(fcntl64)

#define MAP_AS(function, type) \
    void *function(void *at, size_t length, int access, int flags, int fd, type offset) { \
        REAL(function); \
        if (file_of(fd) && fails(MAP)) return MAP_FAILED; \
        return real(at, length, access, flags, fd, offset); \
    }
MAP_AS(mmap, off_t)
MAP_AS(mmap64, off64_t)

// glibc's own names for what ours stand before: dlsym itself allocates.
extern void *__libc_malloc(size_t);
extern void *__libc_realloc(void *, size_t);

static int is_sqlites(const void *caller) {
    for (int i = 0; i < 2; i++)
        if ((uintptr_t)caller >= allocators[i].from && (uintptr_t)caller < allocators[i].to) return 1;
    return 0;
}

void *malloc(size_t size) {
    if (is_sqlites(__builtin_return_address(0)) && fails(ALLOCATE)) return NULL;
    return __libc_malloc(size);
}

void *realloc(void *old, size_t size) {
    if (is_sqlites(__builtin_return_address(0)) && fails(ALLOCATE)) return NULL;
    return __libc_realloc(old, size);
}

// The first object is the program; its symbols count from there.
static int program_base(struct dl_phdr_info *info, size_t size, void *base) {
    (void)size;
    *(uintptr_t *)base = info->dlpi_addr;
    return 1;
}

__attribute__((constructor)) static void start(void) {
    const char *control_path = getenv("OTS_SHIM_CONTROL"), *log_path = getenv("OTS_SHIM_LOG");
    const char *ranges = getenv("OTS_SHIM_ALLOCATORS");
    if (!getenv("OTS_SHIM_DIR") || !control_path) return;
    int fd = open64(control_path, O_RDWR | O_CLOEXEC);
    void *shared = mmap64(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (log_path) log_file = open64(log_path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (shared == MAP_FAILED || (log_path && log_file < 0)) abort();
    close(fd);
    uintptr_t base = 0;
    dl_iterate_phdr(program_base, &base);
    if (ranges && sscanf(ranges, "%lx-%lx %lx-%lx", &allocators[0].from, &allocators[0].to, &allocators[1].from,
                         &allocators[1].to) != 4) abort();
    for (int i = 0; ranges && i < 2; i++) allocators[i].from += base, allocators[i].to += base;
    control = shared;
    directory_length = strlen(getenv("OTS_SHIM_DIR"));
    directory = getenv("OTS_SHIM_DIR"); // from here on
}
