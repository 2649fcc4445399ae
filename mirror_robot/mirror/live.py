# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Takes up what the robot is taught while it runs.

Binding a movement and preparing the recognition of it takes seconds of computing, so it is done
beside the stream, in a process of its own, and what comes of it is taken up between two frames.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from mirror_robot.body.model import RobotModel
from mirror_robot.mirror.beside import Beside
from mirror_robot.motor.primitive import MotorPrimitive
from mirror_robot.motor.repertoire import Repertoire, load_repertoire
from mirror_robot.motor.script import RepertoireError
from mirror_robot.motor.shown import Shown, bind_shown, load_shown, load_shown_or_last

_T = TypeVar("_T")
_Bound = dict[str, "MotorPrimitive | None"]


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
        Makes of a repertoire whatever the robot needs to use it; called beside the stream, so it
        must be a function of a module.

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
        self._bound: _Bound = {}
        self._seen = _mark(taught)
        self._job: Beside[tuple[_Bound, _T]] | None = None
        self.problem = ""
        self.taught: tuple[str, ...] = ()

    def first(self) -> _T:
        """Return what there is at the start; of a damaged file the last good one."""
        movements: tuple[Shown, ...] = ()
        try:
            movements = _read(self._path)
        except RepertoireError as error:
            self.problem = str(error)
            try:
                movements = load_shown_or_last(self._path)
            except RepertoireError:
                pass  # there is no good one: what is built in must do
        return self._use(_make(self._built_in, movements, {}, self._prepare))

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
                prepared = self._use(job.result())
            except (RepertoireError, OSError) as error:
                self.problem = str(error)
                return None
            self.problem = ""
            return prepared
        mark = _mark(self._path)
        if mark != self._seen:
            self._seen = mark
            self._job = Beside(self._model, _follow, self._path, self._built_in, self._bound,
                               self._prepare)
        return None

    def _use(self, made: tuple[_Bound, _T]) -> _T:
        self._bound, prepared = made
        self.taught = tuple(unit.name for unit in self._bound.values() if unit is not None)
        return prepared


def _read(path: Path) -> tuple[Shown, ...]:
    # No file may be one that is just being replaced: the one before it serves meanwhile.
    return (load_shown if path.is_file() else load_shown_or_last)(path)


def _make(built_in: Repertoire, movements: Sequence[Shown], known: _Bound,
          prepare: Callable[[Repertoire], _T]) -> tuple[_Bound, _T]:
    """Return units by the digest of what was shown, bound unless they are known; and their use."""
    bound: _Bound = {}
    for movement in movements:
        digest = _digest(movement)
        bound[digest] = known[digest] if digest in known else (
            bind_shown(movement, built_in.model))
    units = [unit for unit in bound.values() if unit is not None]
    return bound, prepare(built_in.with_units(units))


def _follow(path: Path, built_in: Repertoire, known: _Bound,
            prepare: Callable[[Repertoire], _T]) -> tuple[_Bound, _T]:
    return _make(built_in, _read(path), known, prepare)


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
