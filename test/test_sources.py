# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Cameras, files, folders and streams: read in real time, or refused in one clear sentence."""

from __future__ import annotations

import http.server
import threading
import time

import cv2
import numpy as np
import pytest

from mirror_robot.perception import sources
from mirror_robot.perception.assets import asset
from mirror_robot.perception.capture import ENDED, FAILED, RETRYING, RUNNING, STOPPED, Capture
from mirror_robot.perception.images import ENCODINGS, decode_compressed, decode_image
from mirror_robot.perception.sources import (
    Camera,
    Frame,
    SourceError,
    SourceLost,
    make_source,
)


@pytest.fixture
def folder(tmp_path):
    for number in range(5):
        cv2.imwrite(
            str(tmp_path / f"{number}.png"), np.full((4, 6, 3), 10 * number, np.uint8))
    return tmp_path


def _read_all(source) -> list[Frame]:
    source.open()
    frames = list(iter(source.read, None))
    source.close()
    return frames


def test_a_video_comes_frame_by_frame_in_real_time():
    begun = time.monotonic()
    frames = _read_all(make_source("sample:single_face.mp4", playback_rate=4.0))
    assert time.monotonic() - begun >= 71 / (4 * 30)
    assert frames[-1].index == 71
    assert frames[0].image.shape == (360, 640, 3) and frames[0].image.dtype == np.uint8
    assert np.all(np.diff([frame.stamp for frame in frames]) > 0)


def test_a_reader_that_is_late_gets_the_frame_that_is_due_and_no_queue():
    source = make_source("sample:single_face.mp4")
    source.open()
    first = source.read()
    time.sleep(0.5)
    late = source.read()
    source.close()
    assert first.index == 0
    assert late.index >= 15  # half a second at 30 Hz


def test_a_video_that_loops_goes_on_counting():
    source = make_source("sample:single_face.mp4", loop=True, playback_rate=20.0)
    source.open()
    indices = []
    while not indices or indices[-1] < 150:
        indices.append(source.read().index)
    source.close()
    assert np.all(np.diff(indices) > 0)


def test_frames_are_stamped_by_the_clock_that_was_given(folder):
    frames = _read_all(make_source(str(folder), lambda: 42.0, folder_rate=200.0))
    assert {frame.stamp for frame in frames} == {42.0}


def test_a_folder_comes_in_the_order_of_its_names(folder):
    frames = _read_all(make_source(str(folder), folder_rate=50.0))
    assert [frame.image[0, 0, 0] for frame in frames] == [
        10 * frame.index for frame in frames]
    assert frames[-1].index == 4


def test_a_file_in_a_folder_that_is_no_image_is_passed_over(folder):
    (folder / "2.png").write_bytes(b"no image")
    frames = _read_all(make_source(str(folder), folder_rate=20.0))
    assert 2 not in [frame.index for frame in frames] and frames


def test_one_image_is_a_source_too(folder):
    assert len(_read_all(make_source(str(folder / "3.png")))) == 1


def _garbage(path):
    path.write_bytes(bytes(range(256)) * 100)


def _cut_in_half(path):
    whole = asset("single_face.mp4").read_bytes()
    path.write_bytes(whole[:len(whole) // 2])


@pytest.mark.parametrize("damage", [_garbage, _cut_in_half, lambda path: path.write_bytes(b"")])
def test_a_damaged_video_is_refused_in_one_sentence(damage, tmp_path):
    path = tmp_path / "damaged.mp4"
    damage(path)
    with pytest.raises(SourceError, match=r"damaged\.mp4 cannot be read as a video"):
        make_source(str(path)).open()


def test_a_video_that_breaks_off_is_told_from_one_that_ends(tmp_path):
    path = tmp_path / "short.avi"
    whole = asset("dancer.avi").read_bytes()
    path.write_bytes(whole[:len(whole) // 40])
    with pytest.raises(SourceError, match=r"ended early, after \d+ of 1572 frames"):
        _read_all(make_source(str(path), playback_rate=20.0))


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(SourceError, match="holds no image"):
        make_source(str(tmp_path)).open()


def test_a_folder_of_broken_images_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(SourceError, match="can be decoded"):
        _read_all(make_source(str(tmp_path)))


def test_a_missing_camera_is_worth_another_try():
    with pytest.raises(SourceLost, match="there is no /dev/video99"):
        make_source("99").open()


def test_a_stream_out_of_reach_is_worth_another_try_and_its_password_is_not_told():
    with pytest.raises(SourceLost, match="cannot be opened") as error:
        make_source("rtsp://me:secret@127.0.0.1:1/video").open()
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("text", ["", "/no/such/file.mp4", "sofa"])
def test_what_is_no_source_is_answered_with_what_is(text):
    with pytest.raises(SourceError, match="A source is a camera number"):
        make_source(text)


class _Unsteady:
    """A camera that is lost and comes back, then breaks for good."""

    name, live = "camera", True

    def __init__(self, *acts):
        self._acts = iter(acts)
        self.closed = 0

    def open(self):
        pass

    def read(self):
        act = next(self._acts)
        if isinstance(act, Exception):
            raise act
        return act

    def close(self):
        self.closed += 1


def _captured(source) -> tuple[list[int], list[str], Capture]:
    frames, states, over = [], [], threading.Event()

    def change(state, message):
        states.append(state)
        if state in (ENDED, FAILED):
            over.set()

    capture = Capture(source, lambda frame: frames.append(frame.index), change)
    capture.start()
    assert over.wait(20)
    capture.stop()
    return frames, states, capture


def _frame(index: int) -> Frame:
    return Frame(0.0, np.zeros((2, 2, 3), np.uint8), index)


def test_a_camera_that_was_lost_is_picked_up_again():
    source = _Unsteady(_frame(0), SourceLost("unplugged"), _frame(1), None)
    frames, states, _ = _captured(source)
    assert frames == [0, 1]
    assert states[:4] == [RUNNING, RETRYING, RUNNING, ENDED]


def test_a_source_that_fails_for_good_is_left_alone_and_released():
    source = _Unsteady(_frame(0), SourceError("damaged"))
    _, states, _ = _captured(source)
    assert states[:2] == [RUNNING, FAILED]
    assert source.closed >= 1


def test_stopping_does_not_wait_for_a_lost_camera():
    source = _Unsteady(*[SourceLost("unplugged")] * 50)
    capture = Capture(source, lambda frame: None, lambda state, message: None)
    capture.start()
    assert capture.stop(2.0)
    assert capture.state == STOPPED


# Encodings of sensor_msgs/Image

def _picture() -> np.ndarray:
    """Return smooth colours, so that halved chroma costs little."""
    rows, columns = np.mgrid[0:16, 0:24]
    return np.dstack([60 + 5 * columns, 200 - 6 * rows, 90 + 4 * rows]).astype(np.uint8)


def _encoded(picture: np.ndarray, encoding: str) -> np.ndarray:
    """Return the rows (n, step) uint8 of a picture."""
    blue, green, red = np.moveaxis(picture, -1, 0)
    if encoding.startswith("bayer"):
        planes = {"r": red, "g": green, "b": blue}
        first, second, third, fourth = encoding[6:10]
        out = np.empty(picture.shape[:2], np.uint8)
        for corner, (row, column) in zip(
                (first, second, third, fourth), ((0, 0), (0, 1), (1, 0), (1, 1))):
            out[row::2, column::2] = planes[corner][row::2, column::2]
        return out
    if encoding in ("mono8", "8UC1"):
        return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    if encoding in ("bgr8", "8UC3"):
        return picture.reshape(16, -1)
    if encoding == "rgb8":
        return picture[..., ::-1].reshape(16, -1)
    if encoding in ("bgra8", "rgba8"):
        order = picture if encoding == "bgra8" else picture[..., ::-1]
        return np.dstack([order, np.full((16, 24), 255, np.uint8)]).reshape(16, -1)
    # BT.601, limited range, as cameras give it
    b, g, r = (plane.astype(float) for plane in (blue, green, red))
    luma = np.rint(16 + 0.257 * r + 0.504 * g + 0.098 * b).astype(np.uint8)
    u = np.rint(128 - 0.148 * r - 0.291 * g + 0.439 * b).astype(np.uint8)
    v = np.rint(128 + 0.439 * r - 0.368 * g - 0.071 * b).astype(np.uint8)
    if encoding in ("nv12", "nv21"):
        pair = (u, v) if encoding == "nv12" else (v, u)
        chroma = np.dstack([plane[::2, ::2] for plane in pair]).reshape(8, 24)
        return np.vstack([luma, chroma])
    chroma = np.empty_like(luma)
    chroma[:, ::2], chroma[:, 1::2] = u[:, ::2], v[:, ::2]
    order = (chroma, luma) if encoding in ("yuv422", "uyvy") else (luma, chroma)
    return np.dstack(order).reshape(16, -1)


@pytest.mark.parametrize("padding", [0, 7])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_gives_the_same_picture_with_and_without_padding(encoding, padding):
    picture = _picture()
    rows = np.pad(_encoded(picture, encoding), ((0, 0), (0, padding)), constant_values=255)
    decoded = decode_image(rows.tobytes(), encoding, 16, 24, rows.shape[1])
    expected = picture if encoding not in ("mono8", "8UC1") else np.repeat(
        cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)[..., None], 3, axis=2)
    exact = encoding in ("rgb8", "bgr8", "rgba8", "bgra8", "mono8", "8UC1", "8UC3")
    inner = np.s_[2:-2, 2:-2]  # a Bayer pattern knows less at the edge
    assert decoded.shape == picture.shape
    assert np.abs(decoded[inner].astype(int) - expected[inner]).max() <= (0 if exact else 12)


@pytest.mark.parametrize(("change", "said"), [
    ({"encoding": "xyz16"}, "is not one of"),
    ({"height": 0}, "empty image"),
    ({"data": b""}, "truncated"),
    ({"data": bytes(16 * 24 * 3 - 40)}, "truncated"),
    ({"step": 10}, "too short"),
    ({"encoding": "nv12", "height": 15}, "cannot be"),
])
def test_a_damaged_image_is_refused(change, said):
    whole = {"data": bytes(16 * 24 * 3), "encoding": "bgr8", "height": 16, "width": 24,
             "step": 72}
    with pytest.raises(ValueError, match=said):
        decode_image(**{**whole, **change})


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_compressed_images_are_read(suffix):
    picture = _picture()
    data = cv2.imencode(suffix, picture)[1].tobytes()
    assert np.abs(decode_compressed(data).astype(int) - picture).mean() < 4


@pytest.mark.parametrize("data", [b"", b"no image at all"])
def test_a_compressed_image_that_is_none_is_refused(data):
    with pytest.raises(ValueError, match="cannot be decoded"):
        decode_compressed(data)


# Cameras that are unplugged, streams that stall

class _Webcam:
    """Stands in for cv2.VideoCapture of a device that is a file here; gone when the file is."""

    opened = 0

    def __init__(self, device):
        self.device = device

    def __call__(self, target, backend):
        type(self).opened += 1
        assert target == str(self.device)
        return self

    def isOpened(self):
        return self.device.exists()

    def set(self, key, value):
        return True

    def grab(self):
        time.sleep(0.005)
        return self.device.exists()

    def retrieve(self):
        return True, np.zeros((4, 6, 3), np.uint8)

    def release(self):
        pass


class _Watched:
    """A capture whose frames and states are kept."""

    def __init__(self, source):
        self.frames, self.states = 0, []
        self.capture = Capture(source, self._take, lambda *change: self.states.append(change))
        self.capture.start()

    def _take(self, frame):
        self.frames += 1

    def until(self, condition, timeout=20.0) -> bool:
        deadline = time.monotonic() + timeout
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.01)
        return condition()

    def goes_on(self) -> bool:
        begun = self.frames
        return self.until(lambda: self.frames > begun + 2)


def test_a_webcam_that_is_unplugged_is_picked_up_when_it_is_plugged_in_again(
        tmp_path, monkeypatch):
    device = tmp_path / "camera"
    device.touch()
    monkeypatch.setattr(cv2, "VideoCapture", _Webcam(device))
    watched = _Watched(Camera(str(device), time.time, 0, 0))
    try:
        assert watched.goes_on()
        device.unlink()
        assert watched.until(lambda: watched.capture.state == RETRYING)
        assert "unplugged" in watched.capture.message or "there is no" in watched.capture.message
        assert watched.until(lambda: f"there is no {device}" in watched.capture.message)
        device.touch()
        assert watched.until(lambda: watched.capture.state == RUNNING)
        assert watched.goes_on()
        assert watched.capture.losses == 1
    finally:
        assert watched.capture.stop()


class _MjpegServer:
    """A network camera: JPEG after JPEG over HTTP, until it stalls, hangs up or is away."""

    def __init__(self, port: int = 0):
        jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), 120, np.uint8))[1].tobytes()
        self.stalled = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace;boundary=next")
                self.end_headers()
                try:
                    while not outer.closed:
                        if not outer.stalled.is_set():
                            self.wfile.write(
                                b"--next\r\nContent-Type: image/jpeg\r\nContent-Length: "
                                + str(len(jpeg)).encode() + b"\r\n\r\n" + jpeg + b"\r\n")
                        time.sleep(0.03)
                except OSError:
                    pass

            def log_message(self, *words):
                pass

        self.closed = False
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.closed = True
        self._server.shutdown()
        self._server.server_close()


def test_a_stream_that_stalls_or_whose_server_goes_away_is_connected_again(monkeypatch):
    monkeypatch.setattr(sources, "_READ_TIMEOUT", 500)
    server = _MjpegServer()
    watched = _Watched(make_source(f"http://127.0.0.1:{server.port}/video"))
    try:
        assert watched.goes_on()
        server.stalled.set()
        assert watched.until(lambda: watched.capture.state == RETRYING)
        assert "stalled" in watched.capture.message
        server.stalled.clear()
        assert watched.until(lambda: watched.capture.state == RUNNING) and watched.goes_on()
        port = server.port
        server.close()
        assert watched.until(lambda: "cannot be opened" in watched.capture.message)
        server = _MjpegServer(port)
        assert watched.until(lambda: watched.capture.state == RUNNING) and watched.goes_on()
        assert watched.capture.losses == 2
    finally:
        server.close()
        assert watched.capture.stop(10.0)


def test_who_does_not_come_back_is_tried_less_and_less_often(monkeypatch):
    source, waits = _Unsteady(*[SourceLost("unplugged")] * 9, None), []
    capture = Capture(source, lambda frame: None, lambda state, message: None)
    monkeypatch.setattr(capture._stop, "wait", waits.append)
    capture.start()
    capture._thread.join(5.0)
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0, 10.0]
    assert capture.losses == 1
