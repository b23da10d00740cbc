"""From boxes to vehicle passes: zones, tracks read and fused, settled once. Pure, in media time."""
