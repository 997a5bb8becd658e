"""Calls of the kernel that Python has no functions for."""

import ctypes
import os

CLONE_NEWNS = 0x20000
MS_NOSUID, MS_NODEV = 2, 4

libc = ctypes.CDLL(None, use_errno=True)


def check(result, what):
    """Turns a failed C call into OSError."""
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
