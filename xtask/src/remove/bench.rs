//! The benchmark, and the build that is trained with its driver.

use super::edit::{Edit, cut, cut_to, delete, replace};

pub fn edits() -> Vec<Edit> {
    let growth = "`bench/GROWTH.md`";
    let results = "`bench/RESULTS.md`";
    let benchmark = "the benchmark of the template";
    vec![
        delete("bench"),
        delete("scripts/bench"),
        delete("scripts/release"),
        replace("Cargo.toml", "exclude = [\"clients\", \"bench\", ", "exclude = [\"clients\", "),
        replace("renovate.json", "\"ignorePaths\": [\"bench/**\", ", "\"ignorePaths\": ["),
        replace("scripts/test", " scripts .ci deploy bench 2>/dev/null)", " scripts .ci deploy 2>/dev/null)"),
        cut_to("scripts/lib/python.sh", "# bench_driver ARGUMENTS…:", "}"),
        replace("scripts/measure", ", such as the one of ./scripts/release", ""),
        replace("scripts/measure", " bench/README.md has the figures.", ""),
        cut_to("justfile", "# Build the service with profile-guided", "    ./scripts/release"),
        cut_to("justfile", "# Measure the service beside its peers", "    ./scripts/bench {{ arguments }}"),
        cut("README.md", "bench/        the benchmark"),
        replace(
            "README.md",
            "test, guides, clients, services, release, bench",
            "test, guides, clients, services",
        ),
        replace(
            "README.md",
            "[changelog](CHANGELOG.md) · [benchmark results](bench/RESULTS.md)",
            "[changelog](CHANGELOG.md)",
        ),
        cut("tests/documentation/mod.rs", "\"bench\","),
        cut("tests/documentation/mod.rs", "\"bench/README.md\","),
        cut("docs/guides/deploy.md", "| `./scripts/release` |"),
        replace("docs/operations.md", &format!("({growth})"), &format!("({benchmark})")),
        replace("docs/scaling.md", growth, benchmark),
        replace(
            "docs/scaling.md",
            &format!("({results} has the time per request)"),
            &format!("({benchmark} has the time per request)"),
        ),
        replace("docs/scaling.md", &format!("30.1 µs ({results})"), &format!("30.1 µs ({benchmark})")),
        replace("docs/decisions/0008-signed-page-tokens.md", growth, benchmark),
        replace("docs/decisions/0026-jobs.md", "`bench/JOBS.md`", benchmark),
        replace("docs/decisions/0031-tokens-that-others-check.md", "`bench/TOKENS.md`", benchmark),
        replace(
            "docs/decisions/0018-cost.md",
            "Timings are in\n`bench/README.md`, as",
            "Timings are in\nthe benchmark of the template, as",
        ),
        replace("docs/decisions/0018-cost.md", " (`scripts/release`)", ""),
    ]
}
