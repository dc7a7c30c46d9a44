"""The join document is read strictly, and without what only enrolment needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pyv_edge_agent.link.interface import LinkError
from pyv_edge_agent.link.join import parse_join


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"v":2}', b"\xff"])
def test_a_join_document_of_another_form_is_refused(body: bytes) -> None:
    with pytest.raises(LinkError, match="not readable"):
        parse_join(body)


@pytest.mark.parametrize("heavy", ["cryptography.x509", "tuf", "asyncio", "rich", "requests"])
def test_what_the_running_agent_imports_does_not_load_what_it_rarely_needs(heavy: str) -> None:
    program = f"import sys, pyv_edge_agent.main, pyv_edge_agent.link.mqtt; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-P", "-c", program], check=False, timeout=60).returncode == 0
