# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The acceptance test, `test/acceptance.py`, accepts the simulated robot and rejects no robot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ACCEPTANCE = Path(__file__).with_name("acceptance.py")


@pytest.mark.slow
def test_the_simulated_robot_is_accepted():
    done = subprocess.run([sys.executable, str(ACCEPTANCE), "--seconds", "8"],
                          capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "accepted"
    assert "FAIL" not in done.stdout


@pytest.mark.slow
def test_a_loop_that_sees_nobody_is_not_accepted():
    done = subprocess.run([sys.executable, str(ACCEPTANCE), "--source", "/nowhere.mp4"],
                          capture_output=True, text=True, timeout=240)
    assert done.returncode == 1
    assert "FAIL" in done.stdout
