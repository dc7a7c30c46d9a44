"""The metadata that all tables share."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Integer, MetaData

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: rowid alias on SQLite, bigserial on PostgreSQL
Sequence: Final = BigInteger().with_variant(Integer(), "sqlite")
