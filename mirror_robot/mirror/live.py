# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Takes up what the robot is taught while it runs.

Binding a movement and preparing the recognition of it takes seconds of computing, so it is done
beside the stream, and what comes of it is taken up between two frames.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from mirror_robot.body.model import RobotModel
from mirror_robot.motor.primitive import MotorPrimitive
from mirror_robot.motor.repertoire import Repertoire, load_repertoire
from mirror_robot.motor.script import RepertoireError
from mirror_robot.motor.shown import Shown, bind_shown, load_shown, load_shown_or_last

_T = TypeVar("_T")

_POLITE = 1e-3
"""While something is computed beside the stream, the stream waits for its turn at most about this
long [s]; Python's own 5 ms would be felt in every frame."""


class Beside(Generic[_T]):
    """Something that is computed beside the stream.

    Parameters
    ----------
    work : callable
        Returns the result; what it raises is raised by `result`.
    """

    def __init__(self, work: Callable[[], _T]) -> None:
        self._work = work
        self._value: _T | None = None
        self._error: BaseException | None = None
        sys.setswitchinterval(min(sys.getswitchinterval(), _POLITE))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value = self._work()
        except Exception as error:  # told to whoever asks for the result
            self._error = error

    @property
    def done(self) -> bool:
        """Whether `result` returns at once."""
        return not self._thread.is_alive()

    def result(self) -> _T:
        """Wait for it, and return it."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._value


class LiveRepertoire(Generic[_T]):
    """Follows the file of what was taught, whoever changes it.

    Parameters
    ----------
    model : RobotModel
    scripts : str or Path, optional
        The repertoire in human terms; that of the package by default. It is read once.
    taught : Path
        File of the movements that were taught; it need not exist.
    prepare : callable
        Makes of a repertoire whatever the robot needs to use it; called beside the stream.

    Attributes
    ----------
    problem : str
        Why the file as it is now is not in use; empty while it is.
    taught : tuple of str
        Names of the taught movements that are in use.
    """

    def __init__(self, model: RobotModel, scripts: str | Path | None, taught: Path,
                 prepare: Callable[[Repertoire], _T]) -> None:
        self._path, self._prepare, self._model = taught, prepare, model
        self._built_in = load_repertoire(model, scripts, taught=())
        self._bound: dict[str, MotorPrimitive | None] = {}
        self._seen = _mark(taught)
        self._job: Beside[tuple[tuple[str, ...], _T]] | None = None
        self.problem = ""
        self.taught: tuple[str, ...] = ()

    def first(self) -> _T:
        """Return what there is at the start; of a damaged file the last good one."""
        movements: tuple[Shown, ...] = ()
        try:
            movements = self._read()
        except RepertoireError as error:
            self.problem = str(error)
            try:
                movements = load_shown_or_last(self._path)
            except RepertoireError:
                pass  # there is no good one: what is built in must do
        self.taught, prepared = self._make(movements)
        return prepared

    @property
    def busy(self) -> bool:
        """Whether a change is being taken up."""
        return self._job is not None

    def poll(self) -> _T | None:
        """Return what is to be used from now on if that has changed; never waits."""
        if self._job is not None:
            if not self._job.done:
                return None
            job, self._job = self._job, None
            try:
                self.taught, prepared = job.result()
            except RepertoireError as error:
                self.problem = str(error)
                return None
            self.problem = ""
            return prepared
        mark = _mark(self._path)
        if mark != self._seen:
            self._seen = mark
            self._job = Beside(lambda: self._make(self._read()))
        return None

    def _read(self) -> tuple[Shown, ...]:
        # No file may be one that is just being replaced: the one before it serves meanwhile.
        return (load_shown if self._path.is_file() else load_shown_or_last)(self._path)

    def _make(self, movements: tuple[Shown, ...]) -> tuple[tuple[str, ...], _T]:
        bound = {}
        for movement in movements:
            digest = _digest(movement)
            if digest in self._bound:
                bound[digest] = self._bound[digest]
            else:
                bound[digest] = bind_shown(movement, self._model)
        self._bound = bound
        units = [unit for unit in bound.values() if unit is not None]
        return (tuple(unit.name for unit in units),
                self._prepare(self._built_in.with_units(units)))


def _mark(path: Path) -> tuple[int, int, int] | None:
    """Return what tells one state of a file from another; None for no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _digest(movement: Shown) -> str:
    digest = hashlib.sha256(f"{movement.name}\0{movement.meaning}".encode())
    for shown in movement.demonstrations:
        for values in (shown.times, shown.limbs, shown.torso, shown.head,
                       np.float64(shown.weight)):
            digest.update(values.tobytes())
    return digest.hexdigest()
