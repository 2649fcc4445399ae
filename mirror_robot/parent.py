# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Ties the life of a process to that of the one that started it, however that one ends."""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
# Loaded before any fork: between fork and exec nothing may be loaded or allocated.
_LIBC = ctypes.CDLL(None, use_errno=True)


def signal_at_parents_end(number: signal.Signals) -> None:
    """Have the kernel send this process a signal when the thread that started it ends.

    It is safe between fork and exec, where the parent cannot have gone unseen.

    Parameters
    ----------
    number : signal.Signals
    """
    _LIBC.prctl(_PR_SET_PDEATHSIG, number)


def die_with(parent: int) -> None:
    """Kill this process when its parent is gone; end it at once if that is so already.

    Parameters
    ----------
    parent : int
        Process id of the parent, as the parent itself told it.
    """
    signal_at_parents_end(signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
