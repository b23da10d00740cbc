"""One camera's reasoning from boxes to vehicle passes: pure, driven by frame times, no clock and no I/O.

The loop around it (pipeline, benchmark, `alpr read` on a clip) does three things a frame:
`wanted = analysis.observe(info, detections)`, read the wanted views, `analysis.absorb(wanted, readings)`.
"""
