"""What the seed limits or requires is checked, and the answer names the place."""

import json
from typing import Any

import httpx2
import pytest

from tests.shopserver.front import RELATIONS, attributes, change, document, listed, one, problems
from worker.shopserver.attributes import change as changed
from worker.shopserver.attributes import new
from worker.shopserver.problems import Refused

LONGEST = [
    ("domain", "d" * 32),
    ("domain", "ü" * 16),
    ("type", "t" * 64),
    ("refid", "r" * 36),
    ("refid", "12e34b56-12e3-4b56-89ab-12e34b5612e3"),
    ("config", {"k": "v" * (64 * 1024 - len('{"k":""}'))}),
    ("config", {}),
    ("config", []),
    ("config", {"a": [1, 1.50, -0.0, 1e3, None, True, {"": "\u0000 \U0001f600"}], "n": 10**40}),
    ("position", 2**31 - 1),
    ("position", -(2**31)),
    ("datestart", "0001-01-01 00:00:00"),
    ("dateend", "9999-12-31 23:59:59"),
    ("dateend", "2024-02-29 00:00:00"),
    ("dateend", None),
    *(("status", status) for status in (-2, -1, 0, 1)),
]
WRONG = [
    *(
        (name, value)
        for name in ("domain", "type", "refid")
        for value in ("", None, 1, True, [], ["1"], {}, " x", "x\n")
    ),
    *((name, value) for name in ("domain", "type", "refid") for value in ("\u0000", "\u202e", "a\u2028b")),
    ("domain", "d" * 33),
    ("domain", "ü" * 17),
    ("domain", "product,service"),
    ("type", "t" * 65),
    ("refid", "r" * 37),
    ("refid", "ü" * 18 + "r"),
    ("config", {"k": "v" * (64 * 1024 - len('{"k":""}') + 1)}),
    *(("config", value) for value in (["a"], "{}", 1, None, True, {"half": "\ud800"}, {"\udfff": 1})),
    *(("position", value) for value in ("0", 1.0, None, True, 2**31, -(2**31) - 1, [], 10**30)),
    *(("status", value) for value in (2, -3, "1", 1.0, True, None, [1])),
    *(
        (name, value)
        for name in ("datestart", "dateend")
        for value in (
            "tomorrow",
            "",
            "2030-01-31",
            "2030-01-31T10:11:12",
            "2030-01-31 10:11:12Z",
            "2030-01-31 10:11",
            "2030-02-30 00:00:00",
            "2030-13-01 00:00:00",
            "2030-01-01 24:00:00",
            "2030-01-01 00:00:60",
            "0000-00-00 00:00:00",
            "２０３０-01-01 00:00:00",
            "2030-01-01 00:00:00\n",
            0,
            {},
        )
    ),
]


def nested(levels: int) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for _ in range(levels - 1):
        config = {"a": config}
    return config


def shortened(value: object) -> str:
    return ascii(value)[:40]


@pytest.mark.parametrize(("name", "value"), LONGEST, ids=shortened)
def test_the_longest_and_oddest_values_are_kept_whole(cem: httpx2.Client, name: str, value: Any) -> None:
    sent = attributes(**{name: value})
    answer = cem.post(RELATIONS, json=document(sent))
    assert answer.status_code == 201, answer.text
    (relation,) = listed(cem, sent["customer.lists.domain"]).values()
    assert relation[name] == ([] if value == {} else value)


@pytest.mark.parametrize(("name", "value"), WRONG, ids=shortened)
def test_a_wrong_value_is_refused_at_its_place(name: str, value: Any) -> None:
    with pytest.raises(Refused) as refused:
        new(attributes(**{name: value}), "/data/0")
    (problem,) = refused.value.problems
    assert (problem.status, problem.pointer) == (400, f"/data/0/attributes/customer.lists.{name}")


@pytest.mark.parametrize(
    ("name", "value"), [pair for pair in WRONG if pair[0] not in {"domain", "refid"}], ids=shortened
)
def test_a_change_is_checked_like_a_new_relation(name: str, value: Any) -> None:
    with pytest.raises(Refused) as refused:
        changed({f"customer.lists.{name}": value}, {}, "/data")
    (problem,) = refused.value.problems
    assert (problem.status, problem.pointer) == (400, f"/data/attributes/customer.lists.{name}")


@pytest.mark.parametrize("name", ["type", "config", "position", "status", "datestart"])
def test_a_refused_value_leaves_everything_as_it_was(anna: httpx2.Client, name: str) -> None:
    before = listed(anna)
    answer = anna.patch(one("1"), json=change(**{"position": 5, name: "\n"}))
    assert problems(answer) == [("400", f"/data/attributes/customer.lists.{name}")]
    answer = anna.post(RELATIONS, json=document(attributes(), attributes(**{"refid": "1", name: "\n"})))
    assert problems(answer) == [("400", f"/data/1/attributes/customer.lists.{name}")]
    assert listed(anna) == before


def test_half_a_character_is_refused_however_it_is_written(cem: httpx2.Client) -> None:
    content = json.dumps(document(attributes(config={"half": "\ud800"})))
    answer = cem.post(RELATIONS, content=content, headers={"Content-Type": "application/json"})
    assert problems(answer) == [("400", "/data/0/attributes/customer.lists.config")]


def test_nesting_is_kept_up_to_its_limit_and_refused_beyond(cem: httpx2.Client) -> None:
    assert cem.post(RELATIONS, json=document(attributes(config=nested(32)))).status_code == 201
    assert listed(cem)["10"]["config"] == nested(32)
    answer = cem.post(RELATIONS, json=document(attributes(refid="1", config=nested(33))))
    assert problems(answer) == [("400", "/data/0/attributes/customer.lists.config")]


@pytest.mark.parametrize("name", ["domain", "refid"])
def test_a_required_field_is_missed(cem: httpx2.Client, name: str) -> None:
    given = attributes()
    del given[f"customer.lists.{name}"]
    assert problems(cem.post(RELATIONS, json=document(given))) == [("400", "/data/0/attributes")]


@pytest.mark.parametrize(
    "name", ["customer.lists.foo", "customer.email", "foo", "", "customer.lists.", "k" * 70, "a/b~c"]
)
def test_an_unknown_attribute_is_refused_not_dropped(cem: httpx2.Client, name: str) -> None:
    answer = cem.post(RELATIONS, json=document({**attributes(), name: 1}))
    place = "" if len(name) > 64 else "/" + name.replace("~", "~0").replace("/", "~1")
    assert problems(answer) == [("400", f"/data/0/attributes{place}")]


def test_nobody_puts_himself_into_a_group(cem: httpx2.Client) -> None:
    answer = cem.post(RELATIONS, json=document(attributes(domain="group")))
    assert problems(answer) == [("403", "/data/0/attributes/customer.lists.domain")]


def test_all_problems_are_told_at_once(cem: httpx2.Client) -> None:
    answer = cem.post(RELATIONS, json=document(attributes(status=9), attributes(refid="1", dateend="never", domain="")))
    assert answer.status_code == 400
    assert problems(answer) == [
        ("400", "/data/0/attributes/customer.lists.status"),
        ("400", "/data/1/attributes/customer.lists.domain"),
        ("400", "/data/1/attributes/customer.lists.dateend"),
    ]


def test_problems_of_several_kinds_are_a_400(anna: httpx2.Client) -> None:
    answer = anna.patch(one("1"), json=change(refid="2", status=9, ctime="2020-01-01 00:00:00"))
    assert answer.status_code == 400
    assert sorted(status for status, _ in problems(answer)) == ["400", "403", "409"]


def test_thousands_of_problems_are_told_shortly(cem: httpx2.Client) -> None:
    answer = cem.post(RELATIONS, json=document({f"x{number}": 1 for number in range(5000)}))
    assert len(problems(answer)) == 20
