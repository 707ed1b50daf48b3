"""VOEvent packets: the model, reading, writing, validation."""

from vobroker.voevent.canonical import canonical
from vobroker.voevent.errors import VOEventError
from vobroker.voevent.model import VOEvent
from vobroker.voevent.read import read
from vobroker.voevent.validate import Finding, is_valid, validate
from vobroker.voevent.write import laid_out, write

__all__ = [
    "Finding",
    "VOEvent",
    "VOEventError",
    "canonical",
    "is_valid",
    "laid_out",
    "read",
    "validate",
    "write",
]
