"""Alert broker for the Virtual Observatory.

:func:`stream` listens to a stream of a broker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from vobroker.client import Alert, StreamError, stream

__all__ = ["Alert", "StreamError", "__version__", "stream"]


def __getattr__(name: str) -> Any:
    """Load the client, or the version that was installed, when it is asked for: other parts do without."""
    if name == "__version__":
        from importlib.metadata import version

        return version("vobroker")
    if name in __all__:
        from vobroker import client

        return getattr(client, name)
    raise AttributeError(f"module 'vobroker' has no attribute '{name}'")
