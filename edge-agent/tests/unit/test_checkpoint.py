import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from alpr_edge_agent.models.checkpoint import CheckpointError, read_checkpoint


def checkpoint(path: Path, pickled: bytes, storages: dict[str, bytes] | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("best/data.pkl", pickled)
        for key, content in (storages or {}).items():
            archive.writestr(f"best/data/{key}", content)
    return path


def tensor_pickle(count: int, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> bytes:
    """{"w": tensor} as torch pickles it: a storage by persistent id, rebuilt with shape and strides."""

    def ints(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(b"I%d\n" % value for value in values) + b"t"

    storage = b"(Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI%d\ntQ" % count
    arguments = b"(" + storage + b"I%d\n" % offset + ints(shape) + ints(strides) + b"I00\n}t"
    return b"\x80\x02}Vw\nctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"Rs."


def test_tensors_come_out_with_their_shape_and_strides(tmp_path: Path) -> None:
    content = np.arange(6, dtype="<f4").tobytes()
    path = checkpoint(tmp_path / "a.pt", tensor_pickle(6, (3, 2), (1, 3)), {"0": content})
    assert read_checkpoint(path)["w"].tolist() == [[0, 3], [1, 4], [2, 5]]


@pytest.mark.parametrize(
    ("shape", "strides", "offset"), [((7,), (1,), 0), ((3, 2), (1, 4), 0), ((2,), (1,), 5), ((2,), (-1,), 5)]
)
def test_a_tensor_that_reaches_beyond_its_storage_is_refused(
    tmp_path: Path, shape: tuple[int, ...], strides: tuple[int, ...], offset: int
) -> None:
    content = np.arange(6, dtype="<f4").tobytes()
    path = checkpoint(tmp_path / "a.pt", tensor_pickle(6, shape, strides, offset), {"0": content})
    with pytest.raises(CheckpointError, match="beyond its storage"):
        read_checkpoint(path)


def test_a_storage_shorter_than_announced_is_refused(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "a.pt", tensor_pickle(6, (6,), (1,)), {"0": b"1234"})
    with pytest.raises(CheckpointError, match="were announced"):
        read_checkpoint(path)


@pytest.mark.parametrize("name", ["os\nsystem", "builtins\neval", "builtins\ngetattr", "torch\nload", "numpy\nsave"])
def test_foreign_code_is_never_reached(tmp_path: Path, name: str) -> None:
    trace = tmp_path / "ran"
    pickled = f"c{name}\n(Vtouch {trace}\ntR.".encode()
    with pytest.raises(CheckpointError, match="not on the list of known names"):
        read_checkpoint(checkpoint(tmp_path / "a.pt", pickled))
    assert not trace.exists()


def test_layers_are_inert(tmp_path: Path) -> None:
    pickled = b"\x80\x02}Vmodel\ncultralytics.nn.tasks\nDetectionModel\n)\x81}Vnc\nI1\nsbs."
    model = read_checkpoint(checkpoint(tmp_path / "a.pt", pickled))["model"]
    assert model.kind == "DetectionModel"
    assert model.get("nc") == 1
    assert not callable(model)


@pytest.mark.parametrize("content", [b"", b"no zip", pickle.dumps({"model": 1})])
def test_what_is_no_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"odd\.pt: not a PyTorch checkpoint"):
        read_checkpoint(path)


def test_a_zip_without_a_pickle_is_no_checkpoint(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("readme", "hello")
    (tmp_path / "a.pt").write_bytes(buffer.getvalue())
    with pytest.raises(CheckpointError):
        read_checkpoint(tmp_path / "a.pt")


def test_a_list_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds a list"):
        read_checkpoint(checkpoint(tmp_path / "a.pt", pickle.dumps([os.sep])))
