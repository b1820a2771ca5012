"""The files for serving a team hold what their README says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from ui.frame.access import read_file

DEPLOY = PROJECT / "deploy"
README = (DEPLOY / "README.md").read_text(encoding="utf-8")


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions and their arguments, continued lines joined, comments left out."""
    text = "\n".join(line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if not line.startswith("#"))
    return [
        (word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in text.replace("\\\n", " ").splitlines()) if word
    ]


def test_the_container_is_nobody_and_built_from_what_is_pinned() -> None:
    found = instructions()
    for word, rest in found:
        if word == "FROM":
            assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm( AS build)?", rest), rest
        if word == "RUN":
            assert not re.search(r"curl|wget|chmod 777|sudo|pip install (?!.*-r requirements\.lock)", rest), rest
    words = [word for word, _ in found]
    assert "ADD" not in words, "COPY takes files of this repository, ADD whatever an address holds"
    last = len(words) - 1 - words[::-1].index("USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", found[last][1]) and not {"RUN", "COPY"} & set(words[last:])
    assert {"HEALTHCHECK", "ENTRYPOINT", "EXPOSE"} <= set(words)


def test_no_secret_and_no_data_go_into_the_image() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert {".git", ".venv", "workspace", ".streamlit/secrets.toml"} <= set(ignored)
    for word, rest in instructions():
        assert word not in ("ENV", "ARG") or not re.search(r"secret|token|password|OPEN_TO_EVERYONE", rest, re.IGNORECASE), rest


def test_what_the_image_is_built_from_is_here() -> None:
    for word, rest in instructions():
        if word == "COPY" and "--from" not in rest:
            assert all((PROJECT / source).exists() for source in rest.split()[:-1]), rest


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with the commands and folders of this machine in it, so that what it calls is there."""
    text = (DEPLOY / "lesionlens.service").read_text()
    file = tmp_path / "lesionlens.service"
    file.write_text(
        text.replace("/opt/lesionlens/.venv/bin/python", sys.executable).replace(
            "WorkingDirectory=/opt/lesionlens", f"WorkingDirectory={PROJECT}"
        )
    )
    return file


def test_the_unit_is_understood_and_exposes_little(unit: Path) -> None:
    analyse = shutil.which("systemd-analyze")
    if analyse is None:
        pytest.skip("needs systemd-analyze")
    verified = subprocess.run([analyse, "verify", "--man=no", unit], capture_output=True, text=True)
    ours = [line for line in verified.stderr.splitlines() if "lesionlens" in line]
    assert not ours, ours
    judged = subprocess.run([analyse, "security", "--offline=true", "--no-pager", "--threshold=20", unit], capture_output=True, text=True)
    assert judged.returncode == 0, judged.stdout[-300:] + judged.stderr


def test_the_unit_starts_again_only_where_that_helps() -> None:
    lines = (DEPLOY / "lesionlens.service").read_text().splitlines()
    assert {"Restart=on-failure", "RestartPreventExitStatus=2", "User=lesionlens", "ProtectSystem=strict", "NoNewPrivileges=true"} <= set(
        lines
    )
    start = next(line for line in lines if line.startswith("ExecStart="))
    assert "--server.address=127.0.0.1" in start and "open-to-everyone" not in start


@pytest.mark.parametrize("name", ["nginx.conf", "Caddyfile"])
def test_the_proxies_lead_to_this_machine_and_close_their_brackets(name: str) -> None:
    text = (DEPLOY / name).read_text()
    assert "127.0.0.1:8501" in text and "Strict-Transport-Security" in text and "201m" in text.casefold()
    bare = re.sub(r'#.*|"[^"]*"', "", text)
    assert bare.count("{") == bare.count("}") > 1
    if name == "nginx.conf":
        assert text.count("proxy_pass") == text.count("proxy_set_header Host $http_host;") and "Upgrade $http_upgrade" in text
        for line in (one.strip() for one in bare.splitlines()):
            assert not line or line.endswith((";", "{", "}")), line


def test_the_settings_of_the_readme_are_read(tmp_path: Path) -> None:
    file = tmp_path / "secrets.toml"
    file.write_text(README.split("```toml\n")[1].split("```")[0].replace("<64 random hexadecimal digits>", "0123456789abcdef" * 4))
    found = read_file(file)
    assert found is not None and found.is_https


def test_every_variable_of_the_readme_is_one_of_ours() -> None:
    named = set(re.findall(r"LESIONLENS_[A-Z_]+", README + "".join(rest for _, rest in instructions())))
    sources = "".join(p.read_text(encoding="utf-8") for folder in ("ui", "core") for p in (PROJECT / folder).rglob("*.py"))
    sources += (PROJECT / "workspace.py").read_text(encoding="utf-8")
    assert not {name for name in named if f'"{name}"' not in sources}


def test_uploads_fit_through_the_proxies() -> None:
    settings = tomllib.loads((PROJECT / ".streamlit" / "config.toml").read_text())
    assert settings["server"]["maxUploadSize"] == 200 and settings["server"]["address"] == "127.0.0.1"
