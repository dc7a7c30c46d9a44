"""Sees every durable step of this process below one directory: each call that changes a file, a name, or syncs one."""

from __future__ import annotations

import builtins
import fcntl
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from faults.shadow import Kind, Node, Shadow

_MODES: Final = {
    "w": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    "a": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
    "x": os.O_WRONLY | os.O_CREAT | os.O_EXCL,
}
#: calls that would change the disk unseen: whoever begins to use one must teach the recorder first
_UNKNOWN: Final = (
    "truncate",
    "pwrite",
    "pwritev",
    "writev",
    "sendfile",
    "copy_file_range",
    "splice",
    "link",
    "renames",
)


class Recorder:
    """Within the block, `before(what)` is called before each step takes effect in the shadow."""

    def __init__(self, root: Path, before: Callable[[str, Shadow], None]) -> None:
        self._root = f"{root}/"
        self._before = before
        self._held: dict[int, Node] = {}
        self._real: dict[str, Any] = {}
        self.shadow = Shadow(root)

    def __enter__(self) -> Recorder:
        names = ["open", "close", "write", "fsync", "fdatasync", "replace", "rename", "unlink", "remove"]
        names += ["mkdir", "rmdir", "symlink", "fchmod", "chmod", "ftruncate"]
        self._real = {name: getattr(os, name) for name in (*names, *_UNKNOWN) if hasattr(os, name)}
        for name in names:
            setattr(os, name, getattr(self, f"_{name}"))
        for name in _UNKNOWN:
            if name in self._real:
                setattr(os, name, self._refused(name))
        self._real["io.open"] = io.open
        io.open = builtins.open = self._io_open
        return self

    def __exit__(self, *_: object) -> None:
        io.open = builtins.open = self._real.pop("io.open")
        for name, real in self._real.items():
            setattr(os, name, real)

    def wrote(self, descriptor: int, data: bytes, at: int) -> None:
        """Bytes went into an open file; a cut half-way through is a step of its own."""
        node = self._held.get(descriptor)
        if node is None or not data:
            return
        before, half = node.data, len(data) // 2
        name = f"write {len(data)} bytes"
        self._before(name, self.shadow)
        if half:
            node.data = _spliced(before, data[:half], at)
            self._before(f"half of {name}", self.shadow)
        node.data = _spliced(before, data, at)

    def closed(self, descriptor: int) -> None:
        """The number may mean another file from now on."""
        self._held.pop(descriptor, None)

    # the calls

    def _open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        real: int
        if not self._is_ours(path) or dir_fd is not None:
            real = self._real["open"](path, flags, mode, dir_fd=dir_fd)
            self._held.pop(real, None)
            return real
        place = os.fspath(path)
        was_there = os.path.lexists(place)
        real = self._real["open"](place, flags, mode)
        if not was_there:
            self._before(f"create {self._short(place)}", self.shadow)
            self.shadow.put(place, Node(Kind.FILE, mode & ~0o022))
        node = self.shadow.at(place)
        if flags & os.O_TRUNC and node.data:
            self._before(f"truncate {self._short(place)}", self.shadow)
            node.data = b""
        self._held[real] = node
        return real

    def _io_open(self, file: Any, mode: str = "r", buffering: int = -1, *rest: Any, **named: Any) -> Any:
        ours = file in self._held if isinstance(file, int) else self._is_ours(file)
        if not ours or not set("wax+") & set(mode):
            return self._real["io.open"](file, mode, buffering, *rest, **named)
        assert set(mode) <= set("waxb"), f"{file}: mode {mode} is not known to the recorder"
        kind = mode.replace("b", "")
        raw = _Raw(self, file if isinstance(file, int) else self._open(file, _MODES[kind], 0o644), kind)
        return raw if buffering == 0 else io.BufferedWriter(raw)

    def _close(self, descriptor: int) -> None:
        self._real["close"](descriptor)
        self.closed(descriptor)

    def _write(self, descriptor: int, data: Any) -> int:
        node = self._held.get(descriptor)
        at = _place_in(descriptor, node) if node is not None else 0
        done: int = self._real["write"](descriptor, data)
        self.wrote(descriptor, bytes(data[:done]), at)
        return done

    def _fsync(self, descriptor: int) -> None:
        self._real["fsync"](descriptor)
        node = self._held.get(descriptor)
        if node is not None:
            self._before(f"fsync {node.kind.name.lower()}", self.shadow)
            self.shadow.sync(node)

    _fdatasync = _fsync

    def _replace(self, source: Any, to: Any, **named: Any) -> None:
        self._real["replace"](source, to, **named)
        if self._is_ours(source) or self._is_ours(to):
            self._before(f"rename {self._short(source)} to {self._short(to)}", self.shadow)
            self.shadow.move(os.fspath(source), os.fspath(to))

    _rename = _replace

    def _unlink(self, path: Any, **named: Any) -> None:
        self._real["unlink"](path, **named)
        if self._is_ours(path):
            self._before(f"unlink {self._short(path)}", self.shadow)
            self.shadow.drop(os.fspath(path))

    _remove = _unlink

    def _rmdir(self, path: Any, **named: Any) -> None:
        self._real["rmdir"](path, **named)
        if self._is_ours(path):
            self._before(f"rmdir {self._short(path)}", self.shadow)
            self.shadow.drop(os.fspath(path))

    def _mkdir(self, path: Any, mode: int = 0o777, **named: Any) -> None:
        self._real["mkdir"](path, mode, **named)
        if self._is_ours(path):
            self._before(f"mkdir {self._short(path)}", self.shadow)
            self.shadow.put(os.fspath(path), Node(Kind.DIRECTORY, mode & ~0o022))

    def _symlink(self, source: Any, path: Any, **named: Any) -> None:
        self._real["symlink"](source, path, **named)
        if self._is_ours(path):
            self._before(f"symlink {self._short(path)}", self.shadow)
            data = os.fsencode(source)
            self.shadow.put(os.fspath(path), Node(Kind.LINK, 0o777, data, data))

    def _fchmod(self, descriptor: int, mode: int) -> None:
        self._real["fchmod"](descriptor, mode)
        if descriptor in self._held:
            self._before("fchmod", self.shadow)
            self._held[descriptor].mode = mode

    def _chmod(self, path: Any, mode: int, **named: Any) -> None:
        self._real["chmod"](path, mode, **named)
        if self._is_ours(path):
            self._before(f"chmod {self._short(path)}", self.shadow)
            self.shadow.at(os.fspath(path)).mode = mode

    def _ftruncate(self, descriptor: int, length: int) -> None:
        self._real["ftruncate"](descriptor, length)
        node = self._held.get(descriptor)
        if node is not None:
            self._before(f"truncate to {length}", self.shadow)
            node.data = node.data[:length].ljust(length, b"\0")

    def _refused(self, name: str) -> Callable[..., Any]:
        def refuse(*args: Any, **named: Any) -> Any:
            raise AssertionError(f"os.{name}{args}: the recorder would not see this step; teach it first")

        return refuse

    def _is_ours(self, path: Any) -> bool:
        return not isinstance(path, int) and f"{os.path.abspath(os.fspath(path))}/".startswith(self._root)

    def _short(self, path: Any) -> str:
        return os.path.relpath(os.fspath(path), self._root)


class _Raw(io.FileIO):
    """A file whose writes are seen, also those of a buffer above it."""

    def __init__(self, recorder: Recorder, descriptor: int, mode: str) -> None:
        self._recorder = recorder
        self._appends = mode == "a"
        super().__init__(descriptor, mode)

    def write(self, data: Any) -> int:
        at = os.fstat(self.fileno()).st_size if self._appends else self.tell()
        done = super().write(data)
        self._recorder.wrote(self.fileno(), bytes(memoryview(data)[:done]), at)
        return done

    def close(self) -> None:
        if not self.closed:
            self._recorder.closed(self.fileno())
        super().close()


def _place_in(descriptor: int, node: Node) -> int:
    """Where the next byte goes."""
    appends = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND
    return len(node.data) if appends else os.lseek(descriptor, 0, os.SEEK_CUR)


def _spliced(before: bytes, data: bytes, at: int) -> bytes:
    return before[:at].ljust(at, b"\0") + data + before[at + len(data) :]
