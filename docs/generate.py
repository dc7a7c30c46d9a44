"""Writes docs/reference/ from the code, so that it cannot say anything else: `make reference`.

`tests/house/test_docs.py` fails when a page is not what this would write.
"""

from __future__ import annotations

import ast
import enum
import importlib
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Final

import click
import msgspec

HERE: Final = Path(__file__).parent
REFERENCE: Final = HERE / "reference"
README: Final = HERE.parent / "README.md"
#: The programs, and the modules that hold their root commands.
PROGRAMS: Final = {
    "pyv-fleet": "pyv_fleet.main",
    "pyv-edge-agent": "pyv_edge_agent.cli",
    "pyv-edge-sign": "pyvorin_edge.packaging.command",
}
#: How a page says that its code is not importable; no page may hold it when the issue is done.
NOT_YET: Final = "Not built yet"
_SIGNED: Final = "What is signed. Each travels in a DSSE envelope, signed by the role that its rule names."
_SAID: Final = "What a device says of itself. Times are Unix milliseconds."
_SETTINGS: Final = "`fleet.toml` in the controller's home; `pyv-fleet fleet init` writes it. No secret stands in it."
_MADE: Final = "<!-- Written by docs/generate.py (make reference): change the code, not this page. -->"


def pages() -> dict[str, str]:
    """Every page's text by its file name."""
    makers: Mapping[str, tuple[str, Callable[[], Iterator[str]]]] = {
        "cli.md": ("Commands", _cli),
        "api.md": ("HTTP API", _api),
        "config.md": ("The agent's config", _config),
        "topics.md": ("MQTT topics", _topics),
        "orders.md": ("Orders", _structs_of("pyvorin_edge.orders", _SIGNED)),
        "reports.md": ("Reports", _structs_of("pyvorin_edge.report", _SAID)),
        "bundles.md": ("Bundles", _bundles),
        "settings.md": ("The controller's settings", _structs_of("pyv_fleet.settings", _SETTINGS)),
        "documents.md": ("Documents", _documents),
        "words.md": ("Words", _words),
        "metrics.md": ("Metrics", _metrics),
        "limits.md": ("Limits", _limits),
        "exits.md": ("Exit codes of the agent", _exits),
    }
    return {name: _page(title, lines) for name, (title, lines) in makers.items()}


def _page(title: str, lines: Callable[[], Iterator[str]]) -> str:
    try:
        body = list(lines())
    except (ImportError, AttributeError) as why:
        body = [f"{NOT_YET}: {why}."]
    return "\n".join([_MADE, "", f"# {title}", "", *body]).rstrip() + "\n"


def _table(heads: tuple[str, ...], rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in row)} |"
    yield ""


def _code(value: object) -> str:
    return f"`{value}`" if value not in ("", None) else ""


def _doc(thing: object) -> str:
    return inspect.cleandoc(getattr(thing, "__doc__", "") or "").strip()


def _first_line(thing: object) -> str:
    return _doc(thing).split("\n", 1)[0]


# commands


def _cli() -> Iterator[str]:
    yield "Every command and option, as `--help` prints it."
    yield ""
    for program in PROGRAMS:
        yield f"## {program}"
        yield ""
        try:
            root = program_of(program)
        except (ImportError, AttributeError) as why:
            yield f"{NOT_YET}: {why}."
            yield ""
            continue
        yield from _command(_context(root, program), program)


def program_of(name: str) -> click.Command:
    """A program's root command."""
    module = importlib.import_module(PROGRAMS[name])
    found = (getattr(module, attribute, None) for attribute in ("cli", "main", "group"))
    root = next((one for one in found if isinstance(one, click.Command)), None)
    if root is None:
        raise AttributeError(f"{PROGRAMS[name]} has no click command named cli or main")
    return root


def _context(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    """As click makes it when the program runs, but of one width everywhere."""
    settings = {**command.context_settings, "terminal_width": 96, "max_content_width": 96}
    return click.Context(command, parent=parent, info_name=name, **settings)


def _command(context: click.Context, path: str) -> Iterator[str]:
    if " " in path:
        yield f"### {path}"
        yield ""
    yield "```text"
    yield context.get_help()
    yield "```"
    yield ""
    if not isinstance(context.command, click.Group):
        return
    for name in context.command.list_commands(context):
        try:
            inner = context.command.get_command(context, name)
        except (ImportError, AttributeError) as why:
            yield f"### {path} {name}\n\n{NOT_YET}: {why}.\n"
            continue
        if inner is not None and not inner.hidden:
            yield from _command(
                _context(inner, name, context),
                f"{path} {name}",
            )


# HTTP


def _api() -> Iterator[str]:
    app = importlib.import_module("pyv_fleet.api.app").build_app(None)
    schema = app.openapi_schema.to_schema()
    yield "The routes of the controller. A running one describes itself in full, with every field, at `/schema`"
    yield "(OpenAPI 3.1). Errors are RFC 9457 problems; times are RFC 3339; lists are paged by key (`after`, `limit`)."
    yield ""
    yield from _table(("", "route", "what it does"), list(_routes(schema["paths"])))


def _routes(paths: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for path, item in sorted(paths.items()):
        for verb in ("get", "post", "put", "patch", "delete"):
            if verb in item and not path.startswith("/schema"):
                told = item[verb].get("description") or item[verb].get("summary") or ""
                asked = [one["name"] for one in item[verb].get("parameters", []) if one["in"] == "query"]
                route = path + (f"?{'&'.join(asked)}" if asked else "")
                yield verb.upper(), _code(route), " ".join(told.split())


# config


def _config() -> Iterator[str]:
    document = importlib.import_module("pyvorin_edge.config.document")
    secrets = importlib.import_module("pyv_edge_agent.values")
    yield "TOML or JSON, at most 64 KiB. What is left out means its default; an unknown key is an error."
    yield "`pyv-edge-agent config check` names every problem with its line; `config schema` prints all"
    yield "this as JSON Schema."
    yield ""
    yield from _table(("key", "kind", "default", "allowed", "meaning"), list(_shape(document.SCHEMA, "")))
    yield ""
    yield "## References"
    yield ""
    yield "In string values, never in keys. They are put in on the device, after parsing, at every start, update and"
    yield "SIGHUP; what they stand for is in no hash, log, report or error. What comes in is not read again."
    yield ""
    yield from _table(
        ("written", "stands for"),
        (
            (_code("${NAME}"), "a variable of the `env` file, else of the process; it must be set"),
            (_code("${file:/path}"), "what the file holds, without one last newline; it must be there"),
            (_code("${credential:NAME}"), "a credential that systemd gave to the service (`LoadCredential=`)"),
            (
                _code("${…:-default}"),
                "the same, or the default where it is not there or empty; no `}` and no `${` in it",
            ),
            (_code("$${"), "the letters `${`"),
        ),
    )
    yield ""
    yield f"A file or credential is a regular file of at most {secrets.SECRET_BYTES_MAX} bytes of UTF-8, named by an"
    yield "absolute path. A file that others on the machine may read or write (`chmod o=` it) is refused, as are the"
    yield "agent's own: of its state directory only `secrets/` may be referred to. A file that is there and cannot be"
    yield "used is an error, whatever the default. A number or a flag cannot be referred to: references make strings."


def _shape(shape: Any, path: str) -> Iterator[tuple[str, ...]]:
    kind = type(shape).__name__
    if kind == "Table":
        for key, inner in shape.keys.items():
            yield from _shape(inner, f"{path}.{key}" if path else key)
    elif kind == "ListOf" and type(shape.item).__name__ == "Table":
        unique = f", `{shape.unique}` unique" if shape.unique else ""
        yield _code(path), "list of tables", _default(shape), f"at most {shape.most}{unique}", shape.means
        yield from _shape(shape.item, f"{path}[]")
    else:
        yield _code(path), _kind(shape), _default(shape), _allowed(shape), shape.means


def _kind(shape: Any) -> str:
    names = {"Flag": "true or false", "Text": "string", "ListOf": "list", "FreeTable": "table of anything"}
    name = type(shape).__name__
    return names.get(name, "whole number" if getattr(shape, "whole", False) else "number")


def _default(shape: Any) -> str:
    if shape.default is msgspec.NODEFAULT:
        return "**required**"
    if shape.default is msgspec.UNSET:
        return "none"
    return _code(json.dumps(shape.default))


def _allowed(shape: Any) -> str:
    if getattr(shape, "words", ()):
        return ", ".join(_code(word) for word in shape.words)
    parts = [
        f"at least {shape.least:g}" if getattr(shape, "least", -float("inf")) > -float("inf") else "",
        f"above {shape.above:g}" if getattr(shape, "above", -float("inf")) > -float("inf") else "",
        f"at most {shape.most:.10g}" if getattr(shape, "most", float("inf")) < float("inf") else "",
        f"at most {shape.longest} characters" if hasattr(shape, "longest") else "",
    ]
    return ", ".join(part for part in parts if part)


# protocol


def _topics() -> Iterator[str]:
    topics = importlib.import_module("pyvorin_edge.topics")
    names = {"name": "<channel>", "digest": "<digest>", "sha256": "<sha256>", "version": "<version>"}
    names |= {"device_id": "<id>", "shard": "<ss>"}
    yield '`<ss>` is the device\'s shard: the first byte of SHA-256("shard" ‖ device id) mod 64, two digits.'
    yield ""
    rows = []
    for name, build in inspect.getmembers(topics, inspect.isfunction):
        if name == "parse" or build.__module__ != topics.__name__:
            continue
        parameter = next(iter(inspect.signature(build).parameters))
        rows.append((_code(re.sub(r"/shard/\d\d/", "/shard/<ss>/", build(names[parameter]))), _first_line(build)))
    rows.append(
        (_code(topics.ARTICLE_CONFIG), "The article's config broadcast, only for the channel set as article_channel.")
    )
    rows.append((_code(topics.ARTICLE_ROLLBACK), "The article's rollback command, only for that channel."))
    yield from _table(("topic", "what"), rows)


def _structs_of(place: str, opening: str) -> Callable[[], Iterator[str]]:
    return lambda: chain((opening, ""), _structs(importlib.import_module(place)))


def _structs(module: ModuleType) -> Iterator[str]:
    source = inspect.getsource(module)
    yield "Types that fields share:"
    yield ""
    yield from _table(("type", "is", "meaning"), _aliases(source))
    for node in ast.parse(source).body:
        kind = getattr(module, node.name, None) if isinstance(node, ast.ClassDef) else None
        if isinstance(node, ast.ClassDef) and inspect.isclass(kind) and _has_fields(kind):
            yield f"## {node.name}"
            yield ""
            yield _doc(kind)
            yield ""
            yield from _table(("field", "type", "default", "meaning"), list(_fields(node, source.splitlines())))


def _has_fields(kind: type) -> bool:
    return issubclass(kind, msgspec.Struct) and bool(kind.__struct_fields__)


def _fields(node: ast.ClassDef, lines: list[str]) -> Iterator[tuple[str, ...]]:
    for field in node.body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            default = ast.unparse(field.value) if field.value else "**required**"
            yield (
                _code(field.target.id.rstrip("_")),
                _type(field.annotation),
                default if default.startswith("**") else _code(default),
                _meaning(lines, field.lineno),
            )


class _Bare(ast.NodeTransformer):
    """`Annotated[X, Meta(…)]` as X; what Meta says is gathered in `bounds`."""

    def __init__(self) -> None:
        self.bounds: list[str] = []

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id == "Annotated" and isinstance(node.slice, ast.Tuple):
            inner, *metas = node.slice.elts
            self.bounds.extend(_bound(one) for meta in metas if isinstance(meta, ast.Call) for one in meta.keywords)
            return self.visit(inner)  # type: ignore[no-any-return]
        return self.generic_visit(node)


def _type(annotation: ast.expr) -> str:
    bare = _Bare()
    text = ast.unparse(bare.visit(annotation))
    return ", ".join([_code(text), *bare.bounds])


def _bound(said: ast.keyword) -> str:
    if said.arg == "pattern":
        return _code(ast.literal_eval(said.value).replace("(?!\\n)", ""))
    words = {"ge": "at least {}", "le": "at most {}", "min_length": "at least {} long", "max_length": "at most {} long"}
    return words[str(said.arg)].format(ast.unparse(said.value))


def _aliases(source: str) -> list[tuple[str, ...]]:
    """Types that are named once and used in many fields: `Seconds = Annotated[int, …]`."""
    found = []
    lines = source.splitlines()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("Annotated["):
            found.append((_code(ast.unparse(node.targets[0])), _type(node.value), _meaning(lines, node.lineno)))
    return found


def _meaning(lines: list[str], number: int) -> str:
    """The `#:` comment above a field."""
    found: list[str] = []
    for line in reversed(lines[: number - 1]):
        if not line.strip().startswith("#:"):
            break
        found.insert(0, line.strip().removeprefix("#:").strip())
    return " ".join(found)


_DOCUMENTS: Final = """\
What `pyv-fleet apply -f`, `diff -f` and `delete -f` read, and `get -o yaml` writes, in YAML or JSON: `apiVersion`
`{version}`, `kind`, `metadata` with a `name`, and a `spec` with the keys below. A key that is not named has its
default; one that is unknown is refused. Times are RFC 3339, in quotes."""


def _documents() -> Iterator[str]:
    documents = importlib.import_module("pyv_fleet.core.declared.documents")
    yield from (_DOCUMENTS.format(version=documents.API_VERSION), "")
    told: set[type] = set()
    for kind, spec in documents.SPECS.items():
        yield from (f"## {kind.value}", "", _doc(spec), "")
        yield from _keys(spec)
        told |= set(_within(spec))
    for inner in sorted(told, key=lambda one: one.__name__):
        yield from (f"### {inner.__name__}", "", _doc(inner), "")
        yield from _keys(inner)


def _keys(kind: type) -> Iterator[str]:
    """A struct's fields with those that it inherits, which come first."""
    rows: list[tuple[str, ...]] = []
    for one in reversed(kind.__mro__):
        if issubclass(one, msgspec.Struct) and one is not msgspec.Struct:
            source = inspect.getsource(one)
            rows += _fields(ast.parse(source).body[0], source.splitlines())  # type: ignore[arg-type]
    yield from _table(("key", "type", "default", "meaning"), rows)


def _within(kind: type) -> Iterator[type]:
    """Structs that a struct's fields hold, at any depth."""
    waiting: list[Any] = [field.type for field in msgspec.inspect.type_info(kind).fields]  # type: ignore[attr-defined]
    while waiting:
        one = waiting.pop()
        if isinstance(one, msgspec.inspect.StructType):
            yield one.cls
            waiting += [field.type for field in one.fields]
        waiting += [*getattr(one, "types", ()), *filter(None, [getattr(one, "item_type", None)])]
        waiting += filter(None, [getattr(one, name, None) for name in ("value_type", "type")])


def _words() -> Iterator[str]:
    yield "Every closed set of words, on the wire, in the API and in the store, each with what it means to a person."
    yield ""
    for name in ("pyvorin_edge.vocabulary", "pyv_fleet.core.words", "pyv_fleet.core.alert_words"):
        module = importlib.import_module(name)
        for node in ast.parse(inspect.getsource(module)).body:
            kind = getattr(module, node.name, None) if isinstance(node, ast.ClassDef) else None
            if inspect.isclass(kind) and issubclass(kind, enum.Enum) and list(kind):
                yield f"## {kind.__name__}"
                yield ""
                yield _doc(kind)
                yield ""
                words: list[Any] = list(kind)
                yield from _table(("word", "meaning"), [(_code(one.value), one.sentence) for one in words])


_BUNDLES: Final = """A bundle is a directory of plain files with a signed `manifest.json` at its root. As one file it is
its archive. `pyv-edge-sign` makes both; `pyvorin_edge.packaging` reads and writes them. Why it is so: ADR 0014.

## The manifest

`{"manifest": {…}, "signature": "<base64>"}`: an Ed25519 signature over the canonical form (`sorted-json-1`: keys
sorted, no spaces, ASCII) of the inner object. At most 1 MiB, JSON depth 16, no key twice. A reader ignores inner fields
that it does not know; they are signed all the same."""
_ARCHIVE: Final = """## Paths

Relative, `/` between names, no empty name, `.`, `..`, backslash, control or invisible character; Unicode in form NFC;
at most 16 names deep, 100 bytes for the last part and 155 before it. No two may differ in case or Unicode form alone,
none may be a directory of another. There are no other directories than those above a file, and no links, hard links,
devices or pipes.

## The archive

A ustar tar, in one gzip frame (plain is taken too): first `manifest.json`, then every file in the order of its path
(by code point), each a plain file of owner 0, group 0, time 0, mode 0755 if the manifest lists it as executable, else
0644; no directories; two empty blocks, and nothing after them. A header that differs in a byte from the one that
`pyv-edge-sign` would write for the same path, size and mode is refused. Tools of the shell read it: `tar -tzvf`."""


def _bundles() -> Iterator[str]:
    errors = importlib.import_module("pyvorin_edge.packaging.errors")
    yield from (_BUNDLES, "")
    yield from _structs(importlib.import_module("pyvorin_edge.packaging.manifest"))
    yield from (_ARCHIVE, "")
    yield from ("## Limits", "", "The defaults; each holds before the bytes in question are read.", "")
    yield from _structs(importlib.import_module("pyvorin_edge.packaging.limits"))
    yield from ("## Errors", "", "`BundleError.fault`, what it means, and what to do.", "")
    yield from _table(
        ("fault", "meaning", "remedy"),
        [(_code(one.value), one.sentence, what) for one, what in errors.REMEDIES.items()],
    )


def _limits() -> Iterator[str]:
    wire = importlib.import_module("pyvorin_edge.wire")
    yield "What is refused before it is parsed, or while it is."
    yield ""
    rows = [(_code(name), _code(value)) for name, value in vars(wire).items() if name.endswith("_MAX")]
    yield from _table(("limit", "value"), rows)


def _exits() -> Iterator[str]:
    yield "What `pyv-edge-agent` leaves to whatever started it. Any other than 0 of `run` means: start it again."
    yield ""
    codes = importlib.import_module("pyv_edge_agent.exits").Exit
    yield from _table(("code", "meaning"), [(_code(int(one)), one.sentence) for one in codes])
    yield "And by a signal (a shell shows 128 more):"
    yield ""
    yield from _table(
        ("signal", "meaning"),
        [
            ("`SIGALRM` (14)", "it did not come up within 90 s after the launcher, or an end hung in the kernel"),
            ("`SIGABRT` (6)", "systemd's watchdog: a part was stuck, or the whole process"),
            ("`SIGKILL` (9)", "somebody, or the kernel when memory ran out; what was queued a second ago is on disk"),
        ],
    )


# metrics


def _metrics() -> Iterator[str]:
    yield "## The controller's `/metrics`"
    yield ""
    try:
        yield from _table(("metric", "kind", "meaning"), list(_told(_controller_metrics())))
    except (ImportError, AttributeError) as why:
        yield f"{NOT_YET}: {why}."
    yield "## A device's `/metrics`"
    yield ""
    yield from _table(("metric", "kind", "meaning"), list(_told(_device_metrics())))


def _controller_metrics() -> str:
    import asyncio

    metrics = importlib.import_module("pyv_fleet.api.metrics")
    figures = SimpleNamespace(
        total_devices=0, healthy_count=0, unhealthy_count=0, unreachable_count=0, avg_cpu=0.0, avg_disk=0.0
    )
    figures.max_queue_depth = 0
    figures.devices = ()
    empty = SimpleNamespace(items=(), total=0)

    async def of(answer: Any, *_: Any) -> Any:
        return answer

    desk = SimpleNamespace(snapshot=lambda *_: of(figures), devices=lambda *_: of(empty), rollouts=lambda *_: of(empty))
    desk.drifts = SimpleNamespace(reports=SimpleNamespace(recent=lambda: of(SimpleNamespace(counts=()))))
    context = SimpleNamespace(desk=desk, backlog=lambda: 0, polls=dict, not_raised=dict)
    told: bytes = asyncio.run(metrics._gather(context))
    return told.decode()


def _device_metrics() -> str:
    metrics = importlib.import_module("pyv_edge_agent.health.metrics")
    document: dict[str, Any] = {"status": "healthy", "fleet": {"device_id": "x", "channel": "x"}}
    for section, field, _ in metrics._GAUGES.values():
        document.setdefault(section, {})[field] = 1
    told: str = metrics.metrics_text(document)
    return told


def _told(text: str) -> Iterator[tuple[str, ...]]:
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    for name, meaning in re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE):
        yield _code(name), kinds.get(name, ""), meaning


def readme() -> str:
    """README with its list of commands as the program prints it."""
    text = README.read_text(encoding="utf-8")
    program = importlib.import_module("pyv_fleet.main").cli
    told = _context(program, "pyv-fleet").get_help()
    listed = told[told.index("Commands:") :]
    return re.sub(
        r"(<!-- help:[^\n]*-->\n).*?(<!-- /help -->)",
        lambda found: f"{found[1]}```text\n{listed}\n```\n{found[2]}",
        text,
        flags=re.DOTALL,
    )


if __name__ == "__main__":
    README.write_text(readme(), encoding="utf-8")
    REFERENCE.mkdir(exist_ok=True)
    made = pages()
    for name, text in made.items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
    for name in [name for name, text in made.items() if NOT_YET in text]:
        sys.stderr.write(f"docs/reference/{name}: some of it is not importable yet\n")
