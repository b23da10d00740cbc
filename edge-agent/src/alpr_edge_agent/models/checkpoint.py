"""Weights out of a PyTorch checkpoint, without PyTorch and without running what is inside.

A `.pt` file is a zip: `<name>/data.pkl` is a pickle whose tensors point at raw storages `<name>/data/<key>`. The pickle
is read by an unpickler that knows a closed list of names. Classes of torch and ultralytics become inert stand-ins that
only hold attributes; any other name ends the reading.
"""

from __future__ import annotations

import collections
import pickle
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.generic]

_STORAGES = {"FloatStorage": "<f4", "HalfStorage": "<f2", "LongStorage": "<i8", "DoubleStorage": "<f8"}
_STAND_IN_MODULES = ("torch.nn.modules.", "ultralytics.nn.", "ultralytics.utils")
_MAX_BYTES = 1 << 30


class CheckpointError(ValueError):
    """The file is no checkpoint, or names something that is not on the list."""


class Module:
    """An inert stand-in for a layer: attributes as they were pickled, no behaviour."""

    @property
    def kind(self) -> str:
        """Name of the class that was pickled, such as `Conv`."""
        return type(self).__name__

    def child(self, name: str) -> Module:
        """The sub-layer registered under `name`; KeyError where there is none."""
        return cast("Module", self.__dict__["_modules"][name])

    def children(self) -> list[Module]:
        """All sub-layers in their order."""
        return list(self.__dict__["_modules"].values())

    def tensor(self, name: str) -> Array:
        """The parameter or buffer registered under `name`; KeyError where there is none."""
        parameters, buffers = self.__dict__["_parameters"], self.__dict__["_buffers"]
        return cast("Array", parameters[name] if parameters.get(name) is not None else buffers[name])

    def get(self, name: str) -> Any:
        """A plain attribute; KeyError where there is none."""
        return self.__dict__[name]


@dataclass(frozen=True, slots=True)
class _Storage:
    data: Array


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The pickled dictionary of the checkpoint at `path`, tensors as numpy arrays, layers as `Module`.

    Raises:
        CheckpointError: not a checkpoint, or it names something that is not on the list.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            pickled = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
            with archive.open(pickled) as file:
                found = _Unpickler(file, archive, pickled.removesuffix("data.pkl")).load()
    except (zipfile.BadZipFile, StopIteration, pickle.UnpicklingError, EOFError, KeyError) as error:
        raise CheckpointError(f"{path}: not a PyTorch checkpoint ({error})") from error
    if not isinstance(found, dict):
        raise CheckpointError(f"{path}: holds a {type(found).__name__}, not a dictionary")
    return found


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: Any, archive: zipfile.ZipFile, prefix: str) -> None:
        super().__init__(file, encoding="utf-8")
        self._archive = archive
        self._prefix = prefix
        self._classes: dict[str, type[Module]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (known := _KNOWN_NAMES.get((module, name))) is not None:
            return known
        if module.startswith(_STAND_IN_MODULES):
            return self._classes.setdefault(name, type(name, (Module,), {}))
        raise CheckpointError(f"the checkpoint names {module}.{name}, which is not on the list of known names")

    def persistent_load(self, pid: Any) -> _Storage:
        _, kind, key, _, count = pid
        name = f"{self._prefix}data/{key}"
        dtype = np.dtype(_STORAGES[kind])
        size_bytes = self._archive.getinfo(name).file_size
        if size_bytes > _MAX_BYTES or size_bytes != count * dtype.itemsize:
            raise CheckpointError(f"storage {key} holds {size_bytes} bytes, {count} x {dtype.itemsize} were announced")
        return _Storage(np.frombuffer(self._archive.read(name), dtype))


def _tensor(storage: _Storage, offset: int, shape: Sequence[int], strides: Sequence[int], *_: object) -> Array:
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if min((offset, *shape, *strides), default=0) < 0 or (0 not in shape and last >= len(storage.data)):
        raise CheckpointError(f"a tensor of shape {tuple(shape)} reaches beyond its storage")
    step = storage.data.itemsize
    view = np.lib.stride_tricks.as_strided(storage.data[offset:], tuple(shape), tuple(s * step for s in strides))
    return np.array(view)


def _parameter(data: Array, *_: object) -> Array:
    return data


def _device(*_: object) -> None:
    return None


_KNOWN_NAMES: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
    ("torch", "Size"): tuple,
    ("torch", "device"): _device,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    **{("torch", name): name for name in _STORAGES},
}
