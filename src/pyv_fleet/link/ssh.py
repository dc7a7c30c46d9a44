"""SSH to devices: one session a host, its host key always known, every answer bounded in size and time (asyncssh).

Log-in is by keys, of files or of an ssh-agent; a password is never asked for. The OpenSSH client config is obeyed for
addresses, ports, users, keys and jump hosts, and never for whether host keys are checked.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import asyncssh

from pyv_fleet.core.inventory import Host
from pyv_fleet.core.words import HostState
from pyv_fleet.durable import append_durably

SYSTEM_KNOWN_HOSTS: Final = Path("/etc/ssh/ssh_known_hosts")
DEFAULT_PORT: Final = 22
ANSWER_BYTES_MAX: Final = 256 * 1024
TROUBLE_BYTES_MAX: Final = 16 * 1024
PIECE_BYTES: Final = 256 * 1024
#: of what all offer, before the others: one call of OpenSSL a packet, where ChaCha20 takes four from here
CIPHERS_FIRST: Final = "^aes256-gcm@openssh.com,aes128-gcm@openssh.com"
#: a host that says nothing for so long, four times, is gone
KEEPALIVE_SECONDS: Final = 15.0
CLOSE_SECONDS: Final = 2.0


class SshError(Exception):
    """No session, or a broken one; `state` says which kind, the message what to do."""

    def __init__(self, state: HostState, why: str) -> None:
        super().__init__(why)
        self.state = state


class SshTerms(NamedTuple):
    """How hosts are reached."""

    #: files whose keys count; the first is where `accept_new` records
    known_hosts: tuple[Path, ...]
    #: take the key of a host that is in none of them, and record it; a changed key is refused all the same
    accept_new: bool = False
    #: private keys; none = those of the config, the usual ones, and an ssh-agent's
    identities: tuple[Path, ...] = ()
    #: OpenSSH client configs
    configs: tuple[Path, ...] = ()
    connect_seconds: float = 15.0


class Said(NamedTuple):
    """What a command said; `status` is none if a signal or a lost connection ended it."""

    status: int | None
    answer: bytes
    trouble: str


class SshDoor:
    """Opens sessions; made once for all hosts."""

    def __init__(self, terms: SshTerms) -> None:
        """SshError for a file that cannot be read as what it should be."""
        self._terms = terms
        self._known = _read_known_hosts(terms.known_hosts)
        self._keys = [_read_key(path) for path in terms.identities]
        self._chooses_ciphers = any(b"ciphers" in _read(path).lower() for path in terms.configs)

    @asynccontextmanager
    async def open(self, host: Host) -> AsyncIterator[SshSession]:
        """A session; SshError with `unreachable` or `refused_key`, before anything was sent."""
        try:
            async with asyncio.timeout(self._terms.connect_seconds * 2):
                connection = await self._connected(host.address or host.name, host.port, host.user)
        except TimeoutError:
            raise SshError(HostState.UNREACHABLE, _reason(TimeoutError())) from None
        try:
            yield SshSession(connection)
        except BaseException:
            connection.abort()  # at once: what hangs there would not let it close
            raise
        connection.close()
        with contextlib.suppress(TimeoutError):  # all was said: how it closes changes nothing
            async with asyncio.timeout(CLOSE_SECONDS):
                await connection.wait_closed()

    async def _connected(
        self,
        address: str,
        port: int | None,
        user: str | None,
        *,
        jumps: bool = True,
        within: asyncssh.SSHClientConnection | None = None,
    ) -> asyncssh.SSHClientConnection:
        keeper = _Keeper(self._known, self._terms)
        how = self._how(port, user, keeper)
        jump = None
        try:
            if jumps and self._terms.configs:
                jump = await self._jumped(address, how)
            connection = await asyncssh.connect(address, tunnel=within or jump, **how)
        except (OSError, asyncssh.Error, ValueError) as why:
            if jump is not None:
                jump.abort()
            raise _no_session(why, keeper, self._terms) from None
        if (below := within or jump) is not None:
            connection.set_tunnel(below)  # closed with it
        return connection

    def _how(self, port: int | None, user: str | None, keeper: _Keeper) -> dict[str, Any]:
        given = {
            "port": port,
            "username": user,
            "client_keys": self._keys or None,
            "encryption_algs": None if self._chooses_ciphers else CIPHERS_FIRST,
        }
        return {
            "config": [str(path) for path in self._terms.configs],
            "known_hosts": self._known,
            "client_factory": lambda: keeper,
            "connect_timeout": self._terms.connect_seconds,
            "login_timeout": self._terms.connect_seconds,
            "keepalive_interval": KEEPALIVE_SECONDS,
            "password_auth": False,
            "kbdint_auth": False,
            "gss_auth": False,
            "gss_kex": False,
            "agent_forwarding": False,
            **{name: value for name, value in given.items() if value is not None},
        }

    async def _jumped(self, address: str, how: dict[str, Any]) -> asyncssh.SSHClientConnection | None:
        """Through the jump hosts that the config names, whose keys must be known like all others; none without one."""
        jumps = (await asyncssh.SSHClientConnectionOptions.construct(host=address, **how)).tunnel
        if not isinstance(jumps, str):
            return None
        at: asyncssh.SSHClientConnection | None = None
        for one in jumps.split(","):
            user, _, place = one.rpartition("@")
            name, _, port = place.partition(":")
            where = int(port) if port.isdigit() else None
            at = await self._connected(name, where, user or None, jumps=False, within=at)
        return at


class SshSession:
    """One host's session."""

    def __init__(self, connection: asyncssh.SSHClientConnection) -> None:
        self._connection = connection

    async def run(self, command: str, given: bytes) -> Said:
        """The command with `given` on its standard input, to its end. SshError `disconnected` if the connection breaks,
        `failed` for an answer beyond its limit."""
        try:
            # no `async with`: it would wait for the end of a command that hangs
            process = await self._connection.create_process(command, encoding=None)
            with contextlib.suppress(OSError):  # it ended before it read all: its answer says why
                process.stdin.write(given)
                process.stdin.write_eof()
            answer, trouble = await asyncio.gather(
                _bounded(process.stdout, ANSWER_BYTES_MAX), _bounded(process.stderr, TROUBLE_BYTES_MAX)
            )
            await process.wait_closed()
            status = process.exit_status
        except (asyncssh.Error, OSError) as why:
            raise SshError(HostState.DISCONNECTED, f"the connection broke: {_reason(why)}") from None
        if status is None and not answer:
            raise SshError(HostState.DISCONNECTED, "the connection broke before the device answered")
        return Said(status, answer, trouble.decode("utf-8", "replace").strip())

    async def upload(self, source: Path, size: int, target: str) -> None:
        """A file by SFTP; what is there of it already is not sent again. SshError `disk_full` before it begins if there
        is no room, `failed` where the host offers no SFTP."""
        try:
            sftp = await self._connection.start_sftp_client()  # no `async with`, as above
            done = await _length(sftp, target)
            if done > size:
                await sftp.remove(target)
                done = 0
            await _refuse_without_room(sftp, size - done)
            there = await sftp.open(target, "ab" if done else "wb")
            with source.open("rb") as here:
                here.seek(done)
                while piece := here.read(PIECE_BYTES):
                    await there.write(piece)
            await there.close()
            sftp.exit()
        except asyncssh.SFTPError as why:
            raise SshError(HostState.FAILED, f"the bundle could not be uploaded: {_reason(why)}") from None
        except (asyncssh.Error, OSError) as why:
            raise SshError(HostState.DISCONNECTED, f"the connection broke during the upload: {_reason(why)}") from None

    async def remove(self, target: str) -> None:
        """A file that was uploaded; nothing if it is gone."""
        try:
            async with self._connection.start_sftp_client() as sftp:
                await sftp.remove(target)
        except (asyncssh.Error, OSError):
            return


class _Keeper(asyncssh.SSHClient):
    """Asked for a host key that is in no file. Remembers what was offered, for the sentence that refuses it."""

    def __init__(self, known: asyncssh.SSHKnownHosts, terms: SshTerms) -> None:
        self._known = known
        self._terms = terms
        self.offered: tuple[str, int, asyncssh.SSHKey] | None = None
        self.changed = False

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """False, unless the host is new and new ones are taken: then it is recorded first."""
        self.offered = (host, port, key)
        keys, authorities, revoked, *_ = self._known.match(host, addr, port)
        self.changed = bool(keys or authorities or revoked)
        if self.changed or not self._terms.accept_new:
            return False
        line = f"{_place(host, port)} {key.export_public_key('openssh').decode('ascii').strip()}\n"
        append_durably(self._terms.known_hosts[0], line.encode())
        self._known.load(line)
        return True


def default_known_hosts() -> tuple[Path, ...]:
    """The user's file, then the system's."""
    return (Path.home() / ".ssh" / "known_hosts", SYSTEM_KNOWN_HOSTS)


def default_configs() -> tuple[Path, ...]:
    """The user's config, if there is one."""
    own = Path.home() / ".ssh" / "config"
    return (own,) if own.exists() else ()


def _read_known_hosts(files: Sequence[Path]) -> asyncssh.SSHKnownHosts:
    known = asyncssh.SSHKnownHosts()
    for path in files:
        try:
            known.load(path.read_text(encoding="utf-8", errors="replace"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as why:
            raise SshError(HostState.REFUSED_KEY, f"{path}: {getattr(why, 'strerror', None) or why}") from None
    return known


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as why:
        raise SshError(HostState.UNREACHABLE, f"{path}: {why.strerror}") from None


def _read_key(path: Path) -> asyncssh.SSHKey:
    try:
        return asyncssh.read_private_key(path)
    except asyncssh.KeyEncryptionError:
        raise SshError(HostState.UNREACHABLE, f"{path} has a passphrase: give it to ssh-agent with ssh-add") from None
    except (OSError, asyncssh.KeyImportError) as why:
        said = getattr(why, "strerror", None) or why
        if "passphrase" in str(said).lower():
            said = "has a passphrase: give it to ssh-agent with ssh-add"
        raise SshError(HostState.UNREACHABLE, f"{path}: {said}") from None


def _no_session(why: Exception, keeper: _Keeper, terms: SshTerms) -> SshError:
    """Which kind of failure it is, and what to do."""
    if keeper.offered is not None and isinstance(why, asyncssh.HostKeyNotVerifiable):
        return SshError(HostState.REFUSED_KEY, _refused_key(keeper.offered, keeper.changed, terms))
    if isinstance(why, asyncssh.HostKeyNotVerifiable):
        return SshError(HostState.REFUSED_KEY, f"its host key does not count: {_reason(why)}")
    if isinstance(why, asyncssh.KeyExchangeFailed) and "host key" in str(why).lower():
        said = "it has no host key of a kind that is known of it: it may be another machine, or its keys were made anew"
        return SshError(HostState.REFUSED_KEY, said)
    if isinstance(why, asyncssh.PermissionDenied):
        return SshError(HostState.UNREACHABLE, "it does not let this user in: none of the keys counts there")
    return SshError(HostState.UNREACHABLE, _reason(why))


def _refused_key(offered: tuple[str, int, asyncssh.SSHKey], changed: bool, terms: SshTerms) -> str:
    host, port, key = offered
    place, mark, file = _place(host, port), key.get_fingerprint(), terms.known_hosts[0]
    scan = f"ssh-keyscan -p {port} {host} >> {file}"
    if changed:
        return (
            f"its host key CHANGED: it shows {mark}, {file} has another for {place}. Somebody may stand between. If it "
            f"was made anew: ssh-keygen -R '{place}' -f {file} && {scan}"
        )
    return f"its host key is not known: it shows {mark}. Compare that on the device, then: {scan}"


def _place(host: str, port: int) -> str:
    return host if port == DEFAULT_PORT else f"[{host}]:{port}"


def _reason(why: Exception) -> str:
    match why:
        case TimeoutError():
            return "no answer in time"
        case ConnectionRefusedError():
            return "nothing listens there"
        case asyncssh.Error():
            return why.reason
    return str(getattr(why, "strerror", None) or why or type(why).__name__)


async def _bounded(reader: asyncssh.SSHReader[bytes], limit: int) -> bytes:
    found = bytearray()
    while piece := await reader.read(64 * 1024):
        found += piece
        if len(found) > limit:
            raise SshError(HostState.FAILED, f"it said more than {limit} bytes")
    return bytes(found)


async def _length(sftp: asyncssh.SFTPClient, target: str) -> int:
    try:
        return (await sftp.stat(target)).size or 0
    except asyncssh.SFTPNoSuchFile:
        return 0


async def _refuse_without_room(sftp: asyncssh.SFTPClient, needed: int) -> None:
    try:
        room = await sftp.statvfs(".")
    except asyncssh.SFTPError:
        return  # it does not tell
    free = room.bavail * room.frsize
    if free < needed:
        raise SshError(HostState.DISK_FULL, f"{free} bytes are free, the bundle needs {needed}")
