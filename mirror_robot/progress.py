# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""How far something long has come: a bar on a terminal, a line at every quarter elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TextIO


class Progress:
    """A bar, on the error stream so that output may go on to another program.

    As a context it ends by itself.

    Parameters
    ----------
    label : str
        What is going on.
    stream : text stream, optional
        By default the error stream.
    """

    def __init__(self, label: str, stream: TextIO | None = None) -> None:
        self._label = label
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty()
        self._quarter = 0
        self._shown = ""

    def __enter__(self) -> Progress:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the bar, however it ended."""
        self.end()

    def _write(self, text: str, end: str = "") -> None:
        print(text, end=end, file=self._stream, flush=True)

    def show(self, done: float, of: float) -> None:
        """Show that `done` of `of` is done; `of` 0 means that nothing is to do."""
        share = min(1.0, done / of) if of > 0 else 1.0
        if self._live:
            filled = round(30 * share)
            text = f"{self._label} [{'#' * filled}{'.' * (30 - filled)}] {100 * share:3.0f} %"
            if text != self._shown:
                self._write(f"\r{text}\033[K")
                self._shown = text
        elif int(4 * share) > self._quarter:
            self._quarter = int(4 * share)
            self._write(f"{self._label}: {25 * self._quarter} %", "\n")

    def line(self, text: str) -> None:
        """Print a line of the output above the bar."""
        if self._shown:
            self._write("\r\033[K")
        print(text, flush=True)
        if self._shown:
            self._write(f"{self._shown}\033[K")

    def end(self) -> None:
        """Leave the bar."""
        if self._shown:
            self._write("\r\033[K")
            self._shown = ""
