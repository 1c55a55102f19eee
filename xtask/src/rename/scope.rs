//! Which files a rename leaves alone.

/// Files and folders that keep the name: other packages, licences, what was decided, measured or
/// released, and the guides that contain the name of an example.
const KEPT: [&str; 11] = [
    "crates/",
    "xtask/",
    "LICENSE",
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
    !KEPT.iter().any(|kept| path.starts_with(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_crates_and_history_are_kept() {
        for path in [
            "LICENSE-MIT",
            "crates/web/src/lib.rs",
            "docs/decisions/0016-server.md",
            "bench/results/raw.json",
        ] {
            assert!(!is_renamed(path), "{path}");
        }
        for path in ["Cargo.lock", "bench/driver/run.py", "docs/operations.md", "clients/LICENSE"] {
            assert!(is_renamed(path), "{path}");
        }
    }
}
