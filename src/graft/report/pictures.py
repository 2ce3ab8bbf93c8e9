"""Pictures inside the page: as data URIs, small enough that thirty of them stay light."""

from __future__ import annotations

import base64
import io

MOST_BYTES = 24_000
LONGEST_SIDE = 192
TINY_SIDE = 40


def data_uri(data: bytes | None) -> str | None:
    """The picture as a data URI, shrunk where it is large; None where there is no picture.

    Args:
        data: The bytes of a PNG or JPEG file.
    """
    if not data:
        return None
    kind = "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
    if len(data) > MOST_BYTES:
        shrunk = _shrink(data)
        if shrunk is None:
            return None
        kind, data = "image/jpeg", shrunk
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def is_tiny(data: bytes | None) -> bool:
    """Whether a PNG is so small that its pixels should stay sharp when it is shown larger."""
    # The IHDR chunk always comes first: width at byte 16, height at byte 20, big-endian.
    if not data or not data.startswith(b"\x89PNG") or len(data) < 24:
        return False
    return int.from_bytes(data[16:20], "big") <= TINY_SIDE


def _shrink(data: bytes) -> bytes | None:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as opened:
            picture = opened.convert("RGB")
    except (UnidentifiedImageError, OSError):
        return None
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    out = io.BytesIO()
    picture.save(out, format="JPEG", quality=85)
    return out.getvalue()
