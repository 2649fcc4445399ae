# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What a node tells on /diagnostics: rates, latencies, counts and its state."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

OK, WARN, ERROR, STALE = (
    DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR, DiagnosticStatus.STALE)


class Rate:
    """Events per second over a sliding window, on the steady clock."""

    def __init__(self, window: float = 2.0) -> None:
        self._window = window
        self._times: deque[float] = deque()

    def tick(self) -> None:
        """Count one event now."""
        self._times.append(time.monotonic())

    def __call__(self) -> float:
        """Return the rate [1/s] over the last window."""
        now = time.monotonic()
        while self._times and self._times[0] < now - self._window:
            self._times.popleft()
        return len(self._times) / self._window


class Percentiles:
    """Median and 95th percentile of the last samples."""

    def __init__(self, size: int = 500) -> None:
        self._samples: deque[float] = deque(maxlen=size)

    def add(self, sample: float) -> None:
        """Take in one sample."""
        self._samples.append(sample)

    def __call__(self) -> tuple[float, float]:
        """Return (p50, p95), NaN when there is no sample."""
        if not self._samples:
            return float("nan"), float("nan")
        p50, p95 = np.percentile(self._samples, (50, 95))
        return float(p50), float(p95)


class Diagnostics:
    """Publishes one `DiagnosticStatus` of a node, once a second and whenever its state changes.

    Parameters
    ----------
    node : Node
        Its name becomes the status's name.
    report : callable
        Returns ``(level, message, values)``; values is a mapping of names to anything printable.
    """

    def __init__(
        self, node: Node, report: Callable[[], tuple[bytes, str, Mapping[str, Any]]],
    ) -> None:
        self._node = node
        self._report = report
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._timer = node.create_timer(1.0, self.publish)
        self.counts: Counter[str] = Counter()
        """Counted occurrences by name (drops, refusals); always part of the values."""

    def publish(self) -> None:
        """Publish the present state now."""
        level, message, values = self._report()
        status = DiagnosticStatus(
            level=level, name=self._node.get_name(), message=message,
            hardware_id="mirror_robot",
            values=[KeyValue(key=key, value=_text(value))
                    for key, value in {**values, **self.counts}.items()])
        array = DiagnosticArray(status=[status])
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(array)


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
