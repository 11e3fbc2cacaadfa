"""Keep freed memory: this saves page faults in each training step on a CPU."""

import ctypes
import sys

# From glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3


def keep_freed_memory() -> None:
    """Ask glibc not to give large blocks back to the system after each use; elsewhere, do nothing.

    Every step frees its activations and asks for as much again; the system would hand out fresh pages, a fault each.
    """
    if not sys.platform.startswith("linux"):
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_MMAP_THRESHOLD, 1 << 30)
        set_option(_TRIM_THRESHOLD, (1 << 31) - 1)
        set_option(_TOP_PAD, 64 << 20)
