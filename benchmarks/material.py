# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Recordings that do not come with the package; for the other benchmarks.

They are looked for in the folder that the environment variable ``MIRROR_ROBOT_BENCH_DATA`` names,
which ``mirror_robot bench --data FOLDER`` sets; docs/benchmarks.md says what must be in it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

VARIABLE = "MIRROR_ROBOT_BENCH_DATA"
SKIPPED = 77
"""Exit code of a benchmark that lacks its data (as of automake's tests)."""
MSR = "msr_action3d.npz"


def folder() -> Path | None:
    """Return the folder of recordings, None where none is named."""
    named = os.environ.get(VARIABLE)
    return Path(named).expanduser() if named else None


def skip(needed: str) -> NoReturn:
    """End, saying what is needed and where it is looked for."""
    where = folder()
    print(f"skipped: it needs {needed} " + (
        f"in {where}" if where else f"in the folder that {VARIABLE} names")
        + "; see \"Data\" in docs/benchmarks.md")
    sys.exit(SKIPPED)


def msr_actions() -> Path | None:
    """Return the file of MSRAction3D, None if it is not there."""
    where = folder()
    return where / MSR if where and (where / MSR).is_file() else None


def motions() -> list[Path]:
    """Return the motion capture (BVH) that is there, by name."""
    where = folder()
    return sorted(where.glob("*.bvh")) if where else []
