//! The client in one language.

use super::edit::{Edit, cut, cut_to, delete, replace};

const TESTS: &str = "tests/clients/mod.rs";
const PACKAGES: &str = "tests/clients/package.rs";

/// The edits that take it out.
///
/// # Errors
/// When there is no such client, or no other.
pub fn edits(language: &str, files: &[String]) -> Result<Vec<Edit>, String> {
    let languages: Vec<&str> = files
        .iter()
        .filter_map(|path| path.strip_prefix("scripts/lib/clients/")?.strip_suffix(".sh"))
        .collect();
    if !languages.contains(&language) {
        return Err(format!("there is no client in {language}; there are: {}", languages.join(", ")));
    }
    if languages.len() == 1 {
        return Err(format!("{language} is the last client; the tests of clients need one"));
    }
    let listed = |languages: &[&str]| format!("clients! {{ {} }}", languages.join(" "));
    let others: Vec<&str> = languages.iter().copied().filter(|other| *other != language).collect();
    let mut edits = vec![
        delete(&format!("clients/{language}")),
        delete(&format!("scripts/lib/clients/{language}.sh")),
        replace(TESTS, &listed(&languages), &listed(&others)),
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
    Ok(edits)
}

/// The language as its row in `clients/README.md` has it.
fn title(language: &str) -> String {
    if language == "typescript" {
        return "TypeScript".to_owned();
    }
    let (first, rest) = language.split_at(1);
    first.to_ascii_uppercase() + rest
}
