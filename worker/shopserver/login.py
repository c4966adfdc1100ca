"""POST /login: a form with `code` and `password`, or with `token`, opens a session and sets its cookie (for `curl -c`)."""

from urllib.parse import parse_qsl

from starlette.responses import Response

from worker.shopserver import customer, gate
from worker.shopserver.body import Body
from worker.shopserver.calls import Answer
from worker.shopserver.exchange import Exchange, Incoming
from worker.shopserver.problems import Problem, Refused, malformed
from worker.shopserver.wire import Cookie, Frame

_MAX_FORM = 8192
_FORM = "application/x-www-form-urlencoded"


def login(exchange: Exchange, incoming: Incoming) -> Response:
    """Answers with the customer, as GET customer does, or 401."""
    return exchange.framed(lambda frame: _login(exchange, incoming, frame))


def _login(exchange: Exchange, incoming: Incoming, frame: Frame) -> Answer:
    frame.addresses = exchange.addresses(incoming, {})
    frame.allow = "POST"
    if incoming.method != "POST":
        raise Refused([Problem(405, "Log in with POST.", header="Allow")])
    if incoming.origin not in {None, frame.addresses.origin}:
        # A page of somebody else must not log its visitors in as somebody else.
        raise Refused([Problem(403, "Forms of other sites can't log in here.", header="Origin")])
    form = _form(incoming.body)
    now = exchange.now()
    store, secure = exchange.shop.store, incoming.scheme == "https"
    with store.read() as session:
        if "token" in form:
            customer_id = gate.by_token(session, form["token"])
        else:
            customer_id = gate.by_password(session, form["code"], form["password"])
    if customer_id is None:
        raise Refused([Problem(401, "Token, code or password is wrong.", pointer="")])
    with store.begin() as session:
        gate.check_enabled(session, customer_id)
        secret = gate.open_session(session, customer_id, now)
    frame.cookie = Cookie(secret, secure, int(gate.LIFETIME.total_seconds()))
    frame.csrf_session = secret if exchange.shop.csrf else None
    call = exchange.call("GET", {}, Body(b"", ""), frame.addresses)
    return customer.show(call, customer_id)


def _form(body: Body | None) -> dict[str, str]:
    if body is None or len(body.data) > _MAX_FORM:
        raise Refused([Problem(413, f"The form is longer than {_MAX_FORM} bytes.", pointer="")])
    if body.content_type.partition(";")[0].strip().lower() != _FORM:
        raise Refused([Problem(415, f"Send a form as {_FORM}.", header="Content-Type")])
    try:
        form = dict(parse_qsl(body.data.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=10))
    except ValueError as error:
        raise malformed("The form can't be read.", pointer="") from error
    if "token" not in form and not {"code", "password"} <= set(form):
        raise malformed("Send code and password, or token.", pointer="")
    return form
