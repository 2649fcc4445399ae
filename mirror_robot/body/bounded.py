# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Small linear systems whose unknowns have bounds: one step of a joint within what it may do."""

from __future__ import annotations

import numpy as np

_ROUNDS = 4
"""Most attempts; what is out of bounds after the last is clipped."""


def bounded_solution(
    inverse: np.ndarray, right: np.ndarray, low: np.ndarray, high: np.ndarray,
) -> np.ndarray:
    """Return x (k,) between its bounds with matrix @ x = right but where a bound pushes back.

    For a symmetric positive definite matrix that is the minimiser of x.matrix.x/2 - right.x, found
    by an active-set method (Nocedal and Wright, Numerical Optimization, 2nd ed., ch. 16.5):
    entries out of bounds are held there, those that a bound pulls are let go, but not often: the
    next step of whoever iterates comes near enough.

    Parameters
    ----------
    inverse : ndarray (k, k)
        Of the matrix: several right sides and held entries cost one inversion.
    right, low, high : ndarray (k,)
        `low` <= 0 <= `high`.
    """
    free = inverse @ right
    x = np.minimum(np.maximum(free, low), high)
    out = x != free
    if not out.any():
        return x
    # Most that begin at a bound and are pushed outwards stay there.
    held = ((low > -1e-9) & (right < 0.0)) | ((high < 1e-9) & (right > 0.0))
    at, guessed = np.zeros(len(x)), held.any()
    if not guessed:
        held, at = out, np.where(out, x, 0.0)
    # Only what was guessed may be let go, and once.
    for attempt in range(0 if guessed else 1, _ROUNDS):
        rows = np.flatnonzero(held)
        # What the bounds add to the right side, that those entries come out as they are held.
        across = inverse[:, rows]
        push = np.linalg.solve(across[rows], at[rows] - free[rows])
        now = free + across @ push
        x = np.minimum(np.maximum(now, low), high)
        out = (np.abs(now - x) > 1e-6) & ~held
        if out.any():
            held |= out
            at = np.where(out, x, at)
            continue
        if attempt:
            break
        here = at[rows]
        pulled = (((push < -1e-9) & (here < high[rows] - 1e-9))
                  | ((push > 1e-9) & (here > low[rows] + 1e-9)))
        if not pulled.any():
            break
        held[rows[pulled]] = False
        if not held.any():
            x = np.minimum(np.maximum(free, low), high)
            break
    return x
