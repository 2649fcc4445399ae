# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Episodic memory: what is kept, recalled, forgotten and erased; what it survives."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mirror_robot.console.main import main
from mirror_robot.mirror.affect import feeling
from mirror_robot.mirror.memory import (
    Diary,
    Episode,
    Memory,
    MemoryStoreError,
    demonstration_weight,
    importance,
    kept_for,
    memory_file,
)
from mirror_robot.mirror.narration import Understanding

DAY = 86400.0


@pytest.fixture
def memory(tmp_path):
    with Memory(tmp_path / "memory.sqlite") as memory:
        yield memory


def _episode(end: float, person: str = "anna", action: str = "wave_right", mood: str = "calm",
             **felt) -> Episode:
    return Episode(end - 1.0, end, person, action, "greet", mood,
                   sentence=f"Person {person} waves.", **felt)


def test_what_is_remembered_is_found_again_by_anything_of_it(memory):
    memory.remember(_episode(100.0))
    memory.remember(_episode(200.0, "berta", "bow", "joyful", valence=0.7, arousal=0.5))
    assert [episode.person for episode in memory.search()] == ["berta", "anna"]
    for words in ("berta", "bow", "joyful", "Person joyful"):
        assert [episode.end for episode in memory.search(words)] == [200.0]
    assert memory.search("100%") == [] and memory.search("_") != memory.search("%")
    assert memory.search(person="anna", since=50.0, until=150.0)[0].end == 100.0


def test_strong_and_surprising_episodes_are_more_important(memory):
    plain = memory.remember(_episode(1.0))
    moved = memory.remember(_episode(2.0, valence=-0.6, arousal=0.7))
    assert moved.importance > plain.importance + 0.4
    for number in range(60):
        usual = memory.remember(_episode(3.0 + number))
    strange = memory.remember(_episode(100.0, action="dance"))
    assert strange.surprise > 0.8 and usual.surprise < 0.1
    assert strange.importance > usual.importance
    assert demonstration_weight(1.0) > 2 * demonstration_weight(0.0)
    assert 0.0 <= importance(0, 0, 0) <= importance(1, 1, 1) <= 1.0


def test_weak_episodes_fade_and_strong_or_recalled_ones_stay(memory):
    memory.remember(_episode(0.0, action="wave_left"))
    memory.remember(_episode(1.0, action="wave_right", mood="joyful", valence=0.8, arousal=0.8))
    assert memory.fade(1.0 * DAY) == 0
    assert memory.fade(30.0 * DAY) == 1
    assert memory.search()[0].mood == "joyful"
    assert kept_for(0.2, recalls=2) > 1.5 * kept_for(0.2)


def test_when_somebody_was_last_so_happy_is_recalled_and_then_kept_longer(memory):
    memory.remember(_episode(1.0, mood="joyful", valence=0.5, arousal=0.1))
    memory.remember(_episode(2.0, mood="sad"))
    assert memory.recall(person="anna", mood="joyful").end == 1.0
    assert memory.recall(person="berta", mood="joyful") is None
    assert memory.recall("jumps", person="anna") is None
    for _ in range(5):
        memory.recall(person="anna", mood="joyful")
    memory.fade(1.0 + 1.2 * kept_for(memory.search(mood="joyful")[0].importance))
    assert memory.search(mood="joyful")


def test_what_moved_is_recalled_first_and_of_what_moved_alike_the_latest(memory):
    for day, strong in ((1, 0.8), (2, 0.8), (3, 0.2), (4, 0.8)):
        memory.remember(_episode(day * DAY, mood="joyful", valence=strong, arousal=strong))
    now = 10 * DAY
    assert memory.recall(mood="joyful", now=now).end == 4 * DAY
    memory.remember(_episode(5 * DAY, mood="joyful", valence=0.2, arousal=0.1))
    assert memory.recall(mood="joyful", now=now).end == 4 * DAY
    # What moved a little today is nearer than what moved as little a week ago.
    memory.remember(_episode(now, person="berta", valence=0.1, arousal=0.1))
    memory.remember(_episode(now - 7 * DAY, person="berta", valence=0.12, arousal=0.12))
    assert memory.recall(person="berta", now=now).end == now


def test_a_recall_from_the_console_counts_as_one(memory, capsys):
    memory.remember(_episode(1.0, mood="joyful", valence=0.5, arousal=0.1))
    file = ["memory", "--file", str(memory.path)]
    recalls = "SELECT recalls FROM episode"
    assert main([*file, "search", "--mood", "joyful"]) == 0
    assert memory._db.execute(recalls).fetchone()[0] == 0
    assert main([*file, "recall", "--person", "anna", "--mood", "joyful"]) == 0
    assert "Person anna waves." in capsys.readouterr().out
    assert memory._db.execute(recalls).fetchone()[0] == 1
    assert main([*file, "recall", "waves", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["person"] == "anna"
    assert main([*file, "recall", "--person", "berta"]) == 0
    assert "nothing is remembered" in capsys.readouterr().out


def test_who_is_called_by_a_name_is_remembered_by_it_also_for_what_they_do_just_now(memory):
    diary = Diary(memory)
    for frame in range(60):
        stamp = frame / 30
        diary.update(Understanding(stamp, "ab12c", "wave_left", 0.9, None,
                                   feeling("joyful"),
                                   name="Anna" if frame > 20 else ""))
    diary.close()
    assert [person for person, *_ in memory.people()] == ["Anna"]
    assert len(memory) == 1 and memory.search()[0].begin == 0.0


def _bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def test_erasing_a_person_leaves_no_trace_of_them_and_all_of_the_others(tmp_path):
    with Memory(tmp_path / "memory.sqlite") as memory:
        for number in range(300):
            memory.remember(_episode(float(number), "zenobia" if number % 3 else "anna",
                                     action=f"unit_{number}"))
        assert b"zenobia" in _bytes(tmp_path)
        assert memory.erase("zenobia") == 200
        assert b"zenobia" not in _bytes(tmp_path), "even while the store is open"
        assert len(memory) == 100
        assert memory.surprise("zenobia", "unit_1") == Memory(
            tmp_path / "other.sqlite").surprise("nobody", "unit_1")
        assert memory.erase() == 100
    assert b"anna" not in (tmp_path / "memory.sqlite").read_bytes()


WRITER = """
import sys
from mirror_robot.mirror.memory import Episode, Memory
memory = Memory(sys.argv[1])
for number in range(10**6):
    memory.remember(Episode(number, number + 1.0, "anna", "wave", sentence="x" * 200))
    print(number, flush=True)
"""


def test_being_killed_in_the_middle_of_writing_loses_nothing_that_was_kept(tmp_path):
    path = tmp_path / "memory.sqlite"
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], text=True,
                               stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep
                                                            .join(sys.path)})
    last = -1
    for line in process.stdout:
        last = int(line)
        if last == 150:
            process.send_signal(signal.SIGKILL)
            break
    rest = process.stdout.read().split("\n")
    process.wait()
    last = max([last, *(int(line) for line in rest[:-1] if line)])
    with Memory(path) as memory:
        assert len(memory) in (last + 1, last + 2)
        memory.remember(_episode(1e6))
    with sqlite3.connect(path) as check:
        assert check.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_a_full_disk_is_told_of_and_survived(memory):
    pages = memory._db.execute("PRAGMA page_count").fetchone()[0]
    memory._db.execute(f"PRAGMA max_page_count={pages + 2}")
    diary = Diary(memory)
    for number in range(400):
        diary.update(_understood(10.0 * number, "wave_right"), "a sentence " * 30)
        diary.update(_understood(10.0 * number + 1, "wave_right"))
        diary.close()
    kept = len(memory)
    assert diary.lost == 400 - kept > 0
    assert "full" in diary.problem and str(memory.path) in diary.problem
    assert memory.search(limit=1), "what was kept can still be read"
    memory._db.execute(f"PRAGMA max_page_count={pages + 1000}")
    diary.update(_understood(5000.0, "wave_right"))
    diary.update(_understood(5001.0, "wave_right"))
    assert diary.close() is not None and diary.problem == ""


_FILLS_A_DISK = """
import sys
from pathlib import Path
from mirror_robot.mirror.memory import Episode, Memory, MemoryStoreError

def episode(number):
    return Episode(number, number + 1.0, "anna", "wave", sentence="x" * 500)

path = Path(sys.argv[1]) / "memory.sqlite"
with Memory(path) as memory:
    for number in range(10000):
        try:
            memory.remember(episode(number))
        except MemoryStoreError as error:
            assert "is the disk full?" in str(error), error
            break
    else:
        raise SystemExit("the disk was never full")
    kept = len(memory)
    assert kept == number > 100, (kept, number)
    assert len(memory.search("anna", limit=10**6)) == kept
    (path.parent / "ballast").unlink()
    memory.remember(episode(number))
with Memory(path) as memory:
    assert len(memory) == kept + 1
"""


def test_a_disk_that_is_really_full_costs_nothing_that_was_kept(tmp_path):
    """A file system of 8 MB of its own, in a namespace of its own."""
    command = (f"mount -t tmpfs -o size=8m none {tmp_path} && "
               f"head -c 500000 /dev/zero > {tmp_path}/ballast && "
               f"exec {sys.executable} -c \"$0\" {tmp_path}")
    if subprocess.run(["unshare", "-rm", "sh", "-c", f"mount -t tmpfs none {tmp_path}"],
                      capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    done = subprocess.run(["unshare", "-rm", "sh", "-c", command, _FILLS_A_DISK],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _understood(stamp: float, action: str, mood: str = "calm", person: str = "anna"):
    return Understanding(stamp, person, action, 0.9, None, feeling(mood))


def test_one_movement_becomes_one_episode_with_its_strongest_feeling(memory):
    diary, kept = Diary(memory), []
    for frame in range(200):
        stamp = 10.0 + 0.04 * frame
        action = "wave_right" if 50 <= frame < 120 else ""
        mood = "joyful" if 60 <= frame < 140 else "calm"
        kept.append(diary.update(_understood(stamp, action, mood), None))
    episodes = [episode for episode in kept if episode]
    assert [episode.action for episode in episodes] == ["wave_right"]
    assert episodes[0].valence == pytest.approx(0.7) and episodes[0].mood == "joyful"


def test_episodes_are_written_in_order_beside_the_stream(tmp_path):
    path = tmp_path / "memory.sqlite"
    stream = threading.get_ident()
    with Memory(path, threads=True) as memory, ThreadPoolExecutor(1) as executor:
        remember, written = memory.remember, []
        memory.remember = lambda episode: (written.append(threading.get_ident()),
                                           remember(episode))[1]
        diary = Diary(memory, executor)
        for number in range(20):
            diary.update(_understood(10.0 * number, f"wave_{number}"))
            diary.update(_understood(10.0 * number + 1, f"wave_{number}"))
            diary.close()
        diary.fade(0.0)
        executor.shutdown()
        assert stream not in written and diary.lost == 0
        assert [episode.action for episode in reversed(memory.search(limit=50))] == [
            f"wave_{number}" for number in range(20)]


def test_a_calm_person_who_does_nothing_is_not_worth_remembering(memory):
    diary = Diary(memory)
    for frame in range(500):
        assert diary.update(_understood(0.2 * frame, "")) is None
    assert diary.close() is None and len(memory) == 0


def test_the_file_is_the_users_own(memory):
    assert memory.path.stat().st_mode & 0o077 == 0


def test_what_is_no_memory_is_refused_with_its_place(tmp_path):
    path = tmp_path / "memory.sqlite"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(MemoryStoreError, match=r"memory.sqlite.*not a database"):
        Memory(path)
    with pytest.raises(MemoryStoreError, match="remember"):
        Memory(tmp_path / "none.sqlite", create=False)


# On the console

@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv("MIRROR_ROBOT_MEMORY", str(tmp_path / "memory.sqlite"))
    with Memory() as memory:
        memory.remember(_episode(100.0))
        memory.remember(_episode(200.0, "berta", "bow", "joyful", valence=0.7, arousal=0.5))
    return memory_file()


def test_the_console_lists_searches_and_exports(kept, capsys):
    assert main(["memory", "list"]) == 0
    text = capsys.readouterr().out
    assert str(kept) in text and "anna" in text and "berta" in text
    assert main(["memory", "search", "--mood", "joyful"]) == 0
    text = capsys.readouterr().out
    assert "berta" in text and "anna" not in text
    assert main(["memory", "export"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["person"] for line in lines] == ["anna", "berta"]


def test_the_console_erases_a_person_and_asks_before_erasing_all(kept, capsys):
    assert main(["memory", "erase", "--person", "berta"]) == 0
    assert b"berta" not in kept.read_bytes()
    assert main(["memory", "erase"]) == 2
    assert "--all" in capsys.readouterr().err
    assert main(["memory", "erase", "--all"]) == 0
    assert main(["memory", "search"]) == 0
    assert "nothing" in capsys.readouterr().out


def test_without_a_memory_the_console_says_how_to_switch_it_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MIRROR_ROBOT_MEMORY", str(tmp_path / "none.sqlite"))
    assert main(["memory", "list"]) == 2
    assert "remember" in capsys.readouterr().err
