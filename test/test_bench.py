# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""`mirror_robot bench`, with benchmarks made for the tests and the package's own list."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mirror_robot.console import bench
from mirror_robot.console.main import main
from mirror_robot.resources import share_file

QUICK = '''
"""Measures nothing.

More of it.
"""
import os, sys
if __name__ == "__main__":
    print("answer", 42, *sys.argv[1:])
    print("data in", os.environ.get("MIRROR_ROBOT_BENCH_DATA"))
'''
FAILS = '"""Fails."""\nif __name__ == "__main__":\n    raise SystemExit(3)\n'
SKIPS = '''"""Lacks something."""
import sys
sys.path.insert(0, {folder!r})
if __name__ == "__main__":
    import material
    material.skip("a file")
'''
SLOW = '''"""Takes long."""
import subprocess, sys, time
if __name__ == "__main__":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print("child", child.pid, flush=True)
    time.sleep(600)
'''


@pytest.fixture
def made(tmp_path, monkeypatch) -> Path:
    """Give a folder in which the command finds the benchmarks that stand there."""
    folder = tmp_path / "share" / "benchmarks"
    folder.mkdir(parents=True)
    real = share_file

    def find(relative: str) -> Path:
        return tmp_path / "share" / relative if relative.startswith("benchmarks") else (
            real(relative))

    monkeypatch.setattr(bench, "share_file", find)
    monkeypatch.delenv(bench.DATA, raising=False)
    (folder / "quick.py").write_text(QUICK)
    (folder / "helper.py").write_text('"""Only helps."""\n')
    return folder


def test_every_benchmark_of_the_package_is_listed_with_what_it_measures(capsys):
    assert main(["bench", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = {path.stem for path in Path(share_file("benchmarks")).glob("*.py")}
    listed = {line.split()[0] for line in lines}
    assert {"moods", "retargeting", "recognition_msr"} <= listed <= names
    assert "material" not in listed  # it measures nothing
    assert all(len(line.split(maxsplit=1)[1]) > 20 for line in lines)


def test_what_is_measured_is_printed_and_told_as_json(made, capsys):
    assert main(["bench", "--args=--trials 3"]) == 0
    assert "answer 42 --trials 3" in capsys.readouterr().out
    assert main(["bench", "quick", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    (result,) = told["results"]
    assert result["state"] == "measured" and result["output"][0] == "answer 42"
    assert told["machine"]["cores"] >= 1 and told["machine"]["mirror_robot"]


def test_the_folder_of_recordings_reaches_the_benchmark_and_stays_out_of_the_results(
        made, capsys, tmp_path):
    data = tmp_path / "recordings"
    data.mkdir()
    assert main(["bench", "--json", "--data", str(data)]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert result["output"][1] == "data in DATA"
    assert main(["bench", "--data", str(tmp_path / "nothing")]) == 2
    assert "nothing" in capsys.readouterr().err


def test_a_benchmark_without_its_data_is_skipped_with_a_word_and_one_that_fails_tells(
        made, capsys):
    (made / "skips.py").write_text(SKIPS.format(folder=str(share_file("benchmarks"))))
    assert main(["bench"]) == 0
    told = capsys.readouterr().out
    assert "skipped: it needs a file" in told and "MIRROR_ROBOT_BENCH_DATA" in told
    assert "docs/benchmarks.md" in told
    (made / "fails.py").write_text(FAILS)
    assert main(["bench"]) == 1
    assert "failed  fails" in capsys.readouterr().out


def test_an_unknown_benchmark_is_refused_with_those_that_there_are(made, capsys):
    assert main(["bench", "quik"]) == 2
    assert "quick" in capsys.readouterr().err
    (made / "second.py").write_text(QUICK)
    assert main(["bench", "--args=-x"]) == 2
    assert "name one" in capsys.readouterr().err


def test_results_of_a_version_are_kept_by_name_and_nothing_is_lost(made, capsys, tmp_path):
    kept = tmp_path / "docs" / "0.1.0.json"
    (made / "second.py").write_text(QUICK)
    assert main(["bench", "second", "--keep", str(kept)]) == 0
    assert main(["bench", "quick", "--args=new", "--keep", str(kept)]) == 0
    results = json.loads(kept.read_text())
    assert list(results) == ["quick", "second"]
    assert results["quick"]["output"][0] == "answer 42 new" and results["quick"]["machine"]
    (made / "quick.py").write_text(FAILS)
    assert main(["bench", "quick", "--keep", str(kept)]) == 1
    assert json.loads(kept.read_text()) == results  # a failure takes the place of no figure
    other = tmp_path / "other.json"
    other.write_text('{"what": 1}')
    (made / "quick.py").write_text(QUICK)
    assert main(["bench", "quick", "--keep", str(other)]) == 2
    assert other.read_text() == '{"what": 1}'


def test_ctrl_c_ends_the_benchmark_and_what_it_started_with_130(made, tmp_path):
    (made / "slow.py").write_text(SLOW)
    code = (f"import sys; from mirror_robot.console import bench\nfrom pathlib import Path\n"
            f"real = bench.share_file\n"
            f"bench.share_file = lambda name: Path({str(made.parent)!r}) / name "
            f"if name.startswith('bench') else real(name)\n"
            f"from mirror_robot.console.main import main\nsys.exit(main(['bench', 'slow']))")
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        child = 0
        for line in process.stdout:
            if line.startswith("child "):
                child = int(line.split()[1])
                break
        process.send_signal(signal.SIGINT)
        assert process.wait(15) == 130
        end = time.monotonic() + 5
        while Path(f"/proc/{child}").exists() and time.monotonic() < end:
            time.sleep(0.05)
        state = Path(f"/proc/{child}/stat")
        assert not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z"
    finally:
        process.kill()
        process.communicate()
