"""Checks of what is reached over the network: the broker and the mail relay."""

from kombu.exceptions import OperationalError

from worker.app import make_app
from worker.configuration import broker_folder, broker_url, prove_room
from worker.dispatch.probe import knock
from worker.doctor.finding import Finding, Level
from worker.settings import Settings

_PATIENCE = 5.0
"""Seconds for the broker to answer: it sits nearby, and a half-open connection never would."""


def broker(settings: Settings) -> Finding | str:
    """Whether messages can be left there."""
    url = broker_url(settings)
    if url.startswith("filesystem:"):
        folder = broker_folder(settings)
        prove_room(folder)
        return f"{folder} can be written"
    options = {"socket_timeout": _PATIENCE, "socket_connect_timeout": _PATIENCE}
    with make_app(settings).connection_for_write(transport_options=options) as connection:
        shown = connection.as_uri()  # without the password
        try:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=_PATIENCE)
            connection.default_channel.client.ping()
        except (OperationalError, *connection.connection_errors) as problem:
            return Finding(
                "broker", Level.PROBLEM, f"{shown} does not answer: {problem}", "is it running? see broker.url"
            )
    return f"{shown} answers"


def relay(settings: Settings) -> Finding | str:
    """Whether it would take mails from us, as far as that can be told without sending one."""
    report = knock(settings)
    if report.accepted:
        return "; ".join(report.steps)
    return Finding("relay", Level.PROBLEM, "; ".join(report.steps), "then try: watchpost mail-test ADDRESS")
