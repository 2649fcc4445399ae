# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Pinocchio's results as arrays: one view of all joints or frames instead of one of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def as_one(views: Sequence[np.ndarray]) -> np.ndarray:
    """Return one view (n, ...) of n arrays of one shape that lie in memory at equal distances.

    What Pinocchio keeps in a std::vector does; the vector must live as long as the view.

    Raises
    ------
    ValueError
        If the arrays lie elsewhere.
    """
    first = views[0]
    places = np.array([view.__array_interface__["data"][0] for view in views])
    step = int(places[1] - places[0]) if len(places) > 1 else 0
    if (np.diff(places) != step).any() or any(view.strides != first.strides for view in views):
        raise ValueError("the arrays do not lie in memory one after the other")
    return np.lib.stride_tricks.as_strided(
        first, (len(views), *first.shape), (step, *first.strides), writeable=False)
