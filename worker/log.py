"""Logging, set up once a process: structlog and the standard library in one format, without secrets and addresses."""

import hmac
import logging
import sys
import unicodedata
from collections.abc import Sequence
from typing import TextIO

import structlog
from email_validator import EmailNotValidError, validate_email
from structlog.types import Processor

from worker.log_mask import mask
from worker.settings import Settings

CHATTY = ("aiosmtplib", "alembic", "asyncio", "httpcore2", "httpx2", "sqlalchemy")


def setup(settings: Settings, stream: TextIO | None = None) -> None:
    """Send all logs to `stream` (default: standard error) as `[logs]` says. A second call replaces the first.

    Celery must not set up logging itself: connect this to its signal `setup_logging`.
    """
    terminal = (stream or sys.stderr).isatty()
    console = terminal if settings.logs.format == "auto" else settings.logs.format == "console"
    _route(_formatter(console=console, colors=terminal), stream)
    _set_levels(logging.getLevelNamesMapping()[settings.logs.level.upper()])
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *_PREPARATION,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def address_hash(key: bytes, address: str) -> str:
    """What stands for an address in logs and in the suppression table: HMAC-SHA256 under `key`, 64 hex digits.

    Addresses that reach the same mailbox must hash alike: the domain is compared in ASCII and lower case (RFC 5321,
    2.4). The local part is folded as well; the RFC leaves its case to the receiving host, but no mailbox provider of
    note tells case apart, and a suppression that `Anna@` slips past after `anna@` bounced would be useless.
    """
    return hmac.new(key, _canonical(address).encode(errors="backslashreplace"), "sha256").hexdigest()


def _canonical(address: str) -> str:
    try:
        parsed = validate_email(
            address.strip(), check_deliverability=False, allow_quoted_local=True, test_environment=True
        )
    except EmailNotValidError:  # it gets no mail anyway, but may stand in a log
        return _folded(address.strip())
    return f"{_folded(parsed.local_part)}@{parsed.ascii_domain}"


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text.casefold())


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, so that a second setup finds it; without a stream of its own it follows sys.stderr wherever that is put."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__(stream)
        self._fixed = stream

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = self._fixed or sys.stderr
        super().emit(record)


_PREPARATION: Sequence[Processor] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
)


def _formatter(*, console: bool, colors: bool) -> logging.Formatter:
    # Plain tracebacks: the pretty ones show local variables, secrets among them.
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)
        if console
        else structlog.processors.JSONRenderer(sort_keys=True)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_PREPARATION,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            mask,
            renderer,
        ],
    )


def _route(formatter: logging.Formatter, stream: TextIO | None) -> None:
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Handler)]:
        root.removeHandler(handler)
    ours = _Handler(stream)
    ours.setFormatter(formatter)
    root.addHandler(ours)


def _set_levels(level: int) -> None:
    logging.getLogger().setLevel(level)
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    # Each of its retries; what comes of them is told by whoever asked.
    logging.getLogger("stamina").setLevel(level if level <= logging.DEBUG else max(level, logging.ERROR))
    # `database.echo` writes whatever the level; with a handler of its own SQLAlchemy would write every line twice.
    echo = logging.getLogger("sqlalchemy.engine.Engine")
    if not echo.handlers:
        echo.addHandler(logging.NullHandler())
