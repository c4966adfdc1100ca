"""Relations out of `customer.lists` records: ids, defects, and what is passed on untouched."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.recorded_shop import recorded
from worker.domain.model import Defect, Relation
from worker.shop.parse_relation import parse_relation, parse_relations

UTC_ZONE = ZoneInfo("UTC")


def record(record_id: object = "7", **fields: object) -> dict[str, object]:
    attributes: dict[str, object] = {"domain": "product", "type": "watch", "refid": "1", "status": 1, "position": 0}
    attributes |= {"datestart": None, "dateend": None, "config": {}} | fields
    named = {f"customer.lists.{name}": value for name, value in attributes.items() if value is not ...}
    return {"id": record_id, "type": "customer.lists", "attributes": named}


def read(record_id: object = "7", zone: ZoneInfo = UTC_ZONE, **fields: object) -> Relation:
    relation = parse_relation(record(record_id, **fields), "3", zone)  # type: ignore[arg-type]
    assert relation is not None
    return relation


def test_a_recorded_answer_is_read_completely() -> None:
    data = recorded("041-get-rel-after-posts")["response"]["body"]["data"]
    found = parse_relations(data, "3", ZoneInfo("Europe/Berlin"))
    assert found.unreadable == 0
    assert [relation.id for relation in found.relations] == [entry["id"] for entry in data]
    assert [relation for relation in found.relations if relation.defect] == []
    dated = next(relation for relation in found.relations if relation.id == "12")
    assert dated == Relation(
        id="12",
        customer_id="3",
        domain="product",
        type="watch",
        refid="4",
        config={"timeframe": 30, "pricevalue": "15.00", "price": 1, "stock": 1, "currency": "EUR"},
        datestart=datetime(2025, 12, 31, 23, tzinfo=UTC),
        dateend=datetime(2029, 12, 31, 23, tzinfo=UTC),
        position=3,
        status=1,
        ctime=None,
    )


def test_ctime_is_read_where_the_server_sends_it() -> None:
    assert read(ctime="2026-01-02 03:04:05").ctime == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_an_id_is_a_string_whatever_json_type_it_has() -> None:
    relation = read(12, refid=34)
    assert (relation.id, relation.refid) == ("12", "34")


def test_the_list_id_stands_in_for_a_missing_record_id() -> None:
    assert read(None, id="9").id == "9"


@pytest.mark.parametrize("config", [[], {}, ["a"], "x", None, 5, {"price": [Decimal("1.5")]}])
def test_config_is_passed_on_as_it_is(config: object) -> None:
    relation = read(config=config)
    assert relation.config == config
    assert relation.defect is None


def test_a_missing_type_is_default() -> None:
    assert read(type=...).type == "default"


def test_an_end_in_the_doubled_hour_is_the_later_one() -> None:
    relation = read(zone=ZoneInfo("Europe/Berlin"), datestart="2026-10-25 02:30:00", dateend="2026-10-25 02:30:00")
    assert relation.datestart == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert relation.dateend == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"datestart": "2024-02-30"}, "bad_date"),
        ({"dateend": "tomorrow"}, "bad_date"),
        ({"dateend": ""}, "bad_date"),
        ({"dateend": 5}, "bad_date"),
        ({"ctime": "2024-W01"}, "bad_date"),
        ({"status": "abc"}, "bad_status"),
        ({"status": None}, "bad_status"),
        ({"status": True}, "bad_status"),
        ({"status": 10**12}, "bad_status"),
        ({"position": [1]}, "bad_position"),
        ({"refid": ...}, "no_refid"),
        ({"refid": None}, "no_refid"),
        ({"refid": ""}, "no_refid"),
        ({"refid": ["1"]}, "bad_refid"),
        ({"refid": True}, "bad_refid"),
        ({"refid": "a\0b"}, "bad_refid"),
        ({"refid": "\ud800"}, "bad_refid"),
        ({"domain": ...}, "no_domain"),
        ({"domain": None}, "no_domain"),
        ({"domain": {}}, "bad_domain"),
        ({"type": 7}, "bad_type"),
    ],
)
def test_a_field_that_can_not_be_read_makes_the_relation_defective(fields: dict[str, Any], code: str) -> None:
    relation = read(**fields)
    assert relation.defect is not None
    assert relation.defect.code == code
    assert relation.defect.detail.startswith(f"customer.lists.{next(iter(fields))}=")


def test_an_overflowing_year_makes_the_relation_defective() -> None:
    relation = read(zone=ZoneInfo("America/New_York"), dateend="9999-12-31 23:59:59")
    assert relation.defect == Defect("bad_date", "customer.lists.dateend='9999-12-31 23:59:59'")


def test_the_detail_of_a_defect_is_short_and_printable() -> None:
    defect = read(status="x\n\0\x1b" + "y" * 10_000).defect
    assert defect is not None
    assert len(defect.detail) < 200
    assert defect.detail.isprintable()


def test_the_first_defect_counts() -> None:
    defect = read(refid="", status="x", dateend="y").defect
    assert defect is not None
    assert defect.code == "no_refid"


def test_a_status_and_position_written_as_digits_are_numbers() -> None:
    relation = read(status="-1", position="12")
    assert (relation.status, relation.position, relation.defect) == (-1, 12, None)


@pytest.mark.parametrize("record_id", [None, "", " ", True, [], {}, "a\nb", "\ud800", "x" * 256, Decimal("1.5")])
def test_a_record_without_a_usable_id_is_counted_and_harms_nothing_else(record_id: object) -> None:
    found = parse_relations([record("1"), record(record_id), record("2")], "3", UTC_ZONE)  # type: ignore[list-item]
    assert [relation.id for relation in found.relations] == ["1", "2"]
    assert found.unreadable == 1


def test_a_record_without_attributes_is_kept_as_defective() -> None:
    relation = parse_relation({"id": "1", "attributes": []}, "3", UTC_ZONE)
    assert relation is not None
    assert relation.defect == Defect("no_domain", "customer.lists.domain='None'")


def test_an_id_that_occurs_twice_is_kept_once() -> None:
    found = parse_relations([record("1"), record("1")], "3", UTC_ZONE)  # type: ignore[list-item]
    assert [relation.defect for relation in found.relations] == [None]


def test_an_id_that_occurs_twice_with_different_content_is_defective() -> None:
    found = parse_relations([record("1"), record("1", refid="2"), record("1", refid="3")], "3", UTC_ZONE)  # type: ignore[list-item]
    assert [relation.defect for relation in found.relations] == [Defect("duplicate_id", "customer.lists.id='1'")]


def test_one_poison_relation_among_many_harms_no_other() -> None:
    records = [record(str(number)) for number in range(500)]
    records[250] = record("250", refid=None, status="x", dateend="2024-02-30", config=["poison"])
    found = parse_relations(records, "3", UTC_ZONE)  # type: ignore[arg-type]
    assert len(found.relations) == 500
    assert [relation.id for relation in found.relations if relation.defect] == ["250"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
names = ["id", "domain", "type", "refid", "datestart", "dateend", "config", "position", "status", "ctime"]


@settings(max_examples=50)
@given(json_values, st.fixed_dictionaries({}, optional={f"customer.lists.{name}": json_values for name in names}))
def test_no_record_raises(record_id: object, attributes: dict[str, object]) -> None:
    relation = parse_relation({"id": record_id, "attributes": attributes}, "3", UTC_ZONE)  # type: ignore[dict-item]
    assert relation is None or relation.config == attributes.get("customer.lists.config")
