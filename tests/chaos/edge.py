"""100 seeded `kill -9` of pipeline, agent and standalone over a looping clip; exits 0 when nothing is lost or doubled.

make chaos-edge                 at most 40 minutes
CHAOS_KILLS=10 make chaos-edge  about 2 minutes
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from alpr_simulator.demo import ensure_demo_clip
from alpr_standalone.sources import manifests_for_demo
from alpr_testing.chaos import Upped, kill_many

KILLS = int(os.environ.get("CHAOS_KILLS", "100"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))
PORT = int(os.environ.get("CHAOS_PORT", "18000"))
PAUSE_S = (2.0, 9.0)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="alpr-chaos-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        clip = ensure_demo_clip(root / "clip")
        upped = Upped(root / "data", manifests_for_demo(root / "site", clip), PORT)
        try:
            report = kill_many(upped, KILLS, SEED, PAUSE_S, lambda line: print(line, flush=True))
        finally:
            upped.stop()
    for name, ids in (("lost", report.lost), ("invented", report.unknown)):
        for event in sorted(ids):
            print(f"{name}: {event}")
    print(f"chaos-edge seed {SEED}: {report}")
    return 0 if report.holds else 1


if __name__ == "__main__":
    sys.exit(main())
