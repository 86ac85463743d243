"""Nonces, against hashlib."""

import hashlib
import signal
import subprocess
import sys
import time

import pytest

import verilane

# Bitcoin's first block.
GENESIS = bytes.fromhex(
    "01000000" + "00" * 32 + "3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a"
    "29ab5f49ffff001d1dac2b7c"
)


def digest(header: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(header).digest()).digest()


def test_the_first_block() -> None:
    found = verilane.search(GENESIS, bits=0x1D00FFFF, start=0x7C2BAC1D - 1000)
    assert found == verilane.Nonce(0x7C2BAC1D, digest(GENESIS))


def test_the_lowest_nonce_under_a_target() -> None:
    target = 2**256 // 1000
    header = bytes(80)
    met = (
        nonce
        for nonce in range(1 << 16)
        if int.from_bytes(digest(header[:76] + nonce.to_bytes(4, "little")), "little") <= target
    )
    assert verilane.search(header, target=target).nonce == next(met)


def test_another_layout_of_the_header() -> None:
    found = verilane.search(bytes(40), target=2**250, nonce_offset=8)
    header = bytes(8) + found.nonce.to_bytes(4, "little") + bytes(28)
    assert found.digest == digest(header)


def test_nothing_found() -> None:
    assert verilane.search(bytes(80), target=0, end=1 << 16) is None


def test_the_end_is_not_searched() -> None:
    first = verilane.search(bytes(80), target=2**245).nonce
    assert first > 0
    assert verilane.search(bytes(80), target=2**245, end=first) is None
    assert verilane.search(bytes(80), target=2**245, end=first + 1).nonce == first
    assert verilane.search(bytes(80), target=2**245, start=first, end=first + 1).nonce == first


@pytest.mark.parametrize("end", [{}, {"end": None}, {"end": 2**32}])
def test_the_last_nonce_is_searched(end: dict[str, int | None]) -> None:
    found = verilane.search(bytes(80), target=2**256 - 1, start=2**32 - 1, **end)
    assert found == verilane.Nonce(2**32 - 1, digest(bytes(76) + b"\xff" * 4))


def test_a_header_may_be_any_buffer() -> None:
    found = verilane.search(bytes(80), target=2**250)
    assert verilane.search(bytearray(80), target=2**250) == found
    assert verilane.search(memoryview(bytes(160))[::2], target=2**250) == found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "name the bound once"),
        ({"target": 1, "bits": 0x1D00FFFF}, "name the bound once"),
        ({"bits": 0}, "bits 0x00000000 give no target"),
        ({"target": 2**256}, r"a target is a number from 0 to 2\*\*256 - 1"),
        ({"target": -1}, r"a target is a number from 0 to 2\*\*256 - 1"),
        ({"target": b"no"}, r"a target is a number from 0 to 2\*\*256 - 1"),
        ({"target": 1, "start": 8, "end": 8}, r"no nonce in range\(8, 8\): an end from 9 to 2\*\*32, or None, would"),
        ({"target": 1, "start": 8, "end": 7}, r"no nonce in range\(8, 7\): an end from 9 to 2\*\*32, or None, would"),
        ({"target": 1, "end": 0}, r"no nonce in range\(0, 0\): an end from 1 to 2\*\*32, or None, would"),
        ({"target": 1, "end": 2**32 + 1}, r"end cannot be 4294967297: 1 to 2\*\*32, or None, would be valid"),
        ({"target": 1, "end": -1}, r"end cannot be -1: 1 to 2\*\*32, or None, would be valid"),
        ({"target": 1, "start": 2**32}, r"start cannot be 4294967296: 0 to 2\*\*32 - 1 would be valid"),
        ({"target": 1, "start": -1}, r"start cannot be -1: 0 to 2\*\*32 - 1 would be valid"),
        ({"bits": 2**32}, "bits cannot be 4294967296: .* of 32 bits, would be valid"),
        ({"target": 1, "nonce_offset": -4}, "nonce_offset cannot be -4: a multiple of 4 inside the header"),
        ({"target": 1, "nonce_offset": 77}, "no nonce can be searched"),
    ],
)
def test_refusals(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(verilane.Error, match=message):
        verilane.search(bytes(80), **arguments)


def test_it_can_be_interrupted() -> None:
    # A shell starts jobs in the background with interrupts ignored.
    program = (
        "import signal, verilane; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "print(1, flush=True); verilane.search(bytes(80), target=0)"
    )
    search = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert search.stdout.readline() == "1\n"
    time.sleep(0.5)
    search.send_signal(signal.SIGINT)
    _, errors = search.communicate(timeout=60)
    assert "KeyboardInterrupt" in errors
