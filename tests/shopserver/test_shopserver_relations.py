"""Relations are fetched, added, modified and deleted as the seed says."""

import httpx2
import pytest

from tests.shopserver.front import RELATIONS, WATCH, Front, attributes, change, document, listed, one, problems

BARE = "/jsonapi/customer?related=relationships"


def test_an_added_relation_is_read_back_as_it_was_sent(cem: httpx2.Client) -> None:
    sent = attributes(datestart="2026-01-01 00:00:00", dateend="2030-02-28 23:59:59", position=-3, status=-1)
    answer = cem.post(RELATIONS, json=document(sent))
    assert answer.status_code == 201
    (item,) = answer.json()["data"]
    assert sent.items() <= item["attributes"].items()
    assert cem.get(item["links"]["self"]["href"]).json()["data"] == item


def test_what_is_not_sent_has_the_defaults_of_the_seed(cem: httpx2.Client) -> None:
    given = {"customer.lists.domain": "service", "customer.lists.refid": "1234"}
    cem.post(BARE, json=document(given)).raise_for_status()
    (relation,) = listed(cem).values()
    expected = {"type": "default", "datestart": None, "dateend": None, "config": [], "position": 0, "status": 1}
    assert expected.items() <= relation.items()


def test_data_may_be_one_object(cem: httpx2.Client) -> None:
    answer = cem.post(RELATIONS, json={"data": {"attributes": attributes()}})
    assert answer.status_code == 201
    assert isinstance(answer.json()["data"], list)


def test_several_relations_are_added_at_once(cem: httpx2.Client) -> None:
    answer = cem.post(RELATIONS, json=document(attributes(), attributes(type="favorite"), attributes(refid="1")))
    assert answer.json()["meta"]["total"] == 3
    assert [relation["refid"] for relation in listed(cem).values()] == ["12", "12", "1"]


def test_a_list_is_added_as_a_whole_or_not_at_all(cem: httpx2.Client) -> None:
    answer = cem.post(RELATIONS, json=document(attributes(), attributes(refid="")))
    assert answer.status_code == 400
    assert listed(cem) == {}
    answer = cem.post(RELATIONS, json=document(attributes(), attributes(refid="1"), attributes()))
    assert problems(answer) == [("409", "/data/2/attributes")]
    assert listed(cem) == {}


def test_without_include_the_answer_lists_the_new_relations_only(anna: httpx2.Client) -> None:
    answer = anna.post(BARE, json=document(attributes()))
    assert [item["id"] for item in answer.json()["data"]] == ["10"]


def test_with_include_the_answer_lists_all_of_the_domain_and_the_new_ones_last(anna: httpx2.Client) -> None:
    answer = anna.post(RELATIONS, json=document(attributes(position=-1)))
    assert [item["id"] for item in answer.json()["data"]] == ["1", "2", "3", "4", "5", "10"]


def test_relations_are_listed_by_position(anna: httpx2.Client) -> None:
    anna.patch(one("1"), json=change(position=9)).raise_for_status()
    anna.patch(one("4"), json=change(position=-9)).raise_for_status()
    assert list(listed(anna)) == ["4", "2", "3", "5", "1"]


@pytest.mark.parametrize("include", ["", "service", "produc", "attribute,media"])
def test_relations_of_other_domains_than_included_are_not_listed(anna: httpx2.Client, include: str) -> None:
    assert listed(anna, include) == {}


@pytest.mark.parametrize("domain", ["product", "service"])
def test_the_same_relation_again_is_a_conflict(cem: httpx2.Client, domain: str) -> None:
    cem.post(BARE, json=document(attributes(domain=domain))).raise_for_status()
    answer = cem.post(BARE, json=document(attributes(domain=domain, config={}, position=7)))
    assert problems(answer) == [("409", "/data/0/attributes")]
    assert len(listed(cem)) == 1


def test_relations_that_differ_in_type_or_domain_are_none_conflict(cem: httpx2.Client) -> None:
    answer = cem.post(BARE, json=document(attributes(), attributes(type="favorite"), attributes(domain="service")))
    assert answer.status_code == 201


def test_a_patch_changes_only_what_it_names(anna: httpx2.Client) -> None:
    before = listed(anna)["1"]
    answer = anna.patch(one("1"), json=change(position=4))
    assert answer.status_code == 200
    assert listed(anna)["1"] == {**before, "position": 4}


def test_a_patched_config_replaces_the_old_one_as_a_whole(anna: httpx2.Client) -> None:
    anna.patch(one("1"), json=change(config={"price": "1"})).raise_for_status()
    assert listed(anna)["1"]["config"] == {"price": "1"}


def test_everything_that_was_read_may_be_sent_back_unchanged(anna: httpx2.Client) -> None:
    for number in ("1", "3"):
        item = anna.get(one(number)).json()["data"]
        answer = anna.patch(one(number), json={"data": item})
        assert answer.status_code == 200
        assert answer.json()["data"]["attributes"] == item["attributes"]


def test_the_times_of_a_relation_are_the_shops_own(front: Front, anna: httpx2.Client) -> None:
    front.clock.turn(days=2)
    anna.patch(one("1"), json=change(config=WATCH)).raise_for_status()
    relation = listed(anna)["1"]
    assert relation["ctime"] == "2026-11-23 11:41:27"
    assert relation["mtime"] == "2026-11-25 11:41:27"


def test_times_are_told_in_the_shops_zone(front: Front, anna: httpx2.Client) -> None:
    front.open(timezone="Asia/Tokyo")
    assert listed(anna)["1"]["ctime"] == "2026-11-23 20:41:27"


@pytest.mark.parametrize("name", ["ctime", "mtime", "id"])
def test_a_client_sets_neither_times_nor_ids(anna: httpx2.Client, name: str) -> None:
    stamp = "2020-01-01 00:00:00"
    answer = anna.patch(one("1"), json=change(**{name: stamp}))
    assert problems(answer) == [("403", f"/data/attributes/customer.lists.{name}")]
    answer = anna.post(RELATIONS, json=document(attributes(**{name: stamp})))
    assert problems(answer) == [("403", f"/data/0/attributes/customer.lists.{name}")]


@pytest.mark.parametrize(("name", "value"), [("refid", "2"), ("domain", "service")])
def test_what_a_relation_refers_to_cannot_be_changed(anna: httpx2.Client, name: str, value: str) -> None:
    answer = anna.patch(one("1"), json=change(**{name: value}))
    assert problems(answer) == [("409", f"/data/attributes/customer.lists.{name}")]
    assert listed(anna)["1"]["refid"] == "1"


def test_a_type_that_another_relation_has_is_a_conflict(anna: httpx2.Client) -> None:
    answer = anna.patch(one("1"), json=change(type="favorite"))
    assert problems(answer) == [("409", "/data/attributes")]
    assert listed(anna)["1"]["type"] == "watch"


def test_a_free_type_can_be_taken(anna: httpx2.Client) -> None:
    anna.patch(one("1"), json=change(type="other")).raise_for_status()
    assert listed(anna)["1"]["type"] == "other"


@pytest.mark.parametrize("status", [-2, -1, 0])
def test_an_inactive_relation_stays_in_reach(anna: httpx2.Client, status: int) -> None:
    anna.patch(one("1"), json=change(status=status)).raise_for_status()
    assert listed(anna)["1"]["status"] == status
    anna.patch(one("1"), json=change(status=1)).raise_for_status()
    assert listed(anna)["1"]["status"] == 1


def test_an_expired_relation_stays_in_reach(anna: httpx2.Client) -> None:
    anna.patch(one("1"), json=change(dateend="2001-01-01 00:00:00")).raise_for_status()
    assert listed(anna)["1"]["dateend"] == "2001-01-01 00:00:00"


@pytest.mark.parametrize("address", [RELATIONS + "&relatedid=1", one("1"), one("1") + "&include=service"])
def test_a_relation_that_is_named_is_deleted_whatever_is_included(anna: httpx2.Client, address: str) -> None:
    answer = anna.delete(address)
    assert (answer.status_code, answer.json()["meta"]["total"]) == (200, 0)
    assert list(listed(anna)) == ["2", "3", "4", "5"]


def test_several_relations_are_deleted_at_once(anna: httpx2.Client) -> None:
    answer = anna.request("DELETE", RELATIONS, json={"data": [{"id": "1"}, {"id": "4", "type": "customer.lists"}]})
    assert answer.status_code == 200
    assert list(listed(anna)) == ["2", "3", "5"]


def test_a_list_is_deleted_as_a_whole_or_not_at_all(anna: httpx2.Client) -> None:
    answer = anna.request("DELETE", RELATIONS, json={"data": [{"id": "1"}, {"id": "99"}]})
    assert problems(answer) == [("404", "/data/1/id")]
    assert len(listed(anna)) == 5


def test_a_relation_added_again_has_a_new_id_and_a_new_time(front: Front, cem: httpx2.Client) -> None:
    cem.post(RELATIONS, json=document(attributes())).raise_for_status()
    cem.delete(one("10")).raise_for_status()
    front.clock.turn(hours=1)
    cem.post(RELATIONS, json=document(attributes())).raise_for_status()
    ((number, relation),) = listed(cem).items()
    assert (number, relation["ctime"]) == ("11", "2026-11-23 12:41:27")


@pytest.mark.parametrize("number", ["99", "0", "-1", "1.0", "x", "", "９", "1" * 30, "%00", "1%0A"])
def test_a_relation_that_is_not_there_is_not_found(anna: httpx2.Client, number: str) -> None:
    assert problems(anna.get(one(number))) == [("404", "relatedid")]
    assert problems(anna.patch(one(number), json=change(status=0))) == [("404", "relatedid")]
    assert problems(anna.delete(one(number))) == [("404", "relatedid")]


def test_options_names_what_is_required(front: Front) -> None:
    answer = front.client().options(BARE)
    found = answer.json()["meta"]["attributes"]
    assert {name for name, text in found.items() if text["required"]} == {
        "customer.lists.domain",
        "customer.lists.refid",
    }
    assert len(found) == 8
