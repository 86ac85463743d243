"""Verdicts, against OpenSSL's by way of `cryptography`."""

import pyarrow as pa
import pytest
from conftest import ANY_LENGTH, Signed, chunked, layouts, plain
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

import verilane

RULES = ["rfc8032", "strict", "zip215"]


def openssl(signed: Signed) -> list[bool]:
    def accepts(key: bytes, signature: bytes, message: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        except InvalidSignature:
            return False
        return True

    return [accepts(*row) for row in zip(signed.keys, signed.signatures, signed.messages)]


def flip(value: bytes, bit: int) -> bytes:
    changed = bytearray(value)
    changed[bit // 8 % len(value)] ^= 1 << bit % 8
    return bytes(changed)


def spoiled(signed: Signed) -> Signed:
    """Every third signature, and every seventh message, is another than was made."""
    return Signed(
        keys=signed.keys,
        signatures=[
            flip(signature, 37 * row) if row % 3 == 1 else signature
            for row, signature in enumerate(signed.signatures)
        ],
        messages=[
            message + b"!" if row % 7 == 3 else message for row, message in enumerate(signed.messages)
        ],
    )


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("layout", ANY_LENGTH)
def test_verdicts_are_openssls_in_every_layout(signed: Signed, rule: str, layout: str) -> None:
    batch = spoiled(signed)
    expected = openssl(batch)
    assert True in expected and False in expected
    verdicts = verilane.verify(
        layouts(32)[layout](batch.keys),
        layouts(64)[layout](batch.signatures),
        ANY_LENGTH[layout](batch.messages),
        rule=rule,
    )
    assert plain(verdicts) == expected
    assert isinstance(verdicts, list if "binary" not in layout else pa.BooleanArray)


def test_chunks_may_end_at_different_rows(signed: Signed) -> None:
    batch = spoiled(signed)
    verdicts = verilane.verify(
        chunked(pa.binary(32), 3)(batch.keys),
        chunked(pa.binary(64), 7)(batch.signatures),
        chunked(pa.large_binary(), 40)(batch.messages),
        rule="strict",
    )
    assert verdicts.to_pylist() == openssl(batch)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_verdicts_do_not_depend_on_the_cuts(signed: Signed, data: st.DataObject) -> None:
    batch = spoiled(signed)
    sizes = [data.draw(st.integers(1, 41)) for _ in range(3)]
    verdicts = verilane.verify(
        chunked(pa.binary(32), sizes[0])(batch.keys),
        chunked(pa.binary(), sizes[1])(batch.signatures),
        chunked(pa.binary(), sizes[2])(batch.messages),
        rule="zip215",
    )
    assert verdicts.to_pylist() == openssl(batch)


def test_arrow_and_lists_may_stand_side_by_side(signed: Signed) -> None:
    verdicts = verilane.verify(
        signed.keys, pa.array(signed.signatures), signed.messages, rule="rfc8032"
    )
    assert isinstance(verdicts, pa.BooleanArray) and verdicts.to_pylist() == [True] * 40


def test_messages_may_be_text(signed: Signed) -> None:
    text = pa.array([message.decode("latin1") for message in signed.messages])
    ascii_only = [message.isascii() for message in signed.messages]
    verdicts = verilane.verify(signed.keys, signed.signatures, text, rule="strict")
    assert verdicts.to_pylist() == ascii_only


def test_messages_may_be_text_among_bytes(signed: Signed) -> None:
    mixed = [message.decode() if row % 2 else message for row, message in enumerate(signed.messages)]
    assert verilane.verify(signed.keys, signed.signatures, mixed, rule="strict") == [True] * 40


def test_text_of_the_right_width_may_be_a_key() -> None:
    as_bytes = verilane.verify([b"k" * 32], [b"s" * 64], [b"m"], rule="strict")
    assert verilane.verify(["k" * 32], ["s" * 64], ["m"], rule="strict") == as_bytes
    with pytest.raises(verilane.InputError, match="row 1: a public key has 32 bytes, this one has 33"):
        verilane.verify(["k" * 32, "k" * 31 + "\xe4"], [bytes(64)] * 2, ["m"] * 2, rule="strict")


def test_rules_differ_on_keys_of_small_order() -> None:
    """Of R = A = the point of order 4 whose y is 0, and S = 0."""
    verdicts = {
        rule: verilane.verify([bytes(32)], [bytes(64)], [b"m"], rule=rule) for rule in RULES
    }
    assert verdicts["zip215"] == [True] and verdicts["strict"] == [False]


def test_nothing_to_verify() -> None:
    assert verilane.verify([], [], [], rule="strict") == []
    none = pa.array([], pa.binary())
    assert verilane.verify(none, none, none, rule="strict").to_pylist() == []
