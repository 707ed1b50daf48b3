"""Files that a page gives to take away."""

from __future__ import annotations

import re

from fastapi.responses import Response


def attachment(content: bytes, media_type: str, name: str) -> Response:
    """Answer with a file to save; what a file name should not hold is left out of it."""
    plain = re.sub(r"[^A-Za-z0-9._+-]+", "_", name)
    return Response(
        content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{plain}"'}
    )
