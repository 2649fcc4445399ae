# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Reads a source on a thread of its own and comes back to cameras that were lost."""

from __future__ import annotations

import threading
from collections.abc import Callable

import cv2

from mirror_robot.perception.sources import Frame, Source, SourceError, SourceLost

RUNNING, ENDED, RETRYING, FAILED, STOPPED = "running", "ended", "retrying", "failed", "stopped"
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 10.0
# [s] before a lost camera is tried again; doubled each time


class Capture:
    """Hands on every frame of a source until it ends or is stopped.

    Parameters
    ----------
    source : Source
    on_frame : callable Frame -> None
        Called on the reading thread; must be quick.
    on_change : callable (state, message) -> None
        Called on the reading thread whenever `state` changes.
    """

    def __init__(
        self, source: Source, on_frame: Callable[[Frame], None],
        on_change: Callable[[str, str], None],
    ) -> None:
        self._source, self._on_frame, self._on_change = source, on_frame, on_change
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self.state = STOPPED
        """One of running, ended (no more frames), retrying (was lost), failed, stopped."""
        self.message = "not started"
        """What is to be said of the state."""
        self.losses = 0
        """How often a camera or stream was lost."""

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> bool:
        """End reading and release the source; return whether it let go within `timeout` [s]."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _become(self, state: str, message: str) -> None:
        changed = (state, message) != (self.state, self.message)
        self.state, self.message = state, message
        if changed:
            self._on_change(state, message)

    def _run(self) -> None:
        wait = _FIRST_WAIT
        try:
            while not self._stop.is_set():
                try:
                    self._source.open()
                    for frame in iter(self._source.read, None):
                        wait = _FIRST_WAIT
                        if self._stop.is_set():
                            return
                        self._become(RUNNING, f"{self._source.name} is running")
                        self._on_frame(frame)
                    self._become(ENDED, f"source ended: {self._source.name}")
                    return
                except SourceLost as error:
                    self.losses += self.state != RETRYING
                    self._become(RETRYING, f"{error}; trying again")
                    self._stop.wait(wait)
                    wait = min(2 * wait, _LONGEST_WAIT)
                except (SourceError, cv2.error) as error:
                    self._become(FAILED, " ".join(str(error).split()))
                    return
        finally:
            self._source.close()
            if self._stop.is_set():
                self._become(STOPPED, "stopped")
