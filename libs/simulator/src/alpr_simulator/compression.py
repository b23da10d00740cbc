"""What an encoder leaves of frames: through H.264 and back, in memory."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
import numpy as np

from alpr_simulator.plates import Image


def through_h264(frames: Iterable[Image], fps: float, bits_per_pixel: float = 0.1) -> Iterator[Image]:
    """The frames (BGR, even sides, all of one size) after encoding at `bits_per_pixel` and decoding."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = None
        for image in frames:
            if stream is None:
                options = {"preset": "superfast", "tune": "zerolatency"}
                stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001), options=options)
                stream.width, stream.height, stream.pix_fmt = image.shape[1], image.shape[0], "yuv420p"
                stream.bit_rate = round(image.shape[0] * image.shape[1] * fps * bits_per_pixel)
                stream.thread_count = 1
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")))
        if stream is None:
            return
        container.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer, "r") as decoded:
        for frame in decoded.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
