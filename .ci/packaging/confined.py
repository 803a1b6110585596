"""Runs a command under a unit's SystemCallFilter and MemoryDenyWriteExecute: confined.py UNIT COMMAND…"""

import ctypes
import errno
import os
import subprocess
import sys

import seccomp


def calls(group):
    """The calls of one of systemd's groups, and of those in it."""
    said = subprocess.run(["systemd-analyze", "syscall-filter", group], check=True, capture_output=True, text=True).stdout
    found = set()
    for line in said.splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            found |= calls(word)
        elif word and not word.startswith("#"):
            found.add(word)
    return found


unit, *command = sys.argv[1:]
allowed = calls("@default")
for line in open(unit, encoding="utf-8"):
    if line.startswith("SystemCallFilter="):
        value = line.strip().partition("=")[2]
        named = set().union(*(calls(group) for group in value.lstrip("~").split()))
        # execve starts the command; systemd lets itself do that, too.
        allowed = (allowed - named) | {"execve"} if value.startswith("~") else allowed | named

rules = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
for name in sorted(allowed):
    try:
        number = seccomp.resolve_syscall(seccomp.Arch.NATIVE, name)
    except (RuntimeError, ValueError):
        continue  # not one of this machine's
    if number < 0 or name in ("mmap", "mprotect", "pkey_mprotect", "shmat"):
        continue
    rules.add_rule(seccomp.ALLOW, name)
# No memory that is both written and run, and none that becomes so: PROT_WRITE is 2, PROT_EXEC 4.
rules.add_rule(seccomp.ALLOW, "mmap", seccomp.Arg(2, seccomp.MASKED_EQ, 4, 0))
rules.add_rule(seccomp.ALLOW, "mmap", seccomp.Arg(2, seccomp.MASKED_EQ, 6, 4))
rules.add_rule(seccomp.ALLOW, "mprotect", seccomp.Arg(2, seccomp.MASKED_EQ, 4, 0))
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
rules.load()
os.execv(command[0], command)
