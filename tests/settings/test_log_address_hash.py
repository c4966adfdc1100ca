"""The keyed hash that stands for an address in logs and in the suppression table."""

import hashlib
import hmac
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.log import address_hash

KEY = b"k" * 32


def test_it_is_hmac_sha256_of_the_folded_address() -> None:
    assert address_hash(KEY, "Anna@Shop.TEST") == hmac.new(KEY, b"anna@shop.test", hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("anna@shop.example.com", "anna@SHOP.example.COM"),
        ("anna@shop.example.com", "ANNA@shop.example.com"),
        ("anna@shop.example.com", " anna@shop.example.com\n"),
        ("anna@bücher.example.com", "anna@xn--bcher-kva.example.com"),
        ("ÄNNA@shop.example.com", "änna@shop.example.com"),
        ("a\u0308nna@shop.example.com", "änna@shop.example.com"),
        ("Root@LOCALHOST", "root@localhost"),
    ],
)
def test_addresses_of_the_same_mailbox_hash_alike(one: str, other: str) -> None:
    assert address_hash(KEY, one) == address_hash(KEY, other)


@pytest.mark.parametrize("other", ["anne@shop.test", "anna@shop2.test", "an.na@shop.test", "anna+1@shop.test", ""])
def test_other_mailboxes_hash_differently(other: str) -> None:
    assert address_hash(KEY, "anna@shop.test") != address_hash(KEY, other)


def test_another_key_gives_another_hash() -> None:
    assert address_hash(KEY, "anna@shop.test") != address_hash(b"x" * 32, "anna@shop.test")


@settings(max_examples=40)
@given(st.emails())
def test_case_never_matters(address: str) -> None:
    assert address_hash(KEY, address.upper()) == address_hash(KEY, address.lower())


@given(st.text(st.characters()) | st.just("\ud800@shop.test"))
def test_any_text_has_a_hash(address: str) -> None:
    assert re.fullmatch("[0-9a-f]{64}", address_hash(KEY, address))
