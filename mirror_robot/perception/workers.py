# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The node's side of a landmark worker: newest image in, landmarks out, restarted when it dies."""

from __future__ import annotations

import mmap
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from mirror_robot.perception import wire
from mirror_robot.perception.head_crop import Region
from mirror_robot.perception.sources import Frame

_NO_HEADS: Mapping[int, Region] = MappingProxyType({})
_START_TIMEOUT = 60.0  # [s] until the library and the model are loaded, on a busy machine
_ANSWER_TIMEOUT = 10.0  # [s] after which a worker counts as hung
_RECENT = 0.1  # share of the newest image in `waiting`
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 5.0  # [s] before a worker that died is started again; doubled


class WorkerError(RuntimeError):
    """A landmark worker that cannot be started; the message says why."""


class _Died(Exception):
    pass


class LandmarkWorker:
    """One landmarker in a process of its own, fed with the newest image only.

    Parameters
    ----------
    kind : str
        ``"pose"``, ``"face"`` or ``"hands"``.
    model : Path
        MediaPipe's task bundle.
    on_result : callable (frame, values (m,), seconds) -> None
        Called on a thread of this worker; `values` as `wire.poses`, `wire.faces` and `wire.hands`
        take them, empty when nothing was found; `seconds` is what the worker spent.
    on_trouble : callable str -> None
        Called with one line whenever the worker died and is started again.
    confidence : float
        Below this MediaPipe says that there is nothing [0..1].
    nice : int
        Added to the priority value of the process: higher yields sooner to others.
    people : int
        Most bodies or faces to find.
    """

    def __init__(
        self, kind: str, model: Path, on_result: Callable[[Frame, np.ndarray, float], None],
        on_trouble: Callable[[str], None] = lambda text: None,
        *, confidence: float = 0.5, nice: int = 0, people: int = 1,
    ) -> None:
        self._kind, self._model = kind, model
        self._on_result, self._on_trouble = on_result, on_trouble
        self._options = (
            "--confidence", str(confidence), "--nice", str(nice), "--people", str(people))
        self._changed = threading.Condition()
        self._pending: tuple[Frame, Mapping[int, Region]] | None = None
        self._closed = False
        self._problem = ""
        self._process: subprocess.Popen | None = None
        self._memory = os.memfd_create(f"mirror_robot_{kind}")
        self._mapped = mmap.mmap(-1, 1)
        self._thread = threading.Thread(target=self._run, name=f"{kind} worker", daemon=True)
        self.ready = threading.Event()
        """Set while the worker can take images."""
        self.dropped = 0
        """Images that a newer one replaced before the worker was free."""
        self.waiting = 0.0
        """Share of its time that the process lately waited for a processor [0..1]."""
        self.restarts = 0
        """How often the process was started again after it had died."""
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """Process id, None while there is no process."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def wait_ready(self, timeout: float = _START_TIMEOUT) -> None:
        """Wait until the model is loaded.

        Raises
        ------
        WorkerError
            If it cannot be, or not within `timeout` [s].
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self.ready.is_set() or self._problem or self._closed, timeout)
            if not self.ready.is_set():
                raise WorkerError(
                    f"the {self._kind} worker with the model {self._model} does not start: "
                    + (self._problem or f"not ready within {timeout:.0f} s"))

    def offer(self, frame: Frame, heads: Mapping[int, Region] = _NO_HEADS) -> bool:
        """Give the worker an image; it replaces one that still waits.

        Parameters
        ----------
        frame : Frame
        heads : mapping int -> (x, y, size), optional
            Where heads were last seen [pixels], by a number that stays a person's own.

        Returns
        -------
        bool
            Whether the worker keeps up: no other image waited.
        """
        with self._changed:
            behind = self._pending is not None
            self.dropped += behind
            self._pending = frame, heads
            self._changed.notify_all()
        return not behind

    def close(self) -> None:
        """End the process and the thread; no result comes after this."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._process is not None:
            self._process.kill()  # it holds nothing that would need an orderly end
        if threading.current_thread() is not self._thread:
            self._thread.join()
        if self._memory >= 0:
            os.close(self._memory)
            self._memory = -1

    # The thread that starts the process must live as long as it does: `die_with` is about
    # the thread, not about the process, that the child came from.
    def _run(self) -> None:
        wait, started = _FIRST_WAIT, False
        while not self._closed:
            try:
                with self._started() as connection:
                    started = True
                    self._report(ready=True)
                    while self._exchange(connection):
                        wait = _FIRST_WAIT
            except WorkerError as error:
                self._report(problem=str(error))
                return
            except _Died as error:
                if not started:
                    self._report(problem=f"it {error}")
                    return
                if not self._closed:
                    self.restarts += 1
                    self._on_trouble(
                        f"the {self._kind} worker {error}; starting it again "
                        f"(restart {self.restarts})")
            finally:
                self.ready.clear()
                self._end_process()
            with self._changed:
                self._changed.wait_for(lambda: self._closed, wait)
            wait = min(2 * wait, _LONGEST_WAIT)

    def _report(self, ready: bool = False, problem: str = "") -> None:
        with self._changed:
            self._problem = problem
            if ready:
                self.ready.set()
            self._changed.notify_all()

    def _started(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                (sys.executable, "-m", "mirror_robot.perception.worker", self._kind,
                 str(self._model), "--socket", str(theirs.fileno()),
                 "--memory", str(self._memory), "--parent", str(os.getpid()), *self._options),
                pass_fds=(theirs.fileno(), self._memory), env=_environment(),
                # The library's own chatter. What goes wrong is told through the socket.
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                # A Ctrl-C in the terminal is for the node, which then ends the worker.
                start_new_session=True)
        try:
            if self._closed:
                raise _Died("was not wanted any more")
            packet = self._receive(ours, _START_TIMEOUT)
            if packet[:1] == wire.FAILED:
                raise WorkerError(packet[1:].decode(errors="replace"))
        except BaseException:
            ours.close()
            raise
        return ours

    def _exchange(self, connection: socket.socket) -> bool:
        with self._changed:
            # Now and then look whether it still lives, though nobody asks anything of it.
            self._changed.wait_for(lambda: self._pending or self._closed, 1.0)
            if self._closed:
                return False
            pending, self._pending = self._pending, None
        if pending is None:
            if self._process.poll() is not None:
                raise _Died(self._ending())
            return True
        frame, heads = pending
        height, width = frame.image.shape[:2]
        if len(self._mapped) < frame.image.nbytes:
            os.ftruncate(self._memory, frame.image.nbytes)
            self._mapped = mmap.mmap(self._memory, 0)
        slot = np.frombuffer(self._mapped, np.uint8, frame.image.nbytes)
        np.copyto(slot.reshape(frame.image.shape), frame.image)
        try:
            connection.send(
                wire.Request(frame.index, frame.stamp, height, width, heads).pack())
        except OSError as error:
            raise _Died(self._ending()) from error
        packet = self._receive(connection, _ANSWER_TIMEOUT)
        _, seconds, worked, values = wire.unpack_result(packet)
        waited = max(1.0 - worked / max(seconds, 1e-6), 0.0)
        self.waiting += _RECENT * (waited - self.waiting)
        if not self._closed:
            self._on_result(frame, values, seconds)
        return True

    def _receive(self, connection: socket.socket, timeout: float) -> bytes:
        connection.settimeout(timeout)
        try:
            packet = connection.recv(wire.PACKET)
        except TimeoutError as error:
            raise _Died(f"gave no answer for {timeout:.0f} s") from error
        except OSError as error:
            raise _Died(self._ending()) from error
        if not packet:
            raise _Died(self._ending())
        return packet

    def _ending(self) -> str:
        try:
            return f"died (exit code {self._process.wait(1.0)})"
        except subprocess.TimeoutExpired:
            return "closed its connection"

    def _end_process(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _environment() -> dict[str, str]:
    # The package may be used out of a checkout that only this process's path knows.
    root = str(Path(__file__).resolve().parents[2])
    path = os.environ.get("PYTHONPATH", "")
    return {
        **os.environ, "PYTHONPATH": f"{root}{os.pathsep}{path}" if path else root,
        "GLOG_minloglevel": "3",
    }
