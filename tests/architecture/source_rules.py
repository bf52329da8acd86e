"""Rules on our source that no linter of ours knows, as pure functions on syntax trees.

Each rule takes a `Module` and yields complaints. `test_source_rules.py` runs them over
the package and over planted violations.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_LINES = 400
NETWORK_MODULES = frozenset(
    (
        "PySide6.QtNetwork",
        "PySide6.QtWebEngineCore",
        "PySide6.QtWebEngineWidgets",
        "PySide6.QtWebSockets",
        "aiohttp",
        "asyncio",
        "dicomweb_client",
        "ftplib",
        "http",
        "httpx",
        "imaplib",
        "poplib",
        "pynetdicom",
        "requests",
        "smtplib",
        "socket",
        "socketserver",
        "ssl",
        "telnetlib",
        "torch.hub",
        "urllib.request",
        "urllib3",
        "webbrowser",
        "xmlrpc",
    )
)
"""What opens connections; `urllib.parse` only takes texts apart."""
FORBIDDEN_MODULES = {"pickle", "cPickle", "joblib", "cloudpickle", "dill", "shelve"}
SHAPELESS_NAMES = {"utils", "util", "helpers", "common", "misc", "base", "manager"}
# Only these may ask what time it is or write to the terminal.
CLOCK_OWNERS = {"workflow", "cli", "gui", "__main__", "bench"}
PRINT_OWNERS = {"cli", "__main__"}
WALL_CLOCK = {"now", "utcnow", "today"}
# The one folder that may open connections (decision 45).
NETWORK_OWNER = Path("archive/pacs")
# The one module that may open a pickle, as weights only, in a process of its own.
UNPICKLER = Path("diffusion/published_reader.py")


@dataclass(frozen=True)
class Module:
    """One source file.

    Attributes:
        path: Path from the package's folder, such as `scoring/engine.py`.
        source: Its text.
        tree: Its syntax tree.
    """

    path: Path
    source: str
    tree: ast.Module

    @property
    def owner(self) -> str:
        """Name of the package child that the file belongs to."""
        return self.path.parts[0].removesuffix(".py")


Rule = Callable[[Module], Iterator[str]]


def module_of(path: Path, source: str) -> Module:
    """Parse a source text."""
    return Module(path, source, ast.parse(source))


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _calls(module: Module) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            yield node, _dotted(node.func)


def has_docstring(module: Module) -> Iterator[str]:
    """The module says why it exists."""
    if not (ast.get_docstring(module.tree) or "").strip():
        yield "module without docstring"


def documents_public_names(module: Module) -> Iterator[str]:
    """Every public function, class and method has a docstring."""
    yield from _undocumented(module, module.tree.body, "")


def _undocumented(module: Module, body: list[ast.stmt], inside: str) -> Iterator[str]:
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if node.name.startswith("_") or _is_exempt(module, node, inside):
            continue
        if not ast.get_docstring(node):
            yield f"{inside}{node.name} (line {node.lineno}) has no docstring"
        if isinstance(node, ast.ClassDef):
            yield from _undocumented(module, node.body, f"{inside}{node.name}.")


def _is_exempt(
    module: Module,
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
    inside: str,
) -> bool:
    marks = {_dotted(d).rpartition(".")[2] for d in node.decorator_list}
    overrides_qt = module.owner == "gui" and inside and node.name != node.name.lower()
    return bool(marks & {"overload", "setter", "override"}) or bool(overrides_qt)


def is_short(module: Module) -> Iterator[str]:
    """The file can be read in one sitting."""
    n_lines = len(module.source.splitlines())
    if n_lines > MAX_LINES:
        yield f"{n_lines} lines, at most {MAX_LINES} are allowed"


def has_a_shape(module: Module) -> Iterator[str]:
    """The file's name says what is in it."""
    for part in module.path.with_suffix("").parts:
        if part in SHAPELESS_NAMES:
            yield f"'{part}' says nothing about what is inside"


def imports_absolutely(module: Module) -> Iterator[str]:
    """No relative import: a moved module keeps its meaning."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield f"relative import in line {node.lineno}"


def never_unpickles(module: Module) -> Iterator[str]:
    """Nothing that can run code hidden in a file (pickle and its carriers)."""
    for node in ast.walk(module.tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.partition(".")[0] in FORBIDDEN_MODULES or name == "torch.load":
                yield f"import of {name} in line {node.lineno}"  # type: ignore[attr-defined]
    for call, name in _calls(module):
        weights_only = module.path == UNPICKLER and _says(call, "weights_only", True)
        if name == "torch.load" and not weights_only:
            yield f"torch.load in line {call.lineno}"
        if name in ("np.load", "numpy.load") and not _says(call, "allow_pickle", False):
            yield f"{name} without allow_pickle=False in line {call.lineno}"


def _says(call: ast.Call, keyword: str, value: bool) -> bool:
    return any(
        word.arg == keyword
        and isinstance(word.value, ast.Constant)
        and word.value.value is value
        for word in call.keywords
    )


def opens_no_connection(module: Module) -> Iterator[str]:
    """Nothing that can reach another machine; no browser is opened either."""
    if NETWORK_OWNER in module.path.parents:
        return
    for node in ast.walk(module.tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Attribute):
            names = [_dotted(node)]
        for name in names:
            if any(name == n or name.startswith(f"{n}.") for n in NETWORK_MODULES):
                yield f"{name} in line {node.lineno}"  # type: ignore[attr-defined]


def connects_without_capturing_self(module: Module) -> Iterator[str]:
    """No signal holds a lambda that keeps its widget alive."""
    for call, _ in _calls(module):
        if not (isinstance(call.func, ast.Attribute) and call.func.attr == "connect"):
            continue
        for argument in call.args:
            if isinstance(argument, ast.Lambda) and any(
                isinstance(inner, ast.Name) and inner.id == "self"
                for inner in ast.walk(argument.body)
            ):
                yield f"connect(lambda: … self …) in line {call.lineno}"


def labels_show_plain_text(module: Module) -> Iterator[str]:
    """Text from a file never reaches a label that could interpret it."""
    if module.path == Path("gui/plain_text.py"):
        return
    for call, name in _calls(module):
        if name.rpartition(".")[2] == "QLabel" and any(
            not isinstance(argument, ast.Constant) for argument in call.args[:1]
        ):
            yield f"QLabel(variable) in line {call.lineno}: use gui/plain_text.py"


def prints_only_in_cli(module: Module) -> Iterator[str]:
    """The core reports through `TaskContext` and logs, not to the terminal."""
    if module.owner in PRINT_OWNERS:
        return
    for call, name in _calls(module):
        if name == "print":
            yield f"print in line {call.lineno}"


def takes_the_time_as_argument(module: Module) -> Iterator[str]:
    """Below `workflow` nothing asks the wall clock, so a run can be repeated."""
    if module.owner in CLOCK_OWNERS:
        return
    for call, name in _calls(module):
        head, _, last = name.rpartition(".")
        is_date = head.rpartition(".")[2] in ("datetime", "date")
        if (is_date and last in WALL_CLOCK) or name in ("time.time", "time.time_ns"):
            yield f"{name}() in line {call.lineno}"


RULES: tuple[Rule, ...] = (
    has_docstring,
    documents_public_names,
    is_short,
    has_a_shape,
    imports_absolutely,
    never_unpickles,
    opens_no_connection,
    connects_without_capturing_self,
    labels_show_plain_text,
    prints_only_in_cli,
    takes_the_time_as_argument,
)
