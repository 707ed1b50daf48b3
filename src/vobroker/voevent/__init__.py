"""VOEvent packets: the model, reading, writing, validation."""

from vobroker.voevent.canonical import canonical
from vobroker.voevent.errors import VOEventError
from vobroker.voevent.model import VOEvent
from vobroker.voevent.read import read
from vobroker.voevent.validate import Finding, validate
from vobroker.voevent.write import laid_out, write

__all__ = ["Finding", "VOEvent", "VOEventError", "canonical", "laid_out", "read", "validate", "write"]
