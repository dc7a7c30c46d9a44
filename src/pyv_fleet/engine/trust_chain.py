"""The trust that is in force at the controller: the anchor and the chain of documents in the store (PROTOCOL 4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pyv_fleet.engine.errors import Conflict, Invalid, NotFound
from pyv_fleet.engine.ground import Ground
from pyv_fleet.store import audit
from pyv_fleet.store import fleet as fleets
from pyv_fleet.store import trust as documents
from pyvorin_edge.trust import Trust, TrustError, advance, advance_all, from_key, version_of

Observer = Callable[[Trust], Awaitable[None]]


class TrustChain:
    """Verifies, stores and tells."""

    def __init__(self, ground: Ground, trust: Trust) -> None:
        self._ground = ground
        self.current = trust
        #: called after a new document is in force
        self.observers: list[Observer] = []

    @classmethod
    async def load(cls, ground: Ground) -> TrustChain:
        """From the store; the fleet must be founded."""
        async with ground.database.read() as connection:
            fleet = await fleets.get(connection)
            stored = await documents.documents(connection)
        if fleet is None:
            raise NotFound("no fleet", "this store holds no fleet yet: found one first")
        if fleet.name != ground.fleet:
            said = (
                f"this store holds fleet {fleet.name!r}, the settings say {ground.fleet!r}: devices would obey nothing"
            )
            raise Conflict("another fleet", said)
        return cls(ground, advance_all(from_key(bytes.fromhex(fleet.root_key)), stored))

    async def document(self, version: int) -> bytes:
        """One document; NotFound."""
        async with self._ground.database.read() as connection:
            found = await documents.document(connection, version)
        if found is None:
            raise NotFound("no such trust document", f"version {version}; the newest is {self.current.version}")
        return found

    async def documents(self) -> tuple[bytes, ...]:
        """All documents in order."""
        async with self._ground.database.read() as connection:
            return await documents.documents(connection)

    async def put(self, version: int, document: bytes, actor: str) -> Trust:
        """Take the next document of the chain. The same again changes nothing; Invalid if it does not follow."""
        following = self._verified(version, document)
        if following is self.current:
            return self.current
        now = self._ground.clock()
        async with self._ground.database.begin() as connection:
            await documents.put(connection, following, now, actor)
            await audit.append(
                connection,
                now_ms=now,
                actor=actor,
                act="trust.put",
                subject=str(version),
                reason="a new trust document",
            )
        self.current = following
        for observer in self.observers:
            await observer(following)
        self._ground.changes.ring("trust")
        return following

    def _verified(self, version: int, document: bytes) -> Trust:
        try:
            if version_of(document) != version:
                raise Invalid("not this version", f"the document says version {version_of(document)}, not {version}")
            if version <= self.current.version:
                if version == self.current.version and document == self.current.document:
                    return self.current
                raise Conflict("an older trust document", f"version {self.current.version} is in force")
            following = advance(self.current, document)
        except TrustError as why:
            raise Invalid("trust document refused", str(why)) from None
        if following.fleet != self._ground.fleet:
            raise Invalid("another fleet", f"the document is for {following.fleet!r}, this is {self._ground.fleet!r}")
        return following
