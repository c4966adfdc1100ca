"""Every reason code of a decision, with the sentence that operators read."""

from enum import StrEnum


class Outcome(StrEnum):
    """What a decision comes to."""

    FIRE = "fire"
    WAIT = "wait"
    REJECT = "reject"
    IDLE = "idle"


class Reason(StrEnum):
    """Why a watch fires, waits, is rejected or has nothing to do."""

    # fires
    PRICE_BELOW_LIMIT = "price_below_limit"
    BACK_IN_STOCK = "back_in_stock"
    # has nothing to do
    NOT_A_WATCH = "not_a_watch"
    IDLE = "idle"
    # is rejected
    BAD_CONFIG = "bad_config"
    BAD_TIMEFRAME = "bad_timeframe"
    BAD_FLAG = "bad_flag"
    BAD_CURRENCY = "bad_currency"
    BAD_PRICEVALUE = "bad_pricevalue"
    FUTURE_CTIME = "future_ctime"
    UNREADABLE = "unreadable"
    INTERNAL_ERROR = "internal_error"
    # waits
    NOT_SYNCED = "not_synced"
    RETIRED = "retired"
    INACTIVE = "inactive"
    NOT_STARTED = "not_started"
    EXPIRED = "expired"
    PRODUCT_UNAVAILABLE = "product_unavailable"
    PRODUCT_NOT_STARTED = "product_not_started"
    PRODUCT_ENDED = "product_ended"
    CUSTOMER_DISABLED = "customer_disabled"
    NO_ADDRESS = "no_address"
    SUPPRESSED = "suppressed"
    NOT_OBSERVED = "not_observed"
    NO_PRICE = "no_price"
    NOT_BELOW_LIMIT = "not_below_limit"
    OUT_OF_STOCK = "out_of_stock"
    NO_FURTHER_DROP = "no_further_drop"
    ALREADY_TOLD = "already_told"
    HELD_AT_IMPORT = "held_at_import"
    NEVER_OUT_OF_STOCK = "never_out_of_stock"
    COOLDOWN = "cooldown"


SENTENCES: dict[Reason, str] = {
    Reason.PRICE_BELOW_LIMIT: "The price is below the limit: the customer is told.",
    Reason.BACK_IN_STOCK: "The product is back in stock: the customer is told.",
    Reason.NOT_A_WATCH: "Only relations of domain product and type watch are evaluated; this one is just kept.",
    Reason.IDLE: "The flag for this is off, so there is nothing to watch.",
    Reason.BAD_CONFIG: "The relation's config is not an object of key/value pairs.",
    Reason.BAD_TIMEFRAME: "timeframe must be a whole number of days from 1 to 3650.",
    Reason.BAD_FLAG: "The flags price and stock take 1 or 0 only.",
    Reason.BAD_CURRENCY: "currency must be a three-letter ISO code.",
    Reason.BAD_PRICEVALUE: "pricevalue must be a plain decimal such as 100.00.",
    Reason.FUTURE_CTIME: "The relation claims to be created in the future; check the shop's clock and time zone.",
    Reason.UNREADABLE: "A field of the relation could not be read.",
    Reason.INTERNAL_ERROR: "Watchpost could not judge it; the log has the details. Please report this.",
    Reason.NOT_SYNCED: "The first sync of this customer has not been completed.",
    Reason.RETIRED: "The relation vanished from the shop.",
    Reason.INACTIVE: "The relation's status is not 1 (enabled).",
    Reason.NOT_STARTED: "The relation's datestart has not been reached.",
    Reason.EXPIRED: "The timeframe counted from ctime, or dateend, is over.",
    Reason.PRODUCT_UNAVAILABLE: "The shop does not show the product: deleted, disabled or outside its dates.",
    Reason.PRODUCT_NOT_STARTED: "The product's datestart has not been reached.",
    Reason.PRODUCT_ENDED: "The product's dateend is over.",
    Reason.CUSTOMER_DISABLED: "The customer's account is disabled in the shop.",
    Reason.NO_ADDRESS: "The customer has no valid e-mail address.",
    Reason.SUPPRESSED: "The customer's address is suppressed.",
    Reason.NOT_OBSERVED: "The product has not been read since somebody watches it.",
    Reason.NO_PRICE: "The shop shows no price of the product in the relation's currency.",
    Reason.NOT_BELOW_LIMIT: "The price is not below the limit.",
    Reason.OUT_OF_STOCK: "The product is out of stock.",
    Reason.NO_FURTHER_DROP: "The customer knows of a price that is not far enough above this one.",
    Reason.ALREADY_TOLD: "The customer was told in this episode; when the condition ends, or the price drops further, "
    "a new one begins.",
    Reason.HELD_AT_IMPORT: "The condition held when the customer was first imported, so it counts as told.",
    Reason.NEVER_OUT_OF_STOCK: "The product was in stock whenever we looked, so it is not back in stock.",
    Reason.COOLDOWN: "The cooldown after the last notification is not over.",
}
