"""The detector on TensorRT: an engine that `trtexec` built on this machine from a file of `alpr models list`.

Written against TensorRT 10's Python API (named tensors, `execute_async_v3`) with cuda-python for memory. Not verified
on a Jetson: none was at hand. The contract test runs it wherever both packages and an engine are present.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alpr_edge_agent.detect import Detections, DetectorSettings
from alpr_edge_agent.detect.yolo import batches, detections, network_input
from alpr_edge_agent.errors import BackendUnavailable, ModelUnavailable
from alpr_edge_agent.frames import BgrImage
from alpr_edge_agent.models import KNOWN


class TensorRtDetector:
    """A YOLOv8 engine on the first CUDA device. One caller at a time."""

    def __init__(self, settings: DetectorSettings) -> None:
        tensorrt, self._cuda = _runtimes()
        path = Path(settings.model).expanduser()
        if path.suffix not in {".engine", ".plan"} or not path.is_file():
            raise ModelUnavailable(
                f"detector.model {settings.model}: backend tensorrt needs the path of an engine; build it here: "
                "trtexec --onnx=plate-yolov8n.onnx --saveEngine=plate-yolov8n.engine --fp16 "
                "--minShapes=images:1x3x32x32 --optShapes=images:4x3x384x640 --maxShapes=images:8x3x1280x1280"
            )
        content = path.read_bytes()
        self.digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self._settings = settings
        # An engine says nothing of its origin but by its name, as the line above builds it.
        known = next((model for model in KNOWN if model.name == path.stem), None)
        self._margin = settings.margin or (known.margin if known else (0.0, 0.0))
        runtime = tensorrt.Runtime(tensorrt.Logger(tensorrt.Logger.WARNING))
        self._engine = runtime.deserialize_cuda_engine(content)
        if self._engine is None:
            raise ModelUnavailable(
                f"{path}: TensorRT {tensorrt.__version__} cannot load it; build it again on this machine"
            )
        self._context = self._engine.create_execution_context()
        self._stream = _checked(self._cuda.cudaStreamCreate())

    def detect(self, images: Sequence[BgrImage]) -> list[Detections]:
        """Plates of each picture, in the order of `images`; pictures may differ in size. Blocks."""
        found: dict[int, Detections] = {}
        for indices, boxes in batches(images, self._settings.input_size, self._settings.max_batch):
            pictures = [images[index] for index in indices]
            output = self._infer(network_input(pictures, boxes))
            for index, picture, box, part in zip(indices, pictures, boxes, output, strict=True):
                found[index] = detections(part, box, picture, self._settings, self._margin)
        return [found[index] for index in range(len(images))]

    def _infer(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        self._context.set_input_shape(names[0], pixels.shape)
        output = np.empty(tuple(self._context.get_tensor_shape(names[1])), np.float32)
        arrays = (pixels, output)
        memory = [_checked(self._cuda.cudaMalloc(array.nbytes)) for array in arrays]
        try:
            for name, address in zip(names, memory, strict=True):
                self._context.set_tensor_address(name, address)
            self._copy(memory[0], pixels.ctypes.data, pixels.nbytes, to_device=True)
            self._context.execute_async_v3(self._stream)
            _checked(self._cuda.cudaStreamSynchronize(self._stream))
            self._copy(output.ctypes.data, memory[1], output.nbytes, to_device=False)
        finally:
            for address in memory:
                self._cuda.cudaFree(address)
        return output

    def _copy(self, target: int, source: int, size_bytes: int, *, to_device: bool) -> None:
        kinds = self._cuda.cudaMemcpyKind
        kind = kinds.cudaMemcpyHostToDevice if to_device else kinds.cudaMemcpyDeviceToHost
        _checked(self._cuda.cudaMemcpy(target, source, size_bytes, kind))


def _runtimes() -> tuple[Any, Any]:
    try:
        import tensorrt
        from cuda.bindings import runtime
    except ImportError as error:
        raise BackendUnavailable(
            f"detector.backend tensorrt: {error.name} is not installed; install alpr-edge-agent[tensorrt] "
            "(on a Jetson TensorRT comes with JetPack), or choose backend: onnx"
        ) from error
    return tensorrt, runtime


def _checked(result: tuple[Any, ...]) -> Any:
    code, *values = result
    if int(code) != 0:
        raise RuntimeError(f"CUDA call failed: {code}")
    return values[0] if values else None
