//! The clients in some languages.

use super::edit::{Edit, cut, cut_to, delete, replace};

const TESTS: &str = "tests/clients/mod.rs";
const PACKAGES: &str = "tests/clients/package.rs";

/// The edits that take them out.
///
/// # Errors
/// When there is no such client, or none would be left.
pub fn edits(removed: &[String], files: &[String]) -> Result<Vec<Edit>, String> {
    let languages: Vec<&str> = files
        .iter()
        .filter_map(|path| path.strip_prefix("scripts/lib/clients/")?.strip_suffix(".sh"))
        .collect();
    if let Some(unknown) = removed.iter().find(|language| !languages.contains(&language.as_str())) {
        return Err(format!("there is no client in {unknown}; there are: {}", languages.join(", ")));
    }
    let is_left = |language: &&str| !removed.iter().any(|gone| gone == language);
    let left: Vec<&str> = languages.iter().copied().filter(is_left).collect();
    if left.is_empty() {
        return Err("no client would be left; the tests of clients need one".to_owned());
    }
    let listed = |languages: &[&str]| format!("clients! {{ {} }}", languages.join(" "));
    let mut edits = vec![replace(TESTS, &listed(&languages), &listed(&left))];
    for language in languages.into_iter().filter(|language| !left.contains(language)) {
        edits.extend(edits_of_one(language, files));
    }
    Ok(edits)
}

fn edits_of_one(language: &str, files: &[String]) -> Vec<Edit> {
    let mut edits = vec![
        delete(&format!("clients/{language}")),
        delete(&format!("scripts/lib/clients/{language}.sh")),
        cut_to(PACKAGES, &format!("const {}: Form", language.to_uppercase()), "};"),
        cut(PACKAGES, &format!("\"{language}\" => &")),
        cut("clients/README.md", &format!("| [{}]({language}/README.md) |", title(language))),
        cut("clients/README.md", &format!("| {} |", title(language))),
    ];
    let generated: &[&str] = match language {
        "go" => &["*.gen.go"],
        "java" => &["clients/java/src/generated/**"],
        "python" => &[
            "clients/python/src/PACKAGE/api/**",
            "clients/python/src/PACKAGE/models/**",
            "clients/python/src/PACKAGE/resources.py",
        ],
        "rust" => &["clients/rust/src/generated.rs", "clients/rust/src/resources.rs"],
        "typescript" => &["clients/typescript/src/generated/**"],
        _ => &[],
    };
    let package =
        files.iter().find_map(|path| path.strip_prefix("clients/python/src/")?.strip_suffix("/py.typed"));
    edits.extend(generated.iter().map(|pattern| {
        cut(".gitattributes", &format!("{} ", pattern.replace("PACKAGE", package.unwrap_or_default())))
    }));
    if language == "rust" {
        let decision = "docs/decisions/0012-tools-around-the-document.md";
        edits.push(replace(decision, "by `clients/rust/generate`, which", "by a program of its own, which"));
    }
    edits
}

/// The language as its row in `clients/README.md` has it.
fn title(language: &str) -> String {
    if language == "typescript" {
        return "TypeScript".to_owned();
    }
    let (first, rest) = language.split_at(1);
    first.to_ascii_uppercase() + rest
}
