"""The fleet, its trust documents, tokens, and what was answered."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, BigInteger, Column, Integer, LargeBinary, String, Table, Text

from pyv_fleet.store.schema.naming import metadata

fleet: Final = Table(
    "fleet",
    metadata,
    Column("id", Integer, primary_key=True),  # always 1
    Column("name", String(64), nullable=False),
    Column("root_key", String(64), nullable=False),  # hex of the trust anchor's key
    Column("issued_at", BigInteger, nullable=False),  # of the last order: the next one's is higher (rule 8)
    Column("founded_at", BigInteger, nullable=False),
)

trust_documents: Final = Table(
    "trust_documents",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("document", LargeBinary, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("added_by", Text, nullable=False),
)

tokens: Final = Table(  # enrolment tokens: everything but the token
    "tokens",
    metadata,
    Column("token_id", String(32), primary_key=True),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("channel", String(32), nullable=False),
    Column("labels", JSON, nullable=False),
    Column("uses_left", Integer, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("device_id", String(64), nullable=True),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
)

api_tokens: Final = Table(
    "api_tokens",
    metadata,
    Column("token_id", String(32), primary_key=True),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("scope", String(16), nullable=False),
    Column("expires_at", BigInteger, nullable=True),
    Column("created_at", BigInteger, nullable=False),
)

idempotency: Final = Table(  # answers to POSTs that bore an Idempotency-Key
    "idempotency",
    metadata,
    Column("actor", String(128), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("request_sha256", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("made_at", BigInteger, nullable=False, index=True),
)
