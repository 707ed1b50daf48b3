"""VTP, the VOEvent Transport Protocol 2.0 (IVOA Recommendation 2017-03-20): author, broker, subscriber.

The roles are those of the standard. An author submits events to a broker; a broker is a receiver, which takes
events from authors, and a broadcaster, which sends them to subscribers.
"""

from vobroker.voevent.vtp.broker import AUTHORS_PORT, SUBSCRIBERS_PORT, Broker
from vobroker.voevent.vtp.errors import Refused, VTPError
from vobroker.voevent.vtp.events import Event, examine
from vobroker.voevent.vtp.journal import Journal
from vobroker.voevent.vtp.limits import Limits

__all__ = [
    "AUTHORS_PORT",
    "SUBSCRIBERS_PORT",
    "Broker",
    "Event",
    "Journal",
    "Limits",
    "Refused",
    "VTPError",
    "examine",
]
