"""The gateway: the public face of a broker's streams."""

from vobroker.gateway.app import create_app, create_streams, tell_metrics, tell_ready
from vobroker.gateway.cursor import CursorError, Cursors

__all__ = ["CursorError", "Cursors", "create_app", "create_streams", "tell_metrics", "tell_ready"]
