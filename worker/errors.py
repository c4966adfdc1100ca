"""The errors Watchpost raises on purpose; each says what the operator can do, and which exit code a command ends with."""

from collections.abc import Mapping
from datetime import timedelta


class WatchpostError(Exception):
    """Anything Watchpost can explain. Its text names the thing at fault and the remedy."""

    exit_code = 1


class SettingsError(WatchpostError):
    """A setting is unknown, of the wrong type or inconsistent; the text names the key."""

    exit_code = 2


class SchemaError(WatchpostError):
    """The database holds no tables, or those of another version than this program."""

    exit_code = 2


class DatabaseSilentError(SchemaError):
    """The database does not answer, or refuses us; it may be up in a moment."""

    exit_code = 1


class DatabaseError(WatchpostError):
    """The database did not do its work: it is down, full, or locked by another program."""


class TemplateError(WatchpostError):
    """A mail template is missing, broken or uses a variable that does not exist."""

    exit_code = 2


class NotFoundError(WatchpostError):
    """The thing an operator named does not exist here."""


class AlreadyRunningError(WatchpostError):
    """The stage is being run by another process (single flight)."""

    exit_code = 3


class InterruptedRunError(WatchpostError):
    """A run was asked to end early. What it had done is kept, and the next one goes on from there."""


class MailStateError(WatchpostError):
    """A mail can't be changed in the state it is in; the text says why, and until when if that ends by itself."""


class LeaseLostError(WatchpostError):
    """This process lost its lease while it worked; another one goes on, nothing of ours was written since."""


class ShopError(WatchpostError):
    """A shop could not be read; nothing may be concluded from it and nothing is retired."""


class ShopUnreachableError(ShopError):
    """No answer, a time-out or a 5xx/429 that outlived its retries; `retry_after` is the pause the shop asked for."""

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ShopRestingError(ShopError):
    """The shop did not answer lately; scheduled syncs leave it alone for a while."""


class ShopAnswerError(ShopError):
    """The shop answered with something that is not the document we asked for."""


class ShopLoginError(ShopError):
    """The shop does not know who we are: token or cookie missing, wrong or expired."""


class ShopRefusedError(ShopError):
    """The shop understood the request and refused it (403, 404, 409 and validation errors)."""


class RelationLostError(ShopError):
    """A relation was removed to renew it and could not be added again; `attributes` is what has to be sent to add it."""

    def __init__(self, message: str, attributes: Mapping[str, object]) -> None:
        super().__init__(message)
        self.attributes = dict(attributes)


class FieldError(WatchpostError):
    """A value can't be sent to the shop because it breaks a limit of the API; the text names the field."""

    exit_code = 2
