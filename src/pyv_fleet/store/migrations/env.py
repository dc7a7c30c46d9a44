"""Alembic's entry: migrates on the connection that `Database.migrate` hands over, in its transaction."""

from alembic import context

from pyv_fleet.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
