"""YOLOv8 detection as an ONNX graph, rebuilt from a checkpoint's layers (Jocher et al., Ultralytics YOLOv8, 2023).

The graph takes `images` (B, 3, H, W) float32 RGB in 0..1, H and W multiples of 32, and gives `output0`
(B, 4 + classes, A): box centre, width and height in input pixels, then one score a class, as ultralytics' own exporter
lays it out. Batch and size stay free. BatchNorm is folded into the convolutions; the anchors come from the shapes of
the feature maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from alpr_edge_agent.models.checkpoint import Module

OPSET = 17
IR_VERSION = 8

Value: TypeAlias = str
"""Name of a tensor in the graph."""


def build(model: Module) -> onnx.ModelProto:
    """The ONNX graph of the pickled DetectionModel `model`, checked.

    Raises:
        KeyError: a layer or attribute is missing, or a layer is of a kind that YOLOv8 does not use.
    """
    graph = _Graph()
    outputs: list[Value] = []
    for layer in model.child("model").children():
        sources = layer.get("f")
        picked = [sources] if isinstance(sources, int) else sources
        previous = outputs[-1] if outputs else "images"
        outputs.append(_LAYERS[layer.kind](graph, layer, [previous if i == -1 else outputs[i] for i in picked]))
    graph.node("Identity", [outputs[-1]], output="output0")
    found = graph.model(channels=4 + len(model.get("names")))
    onnx.checker.check_model(found, full_check=True)
    return found


class _Graph:
    """Collects nodes and weights, and numbers the tensors in the order they are made."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []

    def node(self, kind: str, inputs: Sequence[Value], output: Value | None = None, **attributes: Any) -> Value:
        name = output or f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def nodes(self, kind: str, inputs: Sequence[Value], count: int, **attributes: Any) -> list[Value]:
        names = [f"t{len(self._nodes)}_{i}" for i in range(count)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names

    def constant(self, value: NDArray[Any]) -> Value:
        name = f"w{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def ints(self, *values: int) -> Value:
        return self.constant(np.array(values, np.int64))

    def scalar(self, value: float) -> Value:
        return self.constant(np.array(value, np.float32))

    def model(self, channels: int) -> onnx.ModelProto:
        images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, "height", "width"])
        output = helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["batch", channels, "anchors"])
        graph = helper.make_graph(self._nodes, "yolov8", [images], [output], self._weights)
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, ir_version=IR_VERSION, opset_imports=[opset], producer_name="alpr")


def _conv2d(graph: _Graph, conv: Module, x: Value, norm: Module | None = None) -> Value:
    weight = conv.tensor("weight").astype(np.float64)
    shift = np.zeros(len(weight)) if norm is not None else conv.tensor("bias").astype(np.float64)
    if norm is not None:
        scale = norm.tensor("weight") / np.sqrt(norm.tensor("running_var").astype(np.float64) + norm.get("eps"))
        weight = weight * scale[:, None, None, None]
        shift = norm.tensor("bias") - norm.tensor("running_mean") * scale
    weights = [graph.constant(array.astype(np.float32)) for array in (weight, shift)]
    strides, pads = list(conv.get("stride")), [*conv.get("padding")] * 2
    return graph.node("Conv", [x, *weights], strides=strides, pads=pads, group=conv.get("groups"))


def _conv(graph: _Graph, layer: Module, inputs: list[Value]) -> Value:
    y = _conv2d(graph, layer.child("conv"), inputs[0], layer.child("bn"))
    return graph.node("Mul", [y, graph.node("Sigmoid", [y])])  # SiLU: ONNX Runtime fuses the pair


def _bottleneck(graph: _Graph, layer: Module, x: Value) -> Value:
    y = _conv(graph, layer.child("cv2"), [_conv(graph, layer.child("cv1"), [x])])
    return graph.node("Add", [x, y]) if layer.get("add") else y


def _c2f(graph: _Graph, layer: Module, inputs: list[Value]) -> Value:
    width = layer.get("c")
    parts = graph.nodes("Split", [_conv(graph, layer.child("cv1"), inputs), graph.ints(width, width)], 2, axis=1)
    for block in layer.child("m").children():
        parts.append(_bottleneck(graph, block, parts[-1]))
    return _conv(graph, layer.child("cv2"), [graph.node("Concat", parts, axis=1)])


def _sppf(graph: _Graph, layer: Module, inputs: list[Value]) -> Value:
    pool = layer.child("m")
    size, pad = pool.get("kernel_size"), pool.get("padding")
    parts = [_conv(graph, layer.child("cv1"), inputs)]
    for _ in range(3):
        parts.append(graph.node("MaxPool", parts[-1:], kernel_shape=[size] * 2, strides=[1, 1], pads=[pad] * 4))
    return _conv(graph, layer.child("cv2"), [graph.node("Concat", parts, axis=1)])


def _upsample(graph: _Graph, layer: Module, inputs: list[Value]) -> Value:
    factor = layer.get("scale_factor")
    scales = graph.constant(np.array([1, 1, factor, factor], np.float32))
    asymmetric = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return graph.node("Resize", [inputs[0], "", scales], mode="nearest", **asymmetric)


def _concat(graph: _Graph, layer: Module, inputs: list[Value]) -> Value:
    return graph.node("Concat", inputs, axis=layer.get("d"))


def _branch(graph: _Graph, branch: Module, x: Value) -> Value:
    first, second, last = branch.children()
    return _conv2d(graph, last, _conv(graph, second, [_conv(graph, first, [x])]))


def _detect(graph: _Graph, layer: Module, inputs: list[Value]) -> Value:
    bins, classes = layer.get("reg_max"), layer.get("nc")
    levels = [(_branch(graph, box, x), _branch(graph, score, x)) for box, score, x in zip(
        layer.child("cv2").children(), layer.child("cv3").children(), inputs, strict=True)]  # fmt: skip
    boxes = _flatten(graph, [box for box, _ in levels], 4 * bins)
    scores = graph.node("Sigmoid", [_flatten(graph, [score for _, score in levels], classes)])
    anchors, strides = _anchors(graph, inputs, [float(s) for s in layer.get("stride")])
    decoded = _decode(graph, _expected_distance(graph, boxes, bins), anchors, strides)
    return graph.node("Concat", [decoded, scores], axis=1)


def _flatten(graph: _Graph, maps: list[Value], channels: int) -> Value:
    shape = graph.ints(0, channels, -1)
    return graph.node("Concat", [graph.node("Reshape", [x, shape]) for x in maps], axis=2)


def _expected_distance(graph: _Graph, boxes: Value, bins: int) -> Value:
    """Distribution focal loss (Li et al., 2020): the mean of each side's distribution over `bins` distances."""
    spread = graph.node("Softmax", [graph.node("Reshape", [boxes, graph.ints(0, 4, bins, -1)])], axis=2)
    steps = graph.constant(np.arange(bins, dtype=np.float32).reshape(1, 1, bins, 1))
    return graph.node("ReduceSum", [graph.node("Mul", [spread, steps]), graph.ints(2)], keepdims=0)


def _anchors(graph: _Graph, maps: list[Value], strides: list[float]) -> tuple[Value, Value]:
    """Centres (1, 2, A) in cells of their level, and strides (1, 1, A) in pixels."""
    centres, sizes = [], []
    for feature, stride in zip(maps, strides, strict=True):
        row, column = (_axis(graph, feature, axis) for axis in (2, 3))
        ys = graph.node("Add", [row, graph.node("Mul", [column, graph.scalar(0)])])
        xs = graph.node("Add", [column, graph.node("Mul", [row, graph.scalar(0)])])
        flat = [graph.node("Reshape", [grid, graph.ints(1, 1, -1)]) for grid in (xs, ys)]
        centres.append(graph.node("Concat", flat, axis=1))
        sizes.append(graph.node("Add", [graph.node("Mul", [flat[0], graph.scalar(0)]), graph.scalar(stride)]))
    return graph.node("Concat", centres, axis=2), graph.node("Concat", sizes, axis=2)


def _axis(graph: _Graph, feature: Value, axis: int) -> Value:
    """Cell centres along `axis` of the map (B, C, H, W): (H, 1) for axis 2, (1, W) for axis 3."""
    length = graph.node("Squeeze", [graph.node("Shape", [feature], start=axis, end=axis + 1)])
    zero, one = (graph.constant(np.array(value, np.int64)) for value in (0, 1))
    cells = graph.node("Cast", [graph.node("Range", [zero, length, one])], to=TensorProto.FLOAT)
    centred = graph.node("Add", [cells, graph.scalar(0.5)])
    return graph.node("Reshape", [centred, graph.ints(-1, 1) if axis == 2 else graph.ints(1, -1)])


def _decode(graph: _Graph, distance: Value, anchors: Value, strides: Value) -> Value:
    """Distances to left, top, right, bottom in cells → centre, width and height in pixels."""
    near, far = graph.nodes("Split", [distance, graph.ints(2, 2)], 2, axis=1)
    offset = graph.node("Mul", [graph.node("Sub", [far, near]), graph.scalar(0.5)])
    centre = graph.node("Add", [anchors, offset])
    size = graph.node("Add", [near, far])
    return graph.node("Mul", [graph.node("Concat", [centre, size], axis=1), strides])


_LAYERS = {
    "Conv": _conv,
    "C2f": _c2f,
    "SPPF": _sppf,
    "Upsample": _upsample,
    "Concat": _concat,
    "Detect": _detect,
}
