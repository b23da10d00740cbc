"""Our side of `make bench-edge`: the pipeline's process on one clip; prints one JSON line.

`--everything` looks at every frame and reads every plate in it: what motion gate and read scheduling save.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

from alpr_edge_agent.folder import EdgeFolder
from alpr_edge_agent.frames import Box
from alpr_edge_agent.outbox.reader import OutboxReader
from alpr_edge_agent.passes import passage
from alpr_edge_agent.pipeline.main import Backends, run_pipeline
from alpr_edge_agent.pipeline.settings import PipelineSettings
from alpr_edge_agent.pipeline.status import read_status
from alpr_edge_agent.recognize import Recognizer, open_recognizer
from alpr_schemas import codec, topics
from alpr_schemas.events import PlateEvent
from alpr_telemetry import TelemetrySettings, configure


def always(_budget: passage.Budget, _box: Box) -> bool:
    return True


def main(data: Path, *, everything: bool) -> None:
    configure("bench", TelemetrySettings(level="error"), sys.stderr)
    if everything:
        passage.Budget.wants = always  # type: ignore[method-assign]
    settings = PipelineSettings(
        data=data, once=True, metrics_port=0, motion_gate=not everything, max_fps=0.0 if everything else 10.0
    )
    began = [0.0]

    def open_last(given: PipelineSettings) -> Recognizer:
        recognizer = open_recognizer(given.recognizer)
        began[0] = time.process_time()  # loading models is in neither side's figure
        return recognizer

    code = run_pipeline(settings, threading.Event(), Backends(open_recognizer=open_last))
    cpu_s = time.process_time() - began[0]
    folder = EdgeFolder(data)
    reader = OutboxReader(folder.outbox)
    events = [codec.decode(row.topic, row.payload) for row in reader.peek(100_000) if row.topic == topics.PLATES]
    (camera,) = read_status(folder.status).cameras
    plates = [event for event in events if isinstance(event, PlateEvent)]
    print(
        json.dumps(
            {
                "code": code,
                "frames": camera.decoded,
                "analysed": camera.analysed,
                "cpu_s": cpu_s,
                "reads": sum(event.reads for event in plates),
                "texts": [event.plate.normalized_text for event in plates],
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), everything="--everything" in sys.argv)
