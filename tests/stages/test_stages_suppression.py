"""The suppression list may be long: no stage reads more of it than what it asks for."""

from typing import Any

from sqlalchemy import event

from tests.support.stages import KEY, Play, watching
from worker.log import address_hash
from worker.store import suppression
from worker.store.session import Store


def _suppress(play: Play, *addresses: str) -> None:
    with play.store.begin() as session:
        for address in addresses:
            suppression.suppress(session, address_hash(KEY, address), reason="bounced", now=play.now)


def _asked(store: Store) -> list[tuple[str, Any]]:
    """The statements about the list from now on."""
    found: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: Any) -> None:
        if "suppression" in statement:
            found.append((statement, parameters))

    event.listen(store.engine, "before_cursor_execute", note)
    return found


def test_scan_compose_and_the_last_look_ask_for_one_address_at_a_time(store: Store) -> None:
    play = watching(store)
    _suppress(play, *(f"person{number}@mail.test" for number in range(50)))
    asked = _asked(store)
    play.shop.product("42", EUR="99.00", stock="1")
    assert play.told() == ["1 price", "1 stock"]
    play.compose()
    assert play.recheck() is None
    assert asked
    assert all("LIMIT" in statement for statement, _ in asked)


def test_an_empty_list_is_asked_once_a_run(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    asked = _asked(sqlite_store)
    play.shop.product("42", EUR="99.00", stock="1")
    assert play.told() == ["1 price", "1 stock"]
    assert len(asked) == 1


def test_an_address_that_is_suppressed_while_its_mail_waits_cancels_it(store: Store) -> None:
    play = watching(store)
    play.shop.product("42", EUR="99.00")
    play.told()
    play.compose()
    _suppress(play, "C7@mail.test")
    assert play.recheck() == "suppressed"
    assert play.mail_states() == ["cancelled"]
