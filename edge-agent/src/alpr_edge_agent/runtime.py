"""ONNX Runtime sessions, set up once and alike."""

from __future__ import annotations

from pathlib import Path

import onnxruntime

from alpr_edge_agent.errors import ModelUnavailable


def open_session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    """A CPU session of the model at `path` that never spins: waiting threads would steal the cores of other workers.

    Raises:
        ModelUnavailable: the file is no model that this ONNX Runtime can run.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises types of its own C++ layer, one a status code
        raise ModelUnavailable(f"{path}: ONNX Runtime {onnxruntime.__version__} cannot run it: {error}") from error
