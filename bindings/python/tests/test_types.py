"""The stubs, against what they describe."""

import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import verilane


def check(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_stubs_are_complete(tmp_path: Path) -> None:
    check("mypy.stubtest", "verilane._verilane", "verilane._errors", "verilane._results")


def test_types_hold(tmp_path: Path) -> None:
    sample = tmp_path / "sample.py"
    sample.write_text(
        """
import verilane

digests: list[bytes] = verilane.hash([b"a", bytearray(b"b")], hash="sha256")
verdicts: list[bool] = verilane.verify([bytes(32)], [bytes(64)], [b"m"], rule="strict")
mixed: list[bytes] = verilane.hash(["text", b"bytes"])
version: str = verilane.__version__
found = verilane.search(bytes(80), bits=0x207FFFFF, start=0, end=None)
nonce: int = found.nonce if found else 0
proof: verilane.Proof = verilane.merkle_proof(digests, 0, tree="plain")
check = verilane.Engine().check_block("strict", "sha256", "plain", [b""], [b""], digests, ["text"])
verdicts_of_records: list[verilane.RecordVerdict] = check.verdicts
invalid: list[tuple[int, verilane.RecordVerdict]] = check.invalid()
root: bytes = check.root
where: str = check.report.backend
with verilane.Index("folder", key=bytearray(32)) as index:
    blocks: list[int | None] = index.add(index.blocks, digests).in_block
    new: list[int] = index.scan(digests).new()
valid: bool = proof.verify(digests[0], verilane.merkle_root(digests, tree="plain").digest)
"""
    )
    check("mypy", "--strict", f"--cache-dir={tmp_path}", str(sample))


def test_batches_are_typed(tmp_path: Path) -> None:
    check("mypy", "--strict", f"--cache-dir={tmp_path}", "-m", "verilane.batches")


def test_the_version_is_the_crates() -> None:
    manifest = Path(__file__).parents[3] / "Cargo.toml"
    assert verilane.__version__ == tomllib.loads(manifest.read_text())["workspace"]["package"]["version"]
    assert verilane.__version__ == version("verilane")


def test_everything_is_documented() -> None:
    for name in verilane.__all__:
        assert getattr(verilane, name).__doc__, name
