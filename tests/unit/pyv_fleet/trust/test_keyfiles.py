"""Ed25519 keys in files."""

from pathlib import Path

import pytest

from pyv_fleet.trust.errors import KeyFileError
from pyv_fleet.trust.keyfiles import make_key, read_key, read_or_make_key


def test_a_key_is_written_as_hex_for_its_owner_alone_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "release.key"
    made = make_key(path, lambda count: bytes(range(count)))
    assert path.read_text().strip() == bytes(range(32)).hex()
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_key(path).private_bytes_raw() == made.private_bytes_raw()


def test_a_new_directory_for_keys_is_private_and_an_old_one_is_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_key(tmp_path / "here.key")
    make_key(tmp_path / "keys" / "there.key")
    assert tmp_path.stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "keys").stat().st_mode & 0o077 == 0


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    first = make_key(path)
    with pytest.raises(KeyFileError, match="never overwritten"):
        make_key(path)
    assert read_or_make_key(path).private_bytes_raw() == first.private_bytes_raw()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "root.key"
    make_key(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="others may read"):
        read_key(path)


@pytest.mark.parametrize("text", ["", "ab" * 31, "zz" * 32, "ab" * 33])
def test_what_is_no_seed_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    path = tmp_path / "root.key"
    path.touch(0o600)
    path.write_text(text)
    with pytest.raises(KeyFileError) as caught:
        read_key(path)
    assert not text or text not in str(caught.value)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"root\.key"):
        read_key(tmp_path / "root.key")
