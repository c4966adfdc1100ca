"""What a module's source imports and which clocks it reads, found in its syntax tree."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "worker"

WALL_CLOCKS = frozenset(
    {
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "datetime.datetime.today",
        "datetime.date.today",
        "time.time",
        "time.time_ns",
        "time.clock_gettime",
        "time.clock_gettime_ns",
        "time.localtime",
        "time.gmtime",
        "time.ctime",
        "time.asctime",
        "time.strftime",
        "email.utils.localtime",
        "email.utils.formatdate",
        "email.utils.make_msgid",
    }
)
"""Everything in the standard library that tells what time it is when nobody passes a time."""


def modules(folder: Path = PACKAGE) -> Iterator[Path]:
    """Every Python file below a folder."""
    yield from sorted(folder.rglob("*.py"))


def imports(source: str, package: str) -> set[str]:
    """Dotted names of all imported modules, wherever the import stands; relative ones are resolved in `package`."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            found |= {base} if node.module else {f"{base}.{name.name}" for name in node.names}
    return found


def names(source: str) -> set[str]:
    """Dotted names of everything that is used, with what `import ... as` and `from ... import` called it resolved."""
    tree = ast.parse(source)
    origins: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                origins[name.asname or name.name.partition(".")[0]] = (
                    name.name if name.asname else name.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            origins.update({name.asname or name.name: f"{node.module}.{name.name}" for name in node.names})
    found = {_dotted(node, origins) for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Name)}
    return {name for name in found if name}


def wall_clocks(source: str) -> set[str]:
    """The clocks that a source reads or passes on."""
    return names(source) & WALL_CLOCKS


def _dotted(node: ast.expr, origins: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return origins.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value, origins)
        return f"{base}.{node.attr}" if base else ""
    return ""
