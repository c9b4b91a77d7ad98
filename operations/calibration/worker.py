"""How a process that measures beside others prepares itself."""

import ctypes
import os
import signal

_NICENESS = 5
_PR_SET_PDEATHSIG = 1  # prctl(2)
# mallopt(3): parameters of glibc's allocator.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4


def prepare() -> None:
    """Give way to whoever works at the machine, end with the parent, and keep freed memory."""
    os.nice(_NICENESS)
    try:
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        # A score's large arrays would be fetched from the system anew each time, which doubles the time.
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    except (OSError, AttributeError):  # another C library: slower, no worse
        return
