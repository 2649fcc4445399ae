# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The One-Euro filter over arrays: steady while still, quick while moving."""

from __future__ import annotations

import numpy as np


class OneEuroFilter:
    """First-order low-pass filter whose cutoff rises with speed, for every entry of an array.

    Casiez, Roussel, Vogel: 1 Euro Filter, CHI 2012. Conformant with the authors' reference data:
    the derivative is taken against the previous *filtered* value.

    Parameters
    ----------
    mincutoff : float
        Cutoff of a signal at rest [Hz]. Lower is steadier and slower to start moving.
    beta : float
        Rise of the cutoff with speed [Hz per unit/s]. Higher lags less while moving; too high and
        noise opens the filter.
    dcutoff : float
        Cutoff of the speed estimate [Hz].
    vectors : bool
        The last axis holds the coordinates of one vector: its speed is the norm over them, so that
        all coordinates lag alike and a path in space is not bent by the choice of axes.
    """

    def __init__(
        self, mincutoff: float = 1.0, beta: float = 0.0, dcutoff: float = 1.0,
        vectors: bool = False,
    ) -> None:
        if mincutoff <= 0 or dcutoff <= 0 or beta < 0:
            raise ValueError(
                f"cutoffs must be above 0 Hz and beta at least 0: mincutoff {mincutoff}, "
                f"dcutoff {dcutoff}, beta {beta}")
        self.mincutoff, self.beta, self.dcutoff = mincutoff, beta, dcutoff
        self._vectors = vectors
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next value passes as it is."""
        self._time: float | None = None
        self._value = self._speed = np.empty(0)

    def __call__(self, time: float, value: np.ndarray | float) -> np.ndarray:
        """Return the filtered value.

        Parameters
        ----------
        time : float
            When the value was taken [s]. When it steps back, the filter starts anew; when it
            repeats, the last filtered value is returned.
        value : ndarray
            Any shape, the same at every call (another shape starts the filter anew). An entry that
            is NaN comes out as NaN, and its filter starts anew when it comes back.

        Returns
        -------
        ndarray
            Of the same shape.
        """
        value = np.asarray(value, float)
        if self._time is None or time < self._time or value.shape != self._value.shape:
            self._value, self._speed, self._time = value, np.zeros_like(value), time
            return value.copy()
        step = time - self._time
        if step == 0:
            return self._value.copy()
        fresh = np.isnan(self._value)
        previous = np.where(fresh, value, self._value)
        slope = (value - previous) / step
        speed = np.where(fresh, 0.0, self._speed)
        speed = speed + _gain(self.dcutoff, step) * (slope - speed)
        pace = np.linalg.norm(speed, axis=-1, keepdims=True) if self._vectors else np.abs(speed)
        filtered = previous + _gain(self.mincutoff + self.beta * pace, step) * (value - previous)
        self._value, self._speed, self._time = filtered, speed, time
        return filtered.copy()


def _gain(cutoff: np.ndarray | float, step: float) -> np.ndarray | float:
    # Eq. 5 of the paper, alpha = 1 / (1 + tau/T) with tau = 1 / (2 pi f_c).
    return 1.0 / (1.0 + 1.0 / (2.0 * np.pi * cutoff * step))
