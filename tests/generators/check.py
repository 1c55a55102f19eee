"""Whether a generator made everything of the document: check.py GENERATOR DOCUMENT FOLDER LOG.

Every operation has its function and every schema its type, by the generator's naming convention; a type's name is
defined in one file only, so that none collides with a type of the generator's own; and the generator said nothing
about the document, except the lines of known-lines.txt.
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


def snake(name: str) -> str:
    return name


def pascal(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


class Convention(NamedTuple):
    suffix: str
    case: Callable[[str], str]
    # Regular expressions; {} is the name.
    operation: str
    schema: str


TYPESCRIPT = r"^export (?:interface|type|enum|const|class) {}\b"

CONVENTIONS = {
    "csharp": Convention(".cs", pascal, r"\bpublic async Task<\w+> {}Async\(", r"\b(?:class|enum|struct|interface) {}\b"),
    "dart": Convention(".dart", camel, r"^\s+Future<.*> {}\(", r"^(?:class|enum) {}\b"),
    "go": Convention(".go", pascal, r"^func \(\w+ \*\w+\) {}\(", r"^type {} "),
    "java": Convention(".java", camel, r"^\s+public \S.* {}\(", r"\b(?:class|enum|interface) {}\b"),
    "kotlin": Convention(".kt", camel, r"\bfun {}\(", r"\b(?:class|interface|object) {}\b"),
    "php": Convention(".php", camel, r"\bpublic function {}\(", r"^(?:final |abstract )?(?:class|interface|enum) {}\b"),
    "python": Convention(".py", snake, r"^\s+def {}\(", r"^class {}\("),
    "ruby": Convention(".rb", snake, r"^\s+def {}\(", r"^\s+(?:class|module) {}\b"),
    "rust": Convention(".rs", snake, r"\bpub async fn {}\(", r"\bpub (?:struct|enum|type|trait) {}\b"),
    "swift6": Convention(".swift", camel, r"\bfunc {}\(", r"\b(?:struct|class|enum|protocol|typealias) {}\b"),
    "typescript-axios": Convention(".ts", camel, r"^\s+public {}\(", TYPESCRIPT),
    "typescript-fetch": Convention(".ts", camel, r"^\s+async {}\(", TYPESCRIPT),
    "hey-api": Convention(".ts", camel, r"^export const {} =", TYPESCRIPT),
    "swagger-typescript-api": Convention(".ts", camel, r"^\s+{}(?::| =) \(", TYPESCRIPT),
}

# Generators whose every file is a namespace: their own type `apis::configuration::ApiKey` is another one than
# `models::ApiKey`, and the output is compiled.
NAMESPACES = ("rust",)

# Folders of generated tests and pages, which name everything too.
BESIDE_THE_CODE = re.compile(r"(?:^|\.)(?:tests?|spec|docs?)$", re.IGNORECASE)

COMPLAINT = re.compile(r"\b(?:warn(?:ing)?|error|exception|fatal|fail(?:ed|ure)?|deprecated)\b", re.IGNORECASE)
# What an ordinary line of progress begins with; it may name a file ApiException.java.
PROGRESS = re.compile(r"^(?:\[main\] INFO |# )")


def code(folder: Path, suffix: str) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob(f"*{suffix}"))
        if not any(BESIDE_THE_CODE.search(part) for part in path.relative_to(folder).parts[:-1])
    }


def defining(files: dict[str, str], pattern: str, name: str) -> list[str]:
    expression = re.compile(pattern.format(re.escape(name)), re.MULTILINE)
    return [path for path, text in files.items() if expression.search(text)]


def problems(generator: str, document: dict, folder: Path, log: str) -> list[str]:
    convention = CONVENTIONS[generator]
    files = code(folder, convention.suffix)
    operations = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
    schemas = list(document["components"]["schemas"])
    found = [] if files and operations and schemas else ["there is nothing to check"]
    for operation in operations:
        if not defining(files, convention.operation, convention.case(operation)):
            found.append(f"no operation {operation}")
    for schema in schemas:
        where = defining(files, convention.schema, schema)
        if not where:
            found.append(f"no schema {schema}")
        elif len(where) > 1 and generator not in NAMESPACES:
            found.append(f"{schema} is defined in {' and '.join(where)}")
    known = [re.compile(line) for line in lines_without_comments(Path(__file__).with_name("known-lines.txt"))]
    for line in log.splitlines():
        is_complaint = COMPLAINT.search(line) and not PROGRESS.search(line)
        if is_complaint and not any(expression.search(line) for expression in known):
            found.append(f"it says: {line}")
    print(f"{generator}: {len(operations)} operations, {len(schemas)} schemas, {len(files)} files")
    return found


def lines_without_comments(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


def main() -> None:
    generator, document, folder, log = sys.argv[1:]
    found = problems(
        generator,
        json.loads(Path(document).read_text(encoding="utf-8")),
        Path(folder),
        Path(log).read_text(encoding="utf-8"),
    )
    sys.exit("\n".join(found) or None)


main()
