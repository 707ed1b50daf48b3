"""Tell somebody of the alerts of a stream: a web address, a chat, a mailbox.

Alerts are told of at least once, in order. The place behind the last one is kept in a file, so that a restart
goes on there; whoever gets an alert twice all the same knows it by its ``ivorn``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import smtplib
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote

from vobroker.client.alert import Alert
from vobroker.client.errors import StreamError

Tell = Callable[[Sequence[Alert]], None]
"""Tells of some alerts; raises OSError or smtplib.SMTPException where that fails and may go better later."""

SIGNATURE = "Vobroker-Signature"
"""Header of a webhook: ``t=<unix time>,v1=<hexadecimal HMAC-SHA256 of "<unix time>.<body>">``."""

MOST = 50
"""Most alerts that are told of at once."""

TRIES = 8
"""How often one message is tried, each time after twice the wait."""

LISTED = 30
"""Alerts that a message for people names; of the rest it gives the number."""

_TIMEOUT = 30


def signature(secret: bytes, body: bytes, now: int) -> str:
    """Give the value of :data:`SIGNATURE` for a body."""
    code = hmac.new(secret, b"%d.%b" % (now, body), hashlib.sha256).hexdigest()
    return f"t={now},v1={code}"


def verified(secret: bytes, header: str, body: bytes, *, now: float | None = None, within: int = 300) -> bool:
    """Say whether a webhook came from who has the secret, not longer ago than some seconds."""
    fields = dict(part.partition("=")[::2] for part in header.split(","))
    told = fields.get("t", "")
    if not told.isascii() or not told.isdigit() or abs((now or time.time()) - int(told)) > within:
        return False
    return hmac.compare_digest(signature(secret, body, int(told)), header)


def webhook(url: str, secret: bytes = b"", *, form: str = "json", site: str = "") -> Tell:
    """Post alerts to an address, as JSON.

    Parameters
    ----------
    url
        The address.
    secret
        Signs what is posted, in the header :data:`SIGNATURE`; not signed without it.
    form
        ``json``: all columns; or ``tom``: the fields of an alert of the TOM Toolkit.
    site
        Address of the broker's pages, for links.
    """
    plain = {"json": as_json, "tom": as_tom}[form]

    def tell(alerts: Sequence[Alert]) -> None:
        told = {"alerts": [plain(alert, site) for alert in alerts]}
        body = json.dumps(told, ensure_ascii=False).encode()
        headers = {"Idempotency-Key": hashlib.sha256(alerts[-1].ivorn.encode()).hexdigest()[:32]}
        if secret:
            headers[SIGNATURE] = signature(secret, body, int(time.time()))
        _post(url, body, headers)

    return tell


def chat(url: str, *, site: str = "") -> Tell:
    """Post a text for people to an incoming webhook as Slack, Mattermost and others have them."""

    def tell(alerts: Sequence[Alert]) -> None:
        # What Slack reads as marks is written as it asks: a name cannot call a whole channel then.
        text = _text(alerts, site).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        _post(url, json.dumps({"text": text}, ensure_ascii=False).encode(), {})

    return tell


def mail(to: str, *, smtp: str, sender: str, site: str = "") -> Tell:
    """Send a digest by e-mail, through a server given as ``host`` or ``host:port``."""
    host, _, port = smtp.partition(":")

    def tell(alerts: Sequence[Alert]) -> None:
        message = EmailMessage()
        message["From"], message["To"] = sender, to
        number = f"{len(alerts)} alert{'s' * (len(alerts) != 1)}"
        message["Subject"] = f"{alerts[0].stream}: {number}"
        message.set_content(_text(alerts, site))
        with smtplib.SMTP(host, int(port or 25), timeout=_TIMEOUT) as server:
            if server.has_extn("starttls"):
                server.starttls()
            server.send_message(message)

    return tell


def as_json(alert: Alert, site: str = "") -> dict[str, object]:
    """Give an alert with all columns, and where its page is."""
    return alert.as_json() | {"created": alert.created.isoformat(), "url": _page(alert, site)}


def as_tom(alert: Alert, site: str = "") -> dict[str, object]:
    """Give an alert with the fields of the TOM Toolkit's GenericAlert."""
    return {
        "timestamp": alert.created.isoformat(),
        "url": _page(alert, site),
        "id": str(alert["alert_id"]),
        "name": alert["object_id"] or str(alert["alert_id"]),
        "ra": alert["ra"],
        "dec": alert["dec"],
        "mag": alert["mag"],
        "score": alert["real_bogus"],
    }


def run(
    alerts: Iterator[Alert], tell: Tell, keep: Path, *, every: float = 0, ended: Callable[[int], None]
) -> None:
    """Tell of alerts as they come, or gathered over a while.

    Parameters
    ----------
    alerts
        Alerts as :func:`vobroker.stream` gives them.
    tell
        How to tell of them.
    keep
        File for the cursor of the last alert that was told of.
    every
        Seconds over which alerts are gathered; 0 tells at once.
    ended
        Called with the number of alerts after each message.

    Raises
    ------
    StreamError
        If the stream ends so, or nobody can be told.
    """
    coming: queue.Queue[Alert | BaseException | None] = queue.Queue(MOST)

    def listen() -> None:
        try:
            for alert in alerts:
                coming.put(alert)
            coming.put(None)
        except BaseException as error:
            coming.put(error)

    threading.Thread(target=listen, daemon=True).start()
    gathered: list[Alert] = []
    until = float("inf")
    while True:
        try:
            one = coming.get(timeout=None if until == float("inf") else max(0, until - time.monotonic()))
        except queue.Empty:
            one = None
            more = True
        else:
            more = one is not None
        if isinstance(one, Alert):
            gathered.append(one)
            until = min(until, time.monotonic() + every)
            if len(gathered) < MOST and (every or not coming.empty()):
                continue
        if gathered:
            _patiently(tell, gathered)
            keep_cursor(keep, gathered[-1].cursor)
            ended(len(gathered))
            gathered, until = [], float("inf")
        if isinstance(one, BaseException):
            raise one
        if not more:
            return


def _patiently(tell: Tell, alerts: Sequence[Alert]) -> None:
    for tried in range(TRIES):
        try:
            tell(alerts)
        except (OSError, smtplib.SMTPException) as error:
            for_good = isinstance(error, urllib.error.HTTPError) and error.code in (400, 404, 410)
            if for_good or tried == TRIES - 1:
                raise StreamError(f"nobody could be told of {alerts[0].ivorn}: {error}") from None
            time.sleep(min(300.0, 2.0**tried))
        else:
            return


def _post(url: str, body: bytes, headers: dict[str, str]) -> None:
    headers = {"Content-Type": "application/json", "User-Agent": "vobroker"} | headers
    request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310
        answer.read(10_000)


def _text(alerts: Sequence[Alert], site: str) -> str:
    """Name the alerts for people."""
    lines = [f"{alerts[0].stream}: {len(alerts)} alert{'s' * (len(alerts) != 1)}", ""]
    for alert in alerts[:LISTED]:
        mag = "-" if alert["mag"] is None else f"{alert['mag']:.2f}"
        name = alert["object_id"] or alert["alert_id"]
        link = _page(alert, site) or alert.ivorn
        lines.append(f"{name}  {alert['ra']:.5f} {alert['dec']:+.5f}  {alert['band'] or '-'} {mag}  {link}")
    if len(alerts) > LISTED:
        lines.append(f"and {len(alerts) - LISTED} more")
    return "\n".join(lines)


def _page(alert: Alert, site: str) -> str:
    return f"{site.rstrip('/')}/alerts/{quote(alert['survey'])}/{alert['alert_id']}" if site else ""


def keep_cursor(file: Path, cursor: str) -> None:
    """Write down where to go on, as a whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f"{file.name}.new")
    new.write_text(cursor)
    new.replace(file)
