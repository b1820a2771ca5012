"""The lines of docs/library.md, run as they stand."""

from __future__ import annotations

import doctest
from pathlib import Path

from tests.conftest import PROJECT


def test_the_page_for_notebooks_holds(honest: Path, small_dataset: Path, tmp_path: Path) -> None:
    given = {"network": honest, "folder": small_dataset, "out": tmp_path}
    text = (PROJECT / "docs" / "library.md").read_text(encoding="utf-8").replace("```python", "").replace("```", "")
    examples = doctest.DocTestParser().get_doctest(text, given, "docs/library.md", "docs/library.md", 0)
    said: list[str] = []
    failed, tried = doctest.DocTestRunner().run(examples, out=said.append)
    assert tried > 35 and not failed, "".join(said)


def test_the_citation_names_this_version() -> None:
    import yaml

    from core.version import __version__

    assert yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == __version__
