"""Pages cannot lie: reference and README are what the code says, and every command that is shown exists."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shlex
import tomllib
from functools import cache
from pathlib import Path
from types import ModuleType

import click
import pytest

from house.source import ROOT, bullets

DOCS = ROOT / "docs"
PROGRAMS = ("pyv-fleet", "pyv-edge-agent", "pyv-edge-sign")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
WRITTEN = [page for page in PAGES if "reference" not in page.parts]


@cache
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def made() -> dict[str, str]:
    pages: dict[str, str] = generator().pages()
    return pages


@pytest.mark.parametrize("name", sorted(path.name for path in (DOCS / "reference").glob("*.md")))
def test_a_reference_page_is_what_the_code_says(name: str) -> None:
    assert name in made(), f"docs/reference/{name} is not written by docs/generate.py: move it, or add its maker"
    on_disk = (DOCS / "reference" / name).read_text(encoding="utf-8")
    assert on_disk == made()[name], f"docs/reference/{name} is stale: run make reference, and read the difference"


def test_no_reference_page_is_missing() -> None:
    missing = [name for name in made() if not (DOCS / "reference" / name).exists()]
    assert not missing, bullets(missing, "run make reference:")


def test_the_reference_leaves_nothing_out() -> None:
    not_yet = [f"{name}: {line}" for name, text in made().items() for line in _gaps(text)]
    assert not not_yet, bullets(not_yet, "these could not be imported when the reference was made:")


def _gaps(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(generator().NOT_YET)]


def test_readme_s_command_list_is_the_program_s() -> None:
    told = generator().readme()
    assert told == (ROOT / "README.md").read_text(encoding="utf-8"), "README.md is stale: run make reference"


def test_readme_fits_its_promise() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for wanted in (
        "make demo",
        "make test",
        "docs/images/page.png",
        "pyv-fleet rollback",
        "pyv-fleet drift",
        "LICENSE",
    ):
        assert wanted in text or (wanted == "LICENSE" and "Apache-2.0" in text), f"README.md should show {wanted}"
    assert text.count("\n") <= 100, "README.md is one screen and a tour: move the rest to docs/"


# every command that a page shows


def _shown() -> list[tuple[str, str]]:
    found = []
    for page in WRITTEN:
        for block in re.findall(r"^```console\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            for line in block.splitlines():
                if line.startswith("$ ") and line[2:].split()[0] in PROGRAMS:
                    found.append((page.relative_to(ROOT).as_posix(), line[2:].removesuffix(" &")))
    return found


@pytest.mark.parametrize(("page", "line"), _shown())
def test_a_command_that_a_page_shows_exists_with_its_options(page: str, line: str) -> None:
    words = shlex.split(line)
    try:
        command, rest = _command(words[0], words[1:])
    except (ImportError, AttributeError) as why:
        pytest.fail(f"{page}: `{line}`: not importable: {why}")
    assert command is not None, f"{page} shows `{line}`, but there is no such command: mend the page"
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [word for word in rest if word.startswith("--") and word.partition("=")[0] not in known]
    assert not unknown, f"{page} shows `{line}`, but it has no {', '.join(unknown)}: mend the page"
    given = {word.partition("=")[0] for word in rest}
    lacking = [
        one.opts[0]
        for one in command.params
        if one.required and isinstance(one, click.Option) and not given & set(one.opts)
    ]
    assert not lacking, f"{page} shows `{line}`, which lacks the required {', '.join(lacking)}"


def _command(program: str, words: list[str]) -> tuple[click.Command | None, list[str]]:
    command: click.Command | None = generator().program_of(program)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        command = command.get_command(click.Context(command), words[0])
        words = words[1:]
    return command, words


def test_every_command_has_help() -> None:
    silent = re.findall(r"^### (.+)\n\n```text\nUsage: [^\n]*\n\n(?:Options|Commands):", made()["cli.md"], re.MULTILINE)
    assert not silent, bullets(silent, "say in the command's docstring what it does:")


def test_every_make_target_that_a_page_shows_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = [
        f"{page.relative_to(ROOT)}: make {target}"
        for page in WRITTEN
        for line in re.findall(r"(?:^\$ |`)make ([a-z -]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
        for target in line.split()
        if target not in targets
    ]
    assert not shown, bullets(shown, "the Makefile has no such target:")


# nothing undocumented


def test_every_topic_stands_in_the_reference() -> None:
    topics = importlib.import_module("pyvorin_edge.topics")
    for kind in topics.Kind:
        assert kind.split("-")[-1] in made()["topics.md"], f"topic {kind} is not in docs/reference/topics.md"


def test_every_dependency_is_listed_with_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    names = [re.split(r"[\[>=<~!;]", one)[0] for one in wanted]
    page = (DOCS / "dependencies.md").read_text(encoding="utf-8")
    missing = [name for name in names if f"`{name}`" not in page]
    assert not missing, bullets(missing, "say in docs/dependencies.md, in one line each, what these are for:")


def test_every_decision_is_listed() -> None:
    listed = (DOCS / "adr" / "index.md").read_text() + (ROOT / "mkdocs.yml").read_text()
    missing = [page.name for page in sorted((DOCS / "adr").glob("0*.md")) if listed.count(page.name) < 2]
    assert not missing, bullets(missing, "name these in docs/adr/index.md and in mkdocs.yml:")


def test_the_picture_is_one_and_not_too_large() -> None:
    picture = (DOCS / "images" / "page.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 300_000


def test_every_link_to_a_file_leads_somewhere() -> None:
    dead = [
        f"{page.relative_to(ROOT)} → {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not _leads(page, target)
    ]
    assert not dead, bullets(dead, "mend these links:")


def _leads(page: Path, target: str) -> bool:
    return (page.parent / target).exists()
