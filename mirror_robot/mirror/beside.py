# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Computes something beside a stream: in a process of its own, which the stream does not wait for.

Threads of one interpreter share its lock; seconds of binding in one of them were felt in every
frame. Work and result travel as pickles between two processes of the same package; the model of
the robot, which is large, does not travel: the other process makes it anew from its profile.
"""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from mirror_robot.body.model import RobotModel
from mirror_robot.parent import die_with

_T = TypeVar("_T")

_NICE = 10
"""Added to the priority value of the process: whoever waits for it can wait."""


class Beside(Generic[_T]):
    """Something that is computed beside the stream.

    Parameters
    ----------
    model : RobotModel
        Of the robot that it is about.
    work : callable
        Of a module, so that the other process finds it; returns the result. What it raises is
        raised by `result`.
    *arguments
        Of `work`; anything that can be pickled. The `model` may be among them or in them.
    """

    def __init__(self, model: RobotModel, work: Callable[..., _T], *arguments: Any) -> None:
        self._model = model
        self._job = pickle.dumps(model.profile) + _dumps((work, arguments), model)
        self._value: _T | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="beside", daemon=True)
        self._thread.start()

    # The thread that starts the process must live as long as it does: `die_with` is about
    # the thread, not about the process, that the child came from.
    def _run(self) -> None:
        try:
            with subprocess.Popen(
                    (sys.executable, "-m", __name__, str(os.getpid())),
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment(),
                    # A Ctrl-C in the terminal is for the node.
                    start_new_session=True) as process:
                packed, _ = process.communicate(self._job)
            if process.returncode != 0:
                raise OSError("the process that computes beside the stream ended with exit code "
                              f"{process.returncode}")
            self._value, self._error = _load(io.BytesIO(packed), self._model)
        except Exception as error:  # told to whoever asks for the result
            self._error = error

    @property
    def done(self) -> bool:
        """Whether `result` returns at once."""
        return not self._thread.is_alive()

    def result(self) -> _T:
        """Wait for it, and return it.

        Raises
        ------
        OSError
            If the process could not be started or died; beside what the work raises.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]


class _Pickler(pickle.Pickler):
    def __init__(self, stream: io.BytesIO, model: RobotModel) -> None:
        super().__init__(stream, pickle.HIGHEST_PROTOCOL)
        self._model = model

    def persistent_id(self, thing: Any) -> str | None:
        return "model" if thing is self._model else None


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: Any, model: RobotModel) -> None:
        super().__init__(stream)
        self._model = model

    def persistent_load(self, name: str) -> RobotModel:
        return self._model


def _dumps(thing: Any, model: RobotModel) -> bytes:
    stream = io.BytesIO()
    _Pickler(stream, model).dump(thing)
    return stream.getvalue()


def _load(stream: Any, model: RobotModel) -> Any:
    return _Unpickler(stream, model).load()


def _environment() -> dict[str, str]:
    # What this process can import, the other can: the package may be used out of a checkout.
    path = os.pathsep.join(map(os.path.abspath, sys.path))
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def main() -> int:
    """Do the work that comes on standard input, and write the result to standard output."""
    # Whoever wanted the result may be gone: killed, it cannot tell.
    die_with(int(sys.argv[1]))
    os.nice(_NICE)
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no result
    stream = io.BytesIO(sys.stdin.buffer.read())
    model = RobotModel.from_profile(pickle.load(stream))
    try:
        work, arguments = _load(stream, model)
        packed = _dumps((work(*arguments), None), model)
    except Exception as error:  # raised where the result is asked for
        packed = _dumps((None, error), model)
    with out:
        out.write(packed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
