"""A `customer` record -> the person a mail goes to."""

from worker.domain.model import Customer
from worker.shop.record import Record, obj, text, usable_id


def parse_customer(record: Record) -> Customer | None:
    """Read the customer; None where the id is null, which is how the shop answers those it does not know.

    The address is passed on as it is: whether mail can be delivered there, the mail stage judges.
    """
    fields = obj(record.get("attributes"))
    customer_id = usable_id(record.get("id"))
    if customer_id is None:
        return None
    return Customer(
        id=customer_id,
        email=text(fields.get("customer.email")) or None,
        language=text(fields.get("customer.languageid")) or None,
        salutation=text(fields.get("customer.salutation")),
        firstname=text(fields.get("customer.firstname")),
        lastname=text(fields.get("customer.lastname")),
        enabled=fields.get("customer.status", 1) in (1, "1"),
    )
