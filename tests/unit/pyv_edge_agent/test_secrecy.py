"""What was learned as secret is blotted out wherever it turns up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pyv_edge_agent.secrecy import KEPT, LETTERS_MIN, Secrecy

SECRETS = st.text(min_size=LETTERS_MIN, alphabet=st.characters(codec="utf-8"))


def knowing(*values: str) -> Secrecy:
    secrecy = Secrecy()
    secrecy.learn(values)
    return secrecy


@given(SECRETS, st.text(), st.text())
def test_a_secret_is_in_no_text(secret: str, before: str, after: str) -> None:
    assert secret not in knowing(secret).scrub(before + secret + after).replace("[redacted]", "")


def test_it_is_known_in_a_url_and_in_a_repr_too() -> None:
    said = knowing("p/w d'\n!!").scrub(f"https://h/?k=p%2Fw%20d%27%0A%21%21 {'p/w d' + chr(39) + chr(10) + '!!'!r}")
    assert "p" not in said.replace("https://h/?k", "").replace("[redacted]", "")


def test_a_secret_within_another_does_not_show_the_rest() -> None:
    assert knowing("hunter", "hunter2222").scrub("is hunter2222") == "is [redacted]"


def test_documents_keep_their_keys_and_numbers() -> None:
    found = knowing("hunter2").scrub_document({"hunter2": ["x hunter2", 5, ("hunter2",)], "a": None})
    assert found == {"hunter2": ["x [redacted]", 5, ["[redacted]"]], "a": None}


def test_a_word_too_short_to_be_told_from_others_is_left() -> None:
    assert knowing("1234").scrub("1234") == "1234"
    assert Secrecy().scrub("anything") == "anything"


def test_only_the_latest_are_kept() -> None:
    secrecy = knowing(*(f"secret-{number:03}" for number in range(KEPT + 1)))
    assert secrecy.scrub("secret-000 secret-001") == "secret-000 [redacted]"
