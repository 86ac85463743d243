"""Engines: where calls run, threads, processes, the GIL, and copies."""

import logging
import mmap
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest
from conftest import Signed

import verilane


@pytest.fixture(scope="module")
def gpu() -> verilane.Engine:
    adapter = next((device.name for device in verilane.devices() if device.kind == "gpu"), None)
    if adapter is not None:
        return verilane.Engine("gpu", adapter=adapter)
    if os.environ.get("VERILANE_REQUIRE_GPU") == "1":
        pytest.fail("no GPU adapter answers, and VERILANE_REQUIRE_GPU is 1")
    pytest.skip("no GPU adapter answers")


def test_devices_start_with_the_processor() -> None:
    processor, *adapters = verilane.devices()
    assert (processor.kind, processor.software) == ("cpu", False)
    assert all(adapter.kind == "gpu" and adapter.name for adapter in adapters)


@pytest.mark.parametrize("isa", ["scalar", None])
@pytest.mark.parametrize("backend", ["auto", "cpu", "reference"])
def test_back_ends_agree(signed: Signed, backend: str, isa: str | None) -> None:
    engine = verilane.Engine(backend, threads=2, isa=isa)
    assert engine.backend == backend
    messages = [*signed.messages[:20], *signed.messages[21:], b"another"]
    verdicts = verilane.verify(signed.keys, signed.signatures, messages, rule="strict", engine=engine)
    assert verdicts == [True] * 20 + [False] * 20
    assert verilane.hash(messages, engine=engine) == verilane.hash(messages)


def test_the_gpu_agrees(gpu: verilane.Engine, signed: Signed, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "verilane"):
        digests = verilane.hash(signed.messages, engine=gpu)
    assert digests == verilane.hash(signed.messages)
    assert "hash ran on gpu" in caplog.text


def test_where_a_call_ran_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "verilane"):
        verilane.hash([b"a"], engine=verilane.Engine("reference", threads=1))
    (record,) = caplog.records
    assert record.getMessage().startswith("hash ran on reference: ")
    assert record.getMessage().endswith(", threads: 1")


def test_a_fault_is_told(gpu: verilane.Engine) -> None:
    """Of a message of 4 GiB, which no kernel takes; its zeros take no memory."""
    size = 1 << 32
    zeros = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ)
    offsets = pa.array([0, size], pa.int64()).buffers()[1]
    message = pa.Array.from_buffers(pa.large_binary(), 1, [None, offsets, pa.py_buffer(zeros)])
    with pytest.warns(verilane.FallbackWarning, match="verify: gpu.*not served.*cpu computed instead"):
        verdicts = verilane.verify([bytes(32)], [bytes(64)], message, rule="zip215", engine=gpu)
    assert verdicts.to_pylist() == [True]


def test_what_cannot_be_had_is_a_fault() -> None:
    with pytest.raises(verilane.Fault, match="the gpu back end is not available"):
        verilane.Engine("gpu", adapter="no such adapter")
    with pytest.raises(verilane.Error, match='no back end is called "tpu"'):
        verilane.Engine("tpu")
    with pytest.raises(verilane.Error, match='no instruction set is called "sse"'):
        verilane.Engine(isa="sse")


def verify_many(signed: Signed) -> Callable[[], object]:
    columns = [pa.array(column * 3000) for column in (signed.keys, signed.signatures, signed.messages)]
    return lambda: verilane.verify(*columns, rule="strict")


def hash_much(_: Signed) -> Callable[[], object]:
    records = pa.array([bytes(1 << 20)] * 300, pa.large_binary())
    return lambda: verilane.hash(records, hash="sha256d")


def check_many(signed: Signed) -> Callable[[], object]:
    digests = [bytes(32)] * 40
    columns = [pa.array(column * 3000) for column in (signed.keys, signed.signatures, digests, signed.messages)]
    return lambda: verilane.Engine().check_block("strict", "sha256", "rfc6962", *columns)


def search_long(_: Signed) -> Callable[[], object]:
    return lambda: verilane.search(bytes(80), target=0, end=1 << 24)


@pytest.mark.parametrize("prepare", [verify_many, hash_much, check_many, search_long])
def test_calls_release_the_gil(signed: Signed, prepare: Callable[[Signed], Callable[[], object]]) -> None:
    call = prepare(signed)
    ticks = 0
    done = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not done.is_set():
            ticks += 1
            time.sleep(0.001)

    other = threading.Thread(target=tick)
    other.start()
    before, start = ticks, time.monotonic()
    call()
    during, seconds = ticks - before, time.monotonic() - start
    done.set()
    other.join()
    assert seconds > 0.02
    # If the GIL were held, the thread would tick once at either end.
    assert during > 5


def test_many_threads_share_an_engine(signed: Signed) -> None:
    expected = [row % 5 != 0 for row in range(40)]
    messages = [m if valid else m + b"!" for m, valid in zip(signed.messages, expected)]
    engine = verilane.Engine("cpu", threads=2)

    def call(index: int) -> list[bool]:
        shift = index % 40
        columns = [column[shift:] + column[:shift] for column in (signed.keys, signed.signatures, messages)]
        verdicts = verilane.verify(*columns, rule="rfc8032", engine=engine if index % 2 else None)
        return verdicts[40 - shift :] + verdicts[: 40 - shift]

    with ThreadPoolExecutor(8) as threads:
        assert all(verdicts == expected for verdicts in threads.map(call, range(200)))


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_forked_processes_make_their_own_engine() -> None:
    program = """
import os, verilane
engine = verilane.Engine("cpu")
digests = verilane.hash([b"a"])
child = os.fork()
if child == 0:
    assert verilane.hash([b"a"]) == digests
    try:
        verilane.hash([b"a"], engine=engine)
    except verilane.Error as error:
        print(error, flush=True)
    del engine
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    told, status = run(program).splitlines()
    assert told == "this engine was made before the process was forked: make one in this process"
    assert status == "0"


def test_arrow_arrays_are_not_copied() -> None:
    """The most memory that the process has held grows by far less than the records take."""
    program = """
import resource, pyarrow as pa, verilane
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
verilane.hash(pa.array([b"first"]))
size, rows = 1 << 20, 256
data = pa.py_buffer(bytes(size * rows))
offsets = lambda type: pa.array(range(0, size * rows + 1, size), type).buffers()[1]
columns = [
    pa.Array.from_buffers(pa.binary(), rows, [None, offsets(pa.int32()), data]),
    pa.Array.from_buffers(pa.large_binary(), rows, [None, offsets(pa.int64()), data]),
    pa.Array.from_buffers(pa.binary(size), rows, [None, data]),
]
columns += [pa.chunked_array([column[:100], column[100:]]) for column in columns]
before = peak()
for column in columns:
    verilane.hash(column)
print((peak() - before) / (size * rows))
"""
    assert float(run(program)) < 0.1


def test_results_outlive_their_input() -> None:
    records = pa.array([b"a", b"b"])
    digests = verilane.hash(records)
    del records
    assert digests.to_pylist() == verilane.hash([b"a", b"b"])
