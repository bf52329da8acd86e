"""The package keeps our own source rules, and each rule can be broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture import source_rules
from tests.architecture.source_rules import RULES, Module, Rule, module_of

PACKAGE = Path(__file__).resolve().parents[2] / "btd_desktop"


@pytest.fixture(scope="module")
def modules() -> list[Module]:
    return [
        module_of(path.relative_to(PACKAGE), path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    ]


def test_the_whole_package_is_looked_at(modules):
    paths = {m.path.as_posix() for m in modules}
    assert {"errors.py", "volume.py", "scoring/__init__.py"} <= paths


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_package_keeps_the_rule(modules, rule):
    complaints = [f"{m.path}: {text}" for m in modules for text in rule(m)]
    assert not complaints, "\n".join(complaints)


_DOC = '"""Says why."""\n'
_PLANTED: list[tuple[Rule, str, str]] = [
    (source_rules.has_docstring, "scoring/x.py", "VALUE = 1\n"),
    (source_rules.documents_public_names, "scoring/x.py", "def score():\n    pass\n"),
    (
        source_rules.documents_public_names,
        "gui/x.py",
        'class View:\n    """A view."""\n    def show(self):\n        pass\n',
    ),
    (source_rules.is_short, "scoring/x.py", "VALUE = 1\n" * 401),
    (source_rules.has_a_shape, "scoring/utils.py", _DOC),
    (source_rules.has_a_shape, "helpers/x.py", _DOC),
    (source_rules.imports_absolutely, "scoring/x.py", "from . import engine\n"),
    (source_rules.never_unpickles, "cases/x.py", "import pickle\n"),
    (source_rules.never_unpickles, "cases/x.py", "from joblib import load\n"),
    (source_rules.never_unpickles, "diffusion/x.py", "from torch import load\n"),
    (source_rules.never_unpickles, "diffusion/x.py", "w = torch.load('a.pt')\n"),
    (
        source_rules.never_unpickles,
        "diffusion/x.py",
        "w = torch.load('a.pt', weights_only=True)\n",
    ),
    (
        source_rules.never_unpickles,
        "diffusion/published_reader.py",
        "w = torch.load('a.pt')\n",
    ),
    (
        source_rules.never_unpickles,
        "diffusion/published_reader.py",
        "w = torch.load('a.pt', weights_only=False)\n",
    ),
    (source_rules.never_unpickles, "cases/x.py", "a = np.load(p)\n"),
    (source_rules.never_unpickles, "cases/x.py", "a = np.load(p, allow_pickle=True)\n"),
    (source_rules.opens_no_connection, "cases/x.py", "import socket\n"),
    (source_rules.opens_no_connection, "dicom/x.py", "import http.client\n"),
    (source_rules.opens_no_connection, "cli/x.py", "from urllib import request\n"),
    (source_rules.opens_no_connection, "cli/x.py", "import urllib.request as r\n"),
    (source_rules.opens_no_connection, "bench/x.py", "from requests import get\n"),
    (
        source_rules.opens_no_connection,
        "gui/x.py",
        "from PySide6.QtNetwork import QTcpSocket\n",
    ),
    (source_rules.opens_no_connection, "archive/x.py", "import pynetdicom\n"),
    (source_rules.opens_no_connection, "archive/pacs.py", "import socket\n"),
    (
        source_rules.opens_no_connection,
        "workflow/x.py",
        "from dicomweb_client import api\n",
    ),
    (source_rules.opens_no_connection, "diffusion/x.py", "torch.hub.load('a')\n"),
    (
        source_rules.connects_without_capturing_self,
        "gui/x.py",
        "b.clicked.connect(lambda: self.score())\n",
    ),
    (source_rules.labels_show_plain_text, "gui/x.py", "w = QLabel(patient_name)\n"),
    (source_rules.labels_show_plain_text, "gui/x.py", "w = QLabel(f'{name}')\n"),
    (source_rules.prints_only_in_cli, "scoring/x.py", "print('x')\n"),
    (source_rules.takes_the_time_as_argument, "cases/x.py", "t = datetime.now(UTC)\n"),
    (source_rules.takes_the_time_as_argument, "cases/x.py", "t = time.time()\n"),
]


@pytest.mark.parametrize(
    ("rule", "path", "source"), _PLANTED, ids=lambda v: getattr(v, "__name__", None)
)
def test_planted_violation_is_found(rule, path, source):
    assert list(rule(module_of(Path(path), source)))


def test_every_rule_has_a_planted_violation():
    assert {rule for rule, _, _ in _PLANTED} == set(RULES)


_ALLOWED: list[tuple[Rule, str, str]] = [
    (source_rules.documents_public_names, "scoring/x.py", "def _own():\n    pass\n"),
    (
        source_rules.documents_public_names,
        "gui/x.py",
        'class View:\n    """A view."""\n    def paintEvent(self, event): ...\n',
    ),
    (source_rules.is_short, "scoring/x.py", "VALUE = 1\n" * 400),
    (source_rules.never_unpickles, "cases/x.py", "np.load(p, allow_pickle=False)\n"),
    (
        source_rules.never_unpickles,
        "diffusion/published_reader.py",
        "w = torch.load('a.pt', weights_only=True)\n",
    ),
    (
        source_rules.opens_no_connection,
        "cases/x.py",
        "from urllib.parse import quote\n",
    ),
    (source_rules.opens_no_connection, "archive/pacs/x.py", "import requests\n"),
    (
        source_rules.connects_without_capturing_self,
        "gui/x.py",
        "b.clicked.connect(self.on_score)\n",
    ),
    (source_rules.labels_show_plain_text, "gui/x.py", "w = QLabel('Score')\n"),
    (source_rules.labels_show_plain_text, "gui/plain_text.py", "w = QLabel(text)\n"),
    (source_rules.prints_only_in_cli, "cli/main.py", "print('x')\n"),
    (
        source_rules.takes_the_time_as_argument,
        "workflow/x.py",
        "t = datetime.now(UTC)\n",
    ),
    (source_rules.takes_the_time_as_argument, "cases/x.py", "t = time.monotonic()\n"),
]


@pytest.mark.parametrize(
    ("rule", "path", "source"), _ALLOWED, ids=lambda v: getattr(v, "__name__", None)
)
def test_allowed_form_is_left_alone(rule, path, source):
    assert not list(rule(module_of(Path(path), source)))
