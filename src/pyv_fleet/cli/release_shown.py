"""How releases are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyv_fleet.cli.output import Column

if TYPE_CHECKING:
    from pyv_fleet.core.provenance import Commit

COLUMNS = (
    Column("version", lambda r: r.version),
    Column("digest", lambda r: r.digest[:16]),
    Column("golden hash", lambda r: r.golden_hash[:16]),
    Column("channels", lambda r: r.channels),
    Column("published", lambda r: r.published_at),
    Column("by", lambda r: r.published_by),
    Column("commit", lambda r: commit_words(r.provenance.commit, short=True) if r.provenance else ""),
    Column("yanked", lambda r: r.yanked.reason if r.yanked else ""),
)
FIELDS = (
    Column("version", lambda r: r.version),
    Column("digest", lambda r: r.digest),
    Column("config", lambda r: r.config_sha256),
    Column("format", lambda r: r.format),
    Column("bundle", lambda r: f"{r.bundle.name} {r.bundle.version}" if r.bundle else ""),
    Column("golden hash", lambda r: r.golden_hash),
    Column("security", lambda r: r.security),
    Column("floor", lambda r: r.floor),
    Column("channels", lambda r: r.channels),
    Column("published", lambda r: r.published_at),
    Column("by", lambda r: r.published_by),
    Column("signed by", lambda r: r.signed_by),
    Column("built by", lambda r: r.provenance.built_by if r.provenance else ""),
    Column("built", lambda r: r.provenance.built_at if r.provenance else None),
    Column("commit", lambda r: commit_words(r.provenance.commit) if r.provenance else ""),
    Column("tool", lambda r: r.provenance.tool if r.provenance else ""),
    Column("files", lambda r: len(r.provenance.files) if r.provenance else None),
    Column("yanked", lambda r: f"{r.yanked.by}: {r.yanked.reason}" if r.yanked else ""),
)
DIFFERENCES = (
    Column("of", lambda d: d.of),
    Column("key", lambda d: d.pointer),
    Column("before", lambda d: d.before),
    Column("after", lambda d: d.after),
)
LEAVES = (
    Column("of", lambda leaf: leaf.of),
    Column("key", lambda leaf: leaf.pointer),
    Column("value", lambda leaf: leaf.value),
    Column("from", lambda leaf: leaf.layer),
    Column("over", lambda leaf: leaf.over),
    Column("values", lambda leaf: leaf.values),
)
FOLDER = (
    Column("version", lambda f: f.release.version),
    Column("digest", lambda f: f.digest),
    Column("fleet", lambda f: f.release.fleet),
    Column("channel", lambda f: f.provenance.channel),
    Column("config", lambda f: f.release.config.sha256),
    Column("bundle", lambda f: f"{f.release.bundle.name} {f.release.bundle.version}" if f.release.bundle else ""),
    Column("golden hash", lambda f: f.release.golden_hash),
    Column("groups", lambda f: f.groups),
    Column("devices", lambda f: f.devices),
    Column("built by", lambda f: f.provenance.built_by),
    Column("built", lambda f: f.provenance.built_at),
    Column("commit", lambda f: commit_words(f.provenance.commit)),
    Column("files", lambda f: len(f.provenance.files)),
    Column("signed by", lambda f: f.signed_by),
)


def commit_words(commit: Commit | None, *, short: bool = False) -> str:
    """`5f1c…, with changes that are not in it`; empty without one."""
    if commit is None:
        return ""
    if short:
        return commit.id[:12] + ("+" if commit.dirty else "")
    return f"{commit.id}, with changes that are not in it" if commit.dirty else commit.id
