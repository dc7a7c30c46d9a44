"""`pyv-fleet backup` and `restore`: the controller's store as it was at one moment, in a file for its owner alone."""

from __future__ import annotations

import os
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

import click

from pyv_fleet.cli.home import alone, say
from pyv_fleet.cli.session import CliError, Exit, guarded
from pyv_fleet.durable import private_dir, sync_directory
from pyv_fleet.settings import FILE, STORE, read_settings

#: beside the store; no secret stands in them
ALWAYS: Final = (FILE, "trust")
#: what orders and enrols: whoever has them is the controller
SECRET: Final = ("keys", "ca")
ROOT_ADVICE: Final = "The root and release keys lie in the operator's home, and are kept apart"


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True,
              help="The controller's home.")  # fmt: skip
@click.option("--with-keys", is_flag=True, help="Also the directive key and the authorities' keys: guard FILE as them.")
@guarded
def backup_command(file: Path, data: Path, with_keys: bool) -> None:
    """Write the store, fleet.toml and trust documents into FILE (a tar, mode 0600); the controller may run meanwhile.

    `pyv-fleet restore FILE` puts it back.
    """
    data = data.resolve()
    settings = read_settings(data)
    if settings.store.url:
        raise CliError(
            "the store is a PostgreSQL database: back it up with pg_dump, and keep the controller's home beside it",
            Exit.USAGE,
        )
    if not (data / STORE).exists():
        raise CliError(f"{data / STORE}: is not there; if it was lost: pyv-fleet recover --from-broker", Exit.NOT_FOUND)
    write_backup(file, data, ALWAYS + (SECRET if with_keys else ()))
    say(f"{file}: {file.stat().st_size} bytes; readable by you alone")
    for name in () if with_keys else SECRET:
        say(f"not in it, and needed to go on from it: {data / name} (or --with-keys)")
    say(f"not in it: {data / 'bundles'} (bundles are published again). {ROOT_ADVICE}")


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), required=True, help="The controller's home.")
@click.option("--replace", is_flag=True, help="A store that stands there is moved away, not kept in force.")
@guarded
def restore_command(file: Path, data: Path, replace: bool) -> None:
    """Put a backup back: its store, and of settings, trust documents and keys what is not there.

    The controller must not run. When it starts, it catches up with broker and devices before it orders anything.
    """
    private_dir(data)
    with alone(data):
        if (data / STORE).exists() and not replace:
            raise CliError(f"{data / STORE}: stands there; --replace moves it away", Exit.CONFLICT)
        put_back(file, data)
    say(f"{data}: holds the store of {file}. Start it with\n  pyv-fleet serve --data {data}")


def put_back(file: Path, data: Path) -> None:
    """The backup's files, the store last: a cut in the middle leaves the old one, or none."""
    with tempfile.TemporaryDirectory(dir=data, prefix=".restore-") as name:
        try:
            with tarfile.open(file) as tar:
                tar.extractall(name, filter="data")
        except tarfile.TarError as why:
            raise CliError(f"{file}: is no backup: {why}") from None
        found = Path(name)
        if not (found / STORE).exists():
            raise CliError(f"{file}: is no backup: it holds no {STORE}")
        for each in (*ALWAYS, *SECRET):
            if (found / each).exists() and not (data / each).exists():
                os.replace(found / each, data / each)
        for ending in ("-wal", "-shm", ""):  # never another store's log beside this one
            if (old := Path(f"{data / STORE}{ending}")).exists():
                os.replace(old, data / f"{STORE}{ending}.replaced")
        os.replace(found / STORE, data / STORE)
    sync_directory(data)


def write_backup(file: Path, data: Path, names: tuple[str, ...]) -> None:
    """The store's copy and these parts of the home as a tar, whole or not at all."""
    with tempfile.TemporaryDirectory(dir=data, prefix=".backup-") as name:
        store = Path(name) / STORE
        copy_store(data / STORE, store)
        descriptor, temporary = tempfile.mkstemp(dir=file.resolve().parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(descriptor, "wb") as raw:
                with tarfile.open(fileobj=raw, mode="w") as tar:
                    tar.add(store, STORE)
                    for each in names:
                        if (data / each).exists():
                            tar.add(data / each, each)
                raw.flush()
                os.fsync(raw.fileno())
            os.replace(temporary, file)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    sync_directory(file.resolve().parent)


def copy_store(store: Path, copy: Path) -> None:
    """One consistent state of a store that may be written to meanwhile, as one file without WAL (SQLite's backup)."""
    copy.touch(mode=0o600)
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as source, closing(sqlite3.connect(copy)) as into:
        source.backup(into)
        into.execute("PRAGMA journal_mode=DELETE")
