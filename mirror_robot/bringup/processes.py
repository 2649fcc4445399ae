# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Child processes that never outlive the one that started them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from mirror_robot.parent import signal_at_parents_end


def _end_with_parent() -> None:
    # SIGTERM, so that nodes end in order and a robot is stopped.
    signal_at_parents_end(signal.SIGTERM)


@dataclass(frozen=True)
class Ended:
    """A process that has ended by itself.

    Attributes
    ----------
    name : str
    code : int
        Exit code; negative is the signal that ended it.
    log : Path or None
        What it printed, where that went to a file.
    """

    name: str
    code: int
    log: Path | None = None

    def __str__(self) -> str:
        """Return what happened, in words."""
        if self.code < 0:
            return f"{self.name} was ended by {signal.Signals(-self.code).name}"
        return f"{self.name} ended with exit code {self.code}"

    def last_lines(self, count: int = 12) -> str:
        """Return the end of what it printed, empty when there is no log."""
        if self.log is None or not self.log.is_file():
            return ""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-count:])


class Processes:
    """Some named child processes; leaving the ``with`` block ends them all.

    Every child leads a session of its own: Ctrl-C in a terminal reaches only the parent, which
    then ends the children in order, and the workers of a child are ended with it.

    Parameters
    ----------
    logs : Path, optional
        Folder for what the children print, ``<name>.log`` each; by default they print here.
    grace : float
        How long [s] a child may take to end by itself before it is killed.
    """

    def __init__(self, logs: Path | None = None, grace: float = 8.0) -> None:
        self._logs, self._grace = logs, grace
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Processes:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all children."""
        self.stop()

    def log(self, name: str) -> Path | None:
        """Return the file that holds what the child `name` prints, None when it prints here."""
        return self._logs / f"{name}.log" if self._logs else None

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start a child under a name that no running child has.

        Call it from the main thread: the kernel's tie is to the thread that started the child.
        """
        if name in self._running:
            raise ValueError(f"a process named {name!r} runs already")
        log = self.log(name)
        with contextlib.ExitStack() as stack:
            output = stack.enter_context(log.open("wb")) if log else None
            self._running[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT if output else None, start_new_session=True,
                preexec_fn=_end_with_parent,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})})

    def ended(self) -> Ended | None:
        """Return the first child that has ended by itself, None while all run."""
        for name, process in self._running.items():
            if (code := process.poll()) is not None:
                return Ended(name, code, self.log(name))
        return None

    def stop(self, names: Iterable[str] | None = None) -> None:
        """End the named children, or all: ask politely, wait for all at once, then kill."""
        names = list(self._running if names is None else names)
        ending = [self._running.pop(name) for name in names if name in self._running]
        for process in ending:
            if process.poll() is None:
                # SIGTERM and not SIGINT, which a shell's background jobs ignore.
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self._grace
        for process in ending:
            with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
                process.wait(max(0.0, deadline - time.monotonic()))
            # The whole session: also what the child itself had started and left behind.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def end_on_signals() -> None:
    """Turn SIGTERM and SIGHUP into KeyboardInterrupt, so that ``finally`` runs (main thread)."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
