"""Quarantined relations can be listed, all of them, each with its reason."""

from tests.support.factories import make_config
from tests.support.stages import imported
from worker.status import rejections
from worker.store.session import Store


def test_all_rejected_relations_are_listed_by_reason(store: Store) -> None:
    play = imported(store)
    for number in range(1, 31):
        bad = {"timeframe": "soon"} if number % 2 else {"pricevalue": "20,00"}
        play.shop.watch(str(number), ctime=play.now, config=make_config(**bad))
    play.told()
    with store.read() as session:
        found = rejections(session, play.settings)
        elsewhere = rejections(session, play.settings.model_copy(update={"sources": {}}))
    assert [row["relation"] for row in found if row["reason"] == "bad_pricevalue"] == [
        f"main:{number}" for number in range(2, 31, 2)
    ]
    assert [row["relation"] for row in found if row["reason"] == "bad_timeframe"] == [
        f"main:{number}" for number in range(1, 31, 2)
    ]
    assert {row["why"] for row in found[:15]} == {"pricevalue must be a plain decimal such as 100.00."}
    assert elsewhere == []
