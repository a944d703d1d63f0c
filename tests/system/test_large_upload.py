"""Memory does not grow with what is uploaded; ``tests/bench/big_upload.py`` does the same with gigabytes."""

from pathlib import Path

import pytest

from tests.bench.big_upload import LIMIT_BYTES, MIB, measure

SIZE_BYTES = 2 * LIMIT_BYTES


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="/proc: only Linux tells a process's peak memory")
def test_a_file_larger_than_the_memory_of_either_end(tmp_path: Path) -> None:
    found = measure(tmp_path, SIZE_BYTES)
    assert found.uploader_peak_bytes > 20 * MIB, "this is not a Python process's peak"
    assert max(found.uploader_peak_bytes, found.control_plane_peak_bytes) < LIMIT_BYTES
