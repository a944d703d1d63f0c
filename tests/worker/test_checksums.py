from pathlib import Path

from worker.checksums import PIECE_BYTES, Checksums, checksum_file


def test_known_values(tmp_path: Path) -> None:
    """The check value of CRC-32C (RFC 3720, appendix B.4, and every catalogue of CRCs) and SHA-256 of "123456789"."""
    path = tmp_path / "x"
    path.write_bytes(b"123456789")
    sha256 = "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"
    assert checksum_file(path) == Checksums(9, "4waSgw==", sha256)


def test_the_pieces_it_reads_do_not_show(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"a" * (PIECE_BYTES + 1))
    whole = checksum_file(path)
    path.write_bytes(b"a" * PIECE_BYTES + b"b")
    assert whole.size_bytes == PIECE_BYTES + 1
    assert checksum_file(path).crc32c != whole.crc32c


def test_an_empty_file_has_checksums_too(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.touch()
    assert checksum_file(path).crc32c == "AAAAAA=="
