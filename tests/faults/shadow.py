"""A file system's memory of what is durable: every disk that a power cut could leave, by the model of docs/…/power.md.

Bytes are durable once their file was fsynced, names once their directory was. What was not may be there or not.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import NamedTuple, TypeAlias


class Kind(Enum):
    """What a name may lead to."""

    DIRECTORY = "d"
    FILE = "f"
    LINK = "l"


class Entry(NamedTuple):
    """One name of an image; `data` of a link is where it leads."""

    path: str
    kind: Kind
    data: bytes
    mode: int


#: a whole tree, sorted by path
Image: TypeAlias = tuple[Entry, ...]


class Bytes(Enum):
    """What became of bytes that were not fsynced."""

    KEPT = "kept"
    #: as they were at the last fsync; a new file is empty
    LOST = "lost"
    #: half of what was added is there
    HALF = "half there"
    #: the length is there, the bytes are zeros
    ZEROS = "zeros"


@dataclass(eq=False)
class Node:
    """A directory, file or link, whatever its name."""

    kind: Kind
    mode: int
    data: bytes = b""
    #: as of the last fsync
    safe: bytes = b""
    entries: dict[str, Node] = field(default_factory=dict)
    #: names as of the last fsync
    base: dict[str, Node] = field(default_factory=dict)


@dataclass(eq=False)
class Change:
    """One change of names in a directory that was not fsynced since. Without a node the name goes; `source` moves."""

    where: Node
    name: str
    node: Node | None = None
    source: str | None = None

    def apply(self, names: dict[str, Node]) -> None:
        """To the names of that directory; a move whose source is lost is lost with it."""
        if self.source is not None:
            if self.source in names:
                names[self.name] = names.pop(self.source)
        elif self.node is not None:
            names[self.name] = self.node
        else:
            names.pop(self.name, None)


class Shadow:
    """The tree as processes see it, and what of it is not durable yet."""

    def __init__(self, root: Path) -> None:
        """As the directory is now, all of it durable."""
        self._root = root
        self.top = _read(root)
        self.pending: list[Change] = []

    def at(self, path: str) -> Node:
        """The node under an absolute path below the root; KeyError if there is none."""
        node = self.top
        for name in Path(path).relative_to(self._root).parts:
            node = node.entries[name]
        return node

    # what happens

    def put(self, path: str, node: Node) -> None:
        """A name that was not there."""
        self._change(Change(self.at(os.path.dirname(path)), os.path.basename(path), node))

    def drop(self, path: str) -> None:
        """A name goes."""
        self._change(Change(self.at(os.path.dirname(path)), os.path.basename(path)))

    def move(self, source: str, to: str) -> None:
        """Rename within one directory."""
        assert os.path.dirname(source) == os.path.dirname(to), "a rename between directories is not modelled"
        self._change(Change(self.at(os.path.dirname(to)), os.path.basename(to), source=os.path.basename(source)))

    def sync(self, node: Node) -> None:
        """fsync."""
        node.safe = node.data
        if node.kind is Kind.DIRECTORY:
            node.base = dict(node.entries)
            self.pending = [change for change in self.pending if change.where is not node]
            alive = self._directories()
            self.pending = [change for change in self.pending if id(change.where) in alive]

    # what may be left

    def now(self) -> Image:
        """As processes see it."""
        return self._image(frozenset(), Bytes.KEPT)

    def left(self) -> Iterator[tuple[str, Image]]:
        """Every disk of the model, each with what was lost."""
        every = frozenset(range(len(self.pending)))
        dirty = any(node.data != node.safe for node in self._files())
        for how in Bytes if dirty else [Bytes.KEPT]:
            yield f"bytes {how.value}", self._image(frozenset(), how)
        if not every:
            return
        for how in [Bytes.KEPT, Bytes.LOST] if dirty else [Bytes.KEPT]:
            yield f"all names lost, bytes {how.value}", self._image(every, how)
        if len(every) > 1:
            for one in every:
                yield f"name {self.pending[one].name} lost alone", self._image(frozenset((one,)), Bytes.KEPT)
            for first in range(1, len(every)):
                yield f"names from {first} on lost", self._image(frozenset(range(first, len(every))), Bytes.KEPT)

    def _change(self, change: Change) -> None:
        change.apply(change.where.entries)
        self.pending.append(change)

    def _image(self, lost: frozenset[int], how: Bytes) -> Image:
        changed: dict[int, dict[str, Node]] = {}
        for number, change in enumerate(self.pending):
            names = changed.setdefault(id(change.where), dict(change.where.base))
            if number not in lost:
                change.apply(names)
        found: list[Entry] = []

        def walk(node: Node, path: str) -> None:
            for name, below in sorted(changed.get(id(node), node.entries).items()):
                place = f"{path}/{name}" if path else name
                found.append(Entry(place, below.kind, _left_of(below, how), below.mode))
                walk(below, place)

        walk(self.top, "")
        return tuple(found)

    def _nodes(self) -> Iterator[Node]:
        """All that can be reached by a name, durable or not."""
        waiting, seen = [self.top], set()
        while waiting:
            node = waiting.pop()
            if id(node) not in seen:
                seen.add(id(node))
                yield node
                waiting += [*node.entries.values(), *node.base.values()]

    def _files(self) -> Iterator[Node]:
        return (node for node in self._nodes() if node.kind is Kind.FILE)

    def _directories(self) -> set[int]:
        return {id(node) for node in self._nodes() if node.kind is Kind.DIRECTORY}


def read_image(root: Path) -> Image:
    """A real directory as an image."""
    return Shadow(root).now()


def lay(image: Image, root: Path) -> None:
    """An image as a real directory, which must not be there."""
    root.mkdir(mode=0o700)
    for entry in image:
        path = f"{root}/{entry.path}"
        match entry.kind:
            case Kind.DIRECTORY:
                os.mkdir(path, entry.mode)
            case Kind.LINK:
                os.symlink(entry.data, path)
            case Kind.FILE:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, entry.mode)
                os.write(descriptor, entry.data)
                os.close(descriptor)


def _left_of(node: Node, how: Bytes) -> bytes:
    if node.kind is not Kind.FILE or how is Bytes.KEPT or node.data == node.safe:
        return node.data
    match how:
        case Bytes.LOST:
            return node.safe
        case Bytes.ZEROS:
            kept = node.safe if node.data.startswith(node.safe) else b""
            return kept + bytes(len(node.data) - len(kept))
        case _:
            kept = len(node.safe) if node.data.startswith(node.safe) else 0
            return node.data[: kept + (len(node.data) - kept) // 2]


def _read(path: Path) -> Node:
    found = path.lstat()
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISLNK(found.st_mode):
        data = os.fsencode(os.readlink(path))
        return Node(Kind.LINK, mode, data, data)
    if stat.S_ISDIR(found.st_mode):
        names = {one.name: _read(one) for one in path.iterdir() if not one.is_socket()}
        return Node(Kind.DIRECTORY, mode, entries=names, base=dict(names))
    data = path.read_bytes()
    return Node(Kind.FILE, mode, data, data)
