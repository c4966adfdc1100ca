"""What a reason code of the relay means in words: the relay and the setting at fault, and what to do. Pure."""

from worker.dispatch.replies import Phase
from worker.settings import Smtp

_NO_ANSWER = {
    "unknown_host": "the name {host} can't be resolved; check smtp.host",
    "unreachable": "{relay} can't be reached; check smtp.host and smtp.port, and whether the relay runs and no firewall is between",
    "unusable": "{host} is no host name; check smtp.host",
    "timeout": "{relay} did not answer within {timeout:g} s (smtp.timeout_seconds); check smtp.port and smtp.tls, and the relay",
    "closed": "{relay} closed the connection; look into its log, and check smtp.tls",
    "garbage": "{relay} answers something that is no SMTP; check smtp.port and smtp.tls",
    "certificate": "the certificate of {relay} is not trusted; check smtp.host, or name its authority in smtp.ca_file",
    "tls": 'no encryption could be agreed on with {relay}; check smtp.tls ("{tls}" now; port 587 wants "starttls", 465 "tls")',
}
_MISSING = {
    Phase.STARTTLS: '{relay} offers no STARTTLS, which smtp.tls = "starttls" demands; set smtp.tls = "tls" with the port for it, '
    'or "none" for a relay on a network you trust',
    Phase.AUTH: "{relay} offers no login; empty smtp.username for a relay without one, or check smtp.port and smtp.tls",
}
_REFUSED = {
    Phase.GREETING: "{relay} does not want this machine; allow it there, or check smtp.host and smtp.port",
    Phase.EHLO: "{relay} does not want this machine; allow it there, or check smtp.host and smtp.port",
    Phase.STARTTLS: '{relay} refuses to encrypt, as smtp.tls = "starttls" demands; mend it there, or check smtp.port and smtp.tls',
    Phase.AUTH: "{relay} refuses the login; check smtp.username and smtp.password",
    Phase.MAIL: "{relay} refuses the sender; check mail.from_address, and what this login may send there",
    Phase.RCPT: "{relay} refuses the recipient; if it refuses all, allow this machine or login to relay there",
    Phase.DATA: "{relay} refuses the message",
    Phase.BODY: "{relay} refuses the message",
}


_WHOLE = {
    "address_unusable": "sender or recipient can't be said to a relay; check mail.from_address and the address",
    "relay_lacks_smtputf8": "{relay} takes no addresses with letters beyond ASCII (SMTPUTF8)",
    "relay_lacks_8bitmime": "{relay} takes no letters beyond ASCII (8BITMIME)",
}


def remedy(reason: str, smtp: Smtp) -> str:
    """A sentence for a code such as `auth_535_5.7.8` or `unreachable:connect_timeout`, without its full stop."""
    code = reason.rpartition(":")[2]
    pattern = _WHOLE.get(code) or _pattern(*code.partition("_")[::2])
    relay = f"the relay {smtp.host}:{smtp.port}"
    return pattern.format(relay=relay, host=smtp.host, tls=smtp.tls, timeout=smtp.timeout_seconds)


def _pattern(phase: str, what: str) -> str:
    if phase == Phase.BODY and not what[:1].isdigit():
        return "{relay} did not say whether it has the mail; it may have arrived"
    if what == "missing" and phase in _MISSING:
        return _MISSING[Phase(phase)]
    if what[:1] == "4" and phase in set(Phase):
        return "{relay} refuses for now; look into its log if that lasts"
    if what[:1] == "5" and phase in _REFUSED:
        return _REFUSED[Phase(phase)]
    return _NO_ANSWER.get(what, "{relay} does not take mails; look into its log")
