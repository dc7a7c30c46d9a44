"""Problems read as sentences that name their field."""

from pyvorin_edge.config.problem import ConfigError, Problem, refuse


def test_a_problem_names_its_field_and_line() -> None:
    assert str(Problem("/health/port", "must be a number", 7)) == "line 7, /health/port: must be a number"


def test_a_problem_of_the_whole_document_says_so() -> None:
    assert str(Problem("", "not TOML")) == "the document: not TOML"


def test_an_error_carries_all_problems_at_once() -> None:
    error = ConfigError([Problem("/a", "one"), Problem("/b", "two")])
    assert [problem.pointer for problem in error.problems] == ["/a", "/b"]
    assert str(error) == "/a: one; /b: two"


def test_refuse_makes_an_error_of_one_problem() -> None:
    assert refuse("/a", "why").problems == (Problem("/a", "why"),)
