//! Which files a rename leaves alone.

/// Files and folders that keep the name: other packages, what was decided, measured or released,
/// and the guides that contain the name of an example. Licences do as well, wherever they are.
const KEPT: [&str; 10] = [
    "crates/",
    "xtask/",
    "CHANGELOG.md",
    "docs/decisions/",
    "docs/first-day.md",
    "docs/guides/rename.md",
    "bench/RESULTS.md",
    "bench/results/",
    "openapi/released/",
    "openapi/CHANGELOG.md",
];

/// Whether a rename changes this file.
pub fn is_renamed(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    !name.starts_with("LICENSE") && !KEPT.iter().any(|kept| path.starts_with(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_crates_and_history_are_kept() {
        for path in [
            "LICENSE-MIT",
            "clients/go/LICENSE-MIT",
            "crates/web/src/lib.rs",
            "docs/decisions/0016-server.md",
            "bench/results/raw.json",
        ] {
            assert!(!is_renamed(path), "{path}");
        }
        for path in ["Cargo.lock", "bench/driver/run.py", "docs/operations.md", "src/LICENSES/list.rs"] {
            assert!(is_renamed(path), "{path}");
        }
    }
}
