# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Small linear systems whose unknowns have bounds: one step of a joint within what it may do."""

from __future__ import annotations

import numpy as np

_STIFF = 1e9

_ROUNDS = 4
"""Most attempts; what is out of bounds after the last is clipped."""


def bounded_solution(
    matrix: np.ndarray, right: np.ndarray, low: np.ndarray, high: np.ndarray,
    still: np.ndarray | None = None,
) -> np.ndarray:
    """Return x (k,) between its bounds with matrix @ x = right but where a bound pushes back.

    For a symmetric positive definite matrix that is the minimiser of x.matrix.x/2 - right.x, found
    by an active-set method (Nocedal and Wright, Numerical Optimization, 2nd ed., ch. 16.5):
    entries out of bounds are held there by a stiff spring, those that a bound pulls are let go,
    but not often: the next step of whoever iterates comes near enough.

    Parameters
    ----------
    matrix : ndarray (k, k)
    right, low, high : ndarray (k,)
        `low` <= 0 <= `high`.
    still : ndarray (k,) of bool, optional
        Entries whose bounds are 0.
    """
    free = np.linalg.solve(matrix, right)
    x = np.minimum(np.maximum(free, low), high)
    if (x == free).all():
        return x
    count = len(right)
    # Most that begin at a bound and are pushed outwards stay there.
    held = ((low > -1e-9) & (right < 0.0)) | ((high < 1e-9) & (right > 0.0))
    if still is not None:
        held |= still
    at = np.zeros(count)
    for attempt in range(_ROUNDS):
        if held.any():
            stiff = matrix.copy()
            stiff.reshape(-1)[::count + 1] += _STIFF * held
            free = np.linalg.solve(stiff, np.where(held, _STIFF * at, right))
        else:
            free = np.linalg.solve(matrix, right)
        x = np.minimum(np.maximum(free, low), high)
        out = (np.abs(free - x) > 1e-6) & ~held
        if out.any():
            held |= out
            at = np.where(out, x, at)
            continue
        if attempt or not held.any():
            break
        push = right - matrix @ x
        pulled = held & (((push > 1e-9) & (x < high - 1e-9)) | ((push < -1e-9)
                                                                 & (x > low + 1e-9)))
        if not pulled.any():
            break
        held &= ~pulled
    return x
