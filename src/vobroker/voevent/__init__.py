"""VOEvent packets: the model, reading, writing, validation."""

from vobroker.voevent.errors import VOEventError
from vobroker.voevent.model import VOEvent
from vobroker.voevent.write import write

__all__ = ["VOEvent", "VOEventError", "write"]
