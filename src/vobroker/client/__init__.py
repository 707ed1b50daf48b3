"""Listen to streams: of a broker anywhere, or of an archive on this machine, in the same few lines."""

from vobroker.client.alert import Alert, Cutouts
from vobroker.client.errors import StreamError
from vobroker.client.listen import stream

__all__ = ["Alert", "Cutouts", "StreamError", "stream"]
