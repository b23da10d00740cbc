"""`alpr simulate`: a clip with its truth."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import cast

import click

from alpr_simulator.clip import Codec, render, truth_path
from alpr_simulator.scene import Scene


class _Size(click.ParamType[tuple[int, int]]):
    """WIDTHxHEIGHT in pixels, both even."""

    name = "WxH"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        width, _, height = str(value).partition("x")
        if not (width.isdigit() and height.isdigit()):
            self.fail(f"{value!r} is not WIDTHxHEIGHT, such as 1280x720", param, ctx)
        size = int(width), int(height)
        if any(side % 2 or not 160 <= side <= 4096 for side in size):
            self.fail(f"{value!r}: both sides must be even and from 160 to 4096", param, ctx)
        return size


@click.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same clip.")
@click.option("--seconds", type=click.FloatRange(0.2, 3600), default=24.0, show_default=True)
@click.option("--fps", type=click.FloatRange(1, 60), default=15.0, show_default=True)
@click.option("--size", type=_Size(), default="1280x720", show_default=True)
@click.option(
    "--occupancy",
    type=click.FloatRange(0, 1),
    default=0.25,
    show_default=True,
    help="Share of the frames with a vehicle in view.",
)
@click.option("--codec", type=click.Choice(["h264", "h265"]), default="h264", show_default=True)
def simulate(out: Path, codec: str, size: tuple[int, int], **options: float) -> None:
    """Render vehicles that drive by to OUT (mp4), and what is true of them to OUT's name with .truth.json."""
    if not out.parent.is_dir():
        raise click.BadParameter(f"{out.parent}: no such folder; create it first", param_hint="OUT")
    seed = int(options.pop("seed"))
    scene = Scene(seed, width=size[0], height=size[1], **options)  # type: ignore[arg-type]  # named as the options are
    # Where nobody looks (a pipe, a log) click draws no bar.
    with click.progressbar(length=scene.frame_count, label="rendering", file=sys.stderr) as bar:
        truth = render(scene, out, cast("Codec", codec), progress=bar.update)
    click.echo(
        f"{out}: {truth.frames} frames, {len(truth.vehicles)} vehicles, in view in {truth.occupancy:.1%} of them"
    )
    click.echo(f"{truth_path(out)}: the truth")
