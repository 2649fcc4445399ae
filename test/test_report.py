# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The report: of a demo and of a bag, one page that holds everything."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import Vector3Stamped
from made_people import body
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import String

from mirror_robot.console.main import main
from mirror_robot.demo.clips import Clip
from mirror_robot.demo.recorder import TOPICS, stamp_of
from mirror_robot.demo.recording import Recording, Run
from mirror_robot.human.posture import HumanPosture
from mirror_robot.nodes.messages import body_to_cloud, joint_state, to_time
from mirror_robot.reporting.bag import picture_at, read_bag
from mirror_robot.reporting.charts import Line, Span, curves, ticks, timeline
from mirror_robot.reporting.page import write_report
from mirror_robot.reporting.stored import FILE, Session, SourceError, load_runs, save_runs

BEGIN, SECONDS, RATE = 1_790_000_000.0, 4.0, 20.0
LATENCY = 0.05


def jpeg(grey: int) -> bytes:
    """Return a picture of one grey."""
    return cv2.imencode(".jpg", np.full((90, 120, 3), grey, np.uint8))[1].tobytes()


def said(offset: float = 0.0):
    """Yield (arrival, topic, message): somebody waves for two of four seconds, and is happy.

    Stamps are `offset` before the truth, as of a simulation's clock.
    """
    for frame in range(int(SECONDS * RATE)):
        at = BEGIN + frame / RATE
        stamp = at - offset
        waves = 1.0 <= frame / RATE < 3.0
        share = 0.9 if waves else 0.1
        lift = 0.6 * np.sin(2.0 * np.pi * frame / RATE)  # of the left upper arm [rad]
        posture = HumanPosture.standing()
        posture.limbs[0] = [0.0, np.cos(lift), np.sin(lift)]
        heard = at + LATENCY
        yield heard, "human/body", body_to_cloud(body(stamp, posture))
        yield heard, "joint_states", joint_state(
            stamp, "", ["right_shoulder_roll"], [-np.pi / 2 - lift])
        yield heard, "mirror/activation", joint_state(
            stamp, "body_anna", ["wave_right", "rest"], [share, 1 - share])
        yield heard, "mirror/activation", joint_state(stamp, "self", ["wave_right"], [share])
        yield heard, "mirror/intention", String(data="greet" if waves else "none")
        yield heard, "mirror/intentions", joint_state(stamp, "", ["greet"], [0.8])
        felt = Vector3Stamped()
        felt.header.stamp = to_time(stamp)
        felt.vector.x, felt.vector.y = 0.1 * frame / RATE, 0.2
        yield heard, "mirror/affect", felt
        command = joint_state(stamp, "following", ["right_shoulder_roll"], [0.0])
        yield heard, "actuation/command", command
        if frame == 30:
            yield heard, "mirror/narration", String(data="Anna waves <b>and</b> smiles.")
        if frame % 4 == 0:
            image = CompressedImage(format="jpeg", data=jpeg(40 + frame))
            image.header.stamp = to_time(stamp)
            yield heard, "human/annotated", image
        if frame % 20 == 0:
            values = [KeyValue(key="limits_hit", value="right_elbow 7")]
            status = DiagnosticStatus(
                level=b"\x00", name="actuation_node", message="following: fine", values=values)
            yield heard, "/diagnostics", DiagnosticArray(status=[status])


def recorded() -> Run:
    """Return what a demo's recorder would have of it."""
    recording, tracks = Recording(), {topic: (track, keep) for track, topic, _, _, keep in TOPICS}
    for arrival, topic, message in said():
        if topic in tracks:
            track, keep = tracks[topic]
            recording.hear(track, arrival, stamp_of(message), keep(message))
        elif topic == "/diagnostics":
            recording.hear_status(arrival, "actuation_node", 0, "following: fine",
                                  {"limits_hit": "right_elbow 7"})
    return Run(Clip("made", Path("nowhere.mp4"), RATE, int(SECONDS * RATE)), recording, BEGIN)


def write_bag(path: Path, storage: str, namespace: str = "", offset: float = 0.0) -> Path:
    """Write the same as a bag."""
    rosbag2 = pytest.importorskip("rosbags.rosbag2")
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_JAZZY)
    with rosbag2.Writer(path, version=9,
                        storage_plugin=rosbag2.StoragePlugin[storage]) as writer:
        connections = {}
        for arrival, topic, message in said(offset):
            if topic not in connections:
                module, _, name = type(message).__module__.partition(".msg")
                name = topic if topic.startswith("/") else f"{namespace}/{topic}"
                connections[topic] = writer.add_connection(
                    name, f"{module}/msg/{type(message).__name__}", typestore=store)
            writer.write(connections[topic], round(arrival * 1e9), serialize_message(message))
    return path


class Page(HTMLParser):
    """The addresses, words and elements of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.addresses, self.tags, self.words, self._open = [], [], "", []
        self.feed(path.read_text(encoding="utf-8"))
        assert not self._open  # everything that begins, ends

    def handle_starttag(self, tag, attributes):
        """Note a beginning."""
        self.tags.append(tag)
        if tag not in ("meta", "img", "br", "rect", "line", "circle"):
            self._open.append(tag)
        self.addresses += [value for name, value in attributes
                           if name in ("src", "href", "data", "action", "srcset")]

    def handle_endtag(self, tag):
        """Note an end."""
        if tag not in ("rect", "line", "circle"):
            assert self._open.pop() == tag

    def handle_data(self, data):
        """Note words."""
        if not self._open or self._open[-1] != "style":
            self.words += data + "\n"


def test_a_page_tells_who_what_when_and_fetches_nothing(tmp_path):
    path = tmp_path / "folder" / "report.html"
    session = Session((recorded(),), "kagami", True, "made", {"made": []})
    (summary,) = write_report(path, session, pictures=False)
    page, text = Page(path), path.read_text(encoding="utf-8")
    assert all(address.startswith(("data:", "#")) for address in page.addresses)
    assert "script" not in page.tags and "link" not in page.tags
    assert not re.search(r"url\(|@import|https?://", text)
    assert "default-src 'none'" in text  # a browser would refuse it, too
    for words in ("body anna", "wave right", "greet", "right_elbow",
                  "Anna waves <b>and</b> smiles."):
        assert words in page.words
    assert "<b>and</b> smiles" not in text  # what was said is no markup
    assert summary.latency == pytest.approx((LATENCY, LATENCY), abs=1e-3)
    assert summary.seen == summary.frames == SECONDS * RATE
    assert summary.correlation["left"] > 0.95
    assert f"r = {summary.correlation['left']:.2f}" in page.words


def test_what_a_demo_recorded_is_read_back_as_it_was(tmp_path):
    run = recorded()
    save_runs(tmp_path / FILE, [run], "kagami", False)
    session = load_runs(tmp_path / FILE)
    assert (session.robot, session.mirror_image) == ("kagami", False)
    (back,) = session.runs
    assert back.begin == run.begin and back.clip.rate == run.clip.rate
    assert set(back.recording.tracks) == set(run.recording.tracks)
    for name, track in run.recording.tracks.items():
        assert back.recording.tracks[name].stamps == track.stamps
        assert back.recording.tracks[name].arrivals == track.arrivals
    before, after = (one.recording.tracks["body"].values[5] for one in (run, back))
    np.testing.assert_allclose(after.landmarks, before.landmarks, atol=1e-4)  # NaN included
    assert back.recording.tracks["seen"].values[0][1] == pytest.approx(
        run.recording.tracks["seen"].values[0][1])


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b", b"no gzip", None])
def test_a_damaged_recording_is_refused_by_name(tmp_path, content):
    path = tmp_path / FILE
    if content is None:
        save_runs(path, [recorded()], "kagami", True)
        content = path.read_bytes()[:-2000]
    path.write_bytes(content)
    with pytest.raises(SourceError, match=FILE):
        load_runs(path)


@pytest.mark.parametrize("storage", ["SQLITE3", "MCAP"])
def test_a_bag_gives_the_same_figures_as_the_demo(tmp_path, storage):
    bag = write_bag(tmp_path / "monday", storage, "/robot1")
    shares = []
    session = read_bag(bag, progress=lambda done, of: shares.append(done / of))
    (run,) = session.runs
    expected = recorded().recording
    for name, track in expected.tracks.items():
        assert run.recording.tracks[name].stamps == pytest.approx(track.stamps)
    assert 0.0 <= shares[0] < 0.1 and shares[-1] > 0.9
    assert run.recording.status["actuation_node"]["limits_hit"] == "right_elbow 7"
    found = picture_at(session.pictures["monday"], BEGIN + 2.0)
    grey = cv2.imdecode(np.frombuffer(found, np.uint8), cv2.IMREAD_GRAYSCALE).mean()
    assert abs(grey - 80) < 3  # the picture of frame 40
    (summary,) = write_report(tmp_path / "monday.html", session, pictures=False)
    assert summary.latency == pytest.approx((LATENCY, LATENCY), abs=1e-3)
    assert summary.actions["wave_right"] == pytest.approx(2.0, abs=0.15)
    assert summary.limits_hit == {"right_elbow": 7}


def test_stamps_of_a_simulations_clock_are_put_on_the_bags(tmp_path):
    bag = write_bag(tmp_path / "simulated", "SQLITE3", offset=BEGIN - 10.0)
    (run,) = read_bag(bag).runs
    stamps = np.array(run.recording.tracks["body"].stamps)
    assert abs(stamps[0] - BEGIN) < 0.2 and abs(stamps[-1] - BEGIN - SECONDS) < 0.2


def test_the_command_writes_a_page_with_pictures_of_a_bag_and_its_figures(tmp_path, capsys):
    bag = write_bag(tmp_path / "monday", "SQLITE3")
    assert main(["report", str(bag), "--json"]) == 0
    told = capsys.readouterr()
    (figures,) = json.loads(told.out)
    assert figures["clip"] == "monday" and figures["frames"] > 0
    page = Page(tmp_path / "monday.html")
    pictures = [base64.b64decode(address.partition(",")[2]) for address in page.addresses
                if address.startswith("data:image/jpeg")]
    assert pictures
    for data in pictures:
        assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) is not None
    assert "monday.html" in told.err


def test_what_is_no_source_is_refused_with_what_would_be_one(tmp_path, capsys):
    assert main(["report", str(tmp_path / "nothing")]) == 2
    assert "mirror_robot demo" in capsys.readouterr().err
    assert main(["report", str(tmp_path)]) == 2
    assert "metadata.yaml" in capsys.readouterr().err
    (tmp_path / "x.mcap").write_bytes(b"junk")
    assert main(["report", str(tmp_path / "x.mcap")]) == 2
    assert "ros2 bag reindex" in capsys.readouterr().err
    bag = write_bag(tmp_path / "bag", "SQLITE3", "/a")
    assert main(["report", str(bag), "--namespace", "b"]) == 2
    assert "/a/mirror/activation" in capsys.readouterr().err


def test_a_bag_that_is_damaged_in_the_middle_is_refused_and_no_page_is_left(tmp_path, capsys):
    bag = write_bag(tmp_path / "bag", "SQLITE3")
    (file,) = bag.glob("*.db3")
    file.write_bytes(file.read_bytes()[:200] + b"\x00" * 5000)
    assert main(["report", str(bag)]) == 2
    assert "bag" in capsys.readouterr().err
    assert not (tmp_path / "bag.html").exists()


def test_a_recording_in_which_nobody_was_seen_makes_a_page_all_the_same(tmp_path):
    empty = Run(Clip("empty", Path("nowhere.mp4"), 25.0, 50), Recording(), BEGIN)
    write_report(tmp_path / "report.html", Session((empty,), "kagami", True, "x", {"empty": []}))
    assert "Nobody was seen." in Page(tmp_path / "report.html").words


def test_lines_break_where_nothing_is_known_and_labels_stand_only_where_they_fit():
    times = np.array([0.0, 0.1, 0.2, 3.0, 3.1, 3.2])
    chart = curves([Line(times, np.array([0, 1, np.nan, 0, 1, 0.5]), "x", "seen")], 4.0, 0, 1)
    (data,) = re.findall(r'class="line seen" d="([^"]*)"', chart)
    assert data.count("M") == 2 and data.count("L") == 3 and "nan" not in data
    rows = timeline([("does", "seen", [Span(0.0, 2.0, "wave"), Span(2.0, 2.01, "bow"),
                                       Span(2.02, 4.0, "nod")])], 4.0)
    shown = re.findall(r"<text[^>]*>([^<]*)</text>", rows)
    assert "wave" in shown and "nod" in shown and "bow" not in shown
    assert "bow, 2.0 to 2.0 s" in rows  # but it is told when pointed at


@pytest.mark.parametrize("low, high", [(0.0, 19.7), (-1.0, 1.0), (0.0, 0.003), (0.0, 5000.0)])
def test_axes_have_round_numbers_within_their_range(low, high):
    found = ticks(low, high)
    assert 2 <= len(found) <= 11
    assert (found >= low - 1e-9).all() and (found <= high + 1e-9).all()
    step = np.diff(found)[0]
    assert np.isclose(step / 10 ** np.floor(np.log10(step)), [1, 2, 5]).any()
