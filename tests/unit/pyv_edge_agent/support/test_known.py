"""Which values are secret: of files, of the environment, of the config, also when one of them is broken."""

from __future__ import annotations

from pathlib import Path

from pyv_edge_agent.state_dir import StateDir
from pyv_edge_agent.support.known import hidden_pointers, known_secrets
from pyv_edge_agent.values import CREDENTIALS_DIRECTORY

CONFIG = """
[cloud]
enabled = true
endpoint = "https://example.com/${PATH_KEY}"
api_key = "literal-key-1"
"""


def known(root: Path, environ: dict[str, str] | None = None) -> frozenset[str]:
    return known_secrets(StateDir(root), root / "config.toml", environ or {})


def test_keys_credentials_and_the_env_file_are_secret(tmp_path: Path) -> None:
    (tmp_path / "device.key").write_text("-----BEGIN\nkeykeykey\n")
    (tmp_path / "env").write_text("A=valuevalue\nexport B='quoted one'\nLEVEL=info\nPORT=8080\n")
    (tmp_path / "creds").mkdir()
    (tmp_path / "creds" / "broker").write_text("credcred\n")
    found = known(
        tmp_path, {CREDENTIALS_DIRECTORY: str(tmp_path / "creds"), "API_TOKEN": "tokentoken", "HOME": "/root"}
    )
    assert {"keykeykey", "valuevalue", "quoted one", "credcred", "tokentoken"} <= found
    assert not {"info", "8080", "/root"} & found


def test_what_a_config_holds_and_refers_to_is_secret(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(CONFIG)
    found = known(tmp_path, {"PATH_KEY": "path-key-2"})
    assert {"literal-key-1", "path-key-2", "https://example.com/path-key-2"} <= found
    assert hidden_pointers({"cloud": {"endpoint": "${X:-y}"}}) == {"/cloud/endpoint"}


def test_a_config_that_does_not_parse_gives_what_stands_behind_secret_names(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[cloud\napi_key = "literal-key-3"\n')
    assert "literal-key-3" in known(tmp_path)


def test_a_directory_with_nothing_in_it_has_no_secret(tmp_path: Path) -> None:
    assert known(tmp_path) == frozenset()
