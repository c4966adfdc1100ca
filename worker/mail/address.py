"""One e-mail address, checked without asking the network (RFC 5321, 5890, 6531)."""

from dataclasses import dataclass, field
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

_LONGEST = 254  # RFC 5321 4.5.3.1.3: a path of 256 with its angle brackets


@dataclass(frozen=True, slots=True)
class Address:
    """An address that can be put into a header and an envelope as it is. Its repr does not show whose it is."""

    local: str = field(repr=False)
    domain: str
    """Lower case, ASCII: internationalised domains as A-labels."""

    @property
    def smtputf8(self) -> bool:
        """The local part is not ASCII: the relay must offer SMTPUTF8 (RFC 6531)."""
        return not self.local.isascii()

    @property
    def email(self) -> str:
        """The address as text."""
        return f"{self.local}@{self.domain}"

    def __str__(self) -> str:
        return self.email


@lru_cache(maxsize=10_000)  # each address is asked for at every stage, and reading one takes long
def parse_address(text: str) -> Address:
    """The one address that `text` is; blanks around it are dropped. Raises ValueError, whose text tells why but never the address.

    Quoted local parts are refused: no provider hands them out, and programs disagree on where they end. So are display names,
    domain literals and domains that can't get mail (`localhost`); only `.test` is let through, for staging and demos.
    """
    bare = text.strip(" ")
    if not bare:
        raise ValueError("empty")
    if "=?" in bare:
        # valid by the letter, but header parsers would decode it (RFC 2047)
        raise ValueError("looks like an encoded word")
    if len(bare) > _LONGEST:
        raise ValueError(f"longer than {_LONGEST} characters")
    try:
        found = validate_email(bare, check_deliverability=False, test_environment=True, strict=True)
    except EmailNotValidError:
        raise ValueError("not exactly one valid address") from None  # the library's sentence may quote the address
    return Address(found.local_part, found.ascii_domain)


def domain(address: str) -> str:
    """The domain of an address that `parse_address` accepted, as it is counted by: lower case, A-labels."""
    return address.rpartition("@")[2].lower()
