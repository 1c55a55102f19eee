//! Programs that contain the samples of a language, for its compiler.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::clients::Language;
use crate::clients::names::{camel, pascal};

/// The files of a program with the samples of a language, each in a file of its own.
pub fn programs(samples: &Map<String, Value>, language: Language) -> Vec<(String, String)> {
    let sources = samples.iter().filter_map(|(id, samples)| {
        let sample = samples.as_array()?.iter().find(|sample| sample["label"] == language.title())?;
        Some((id.as_str(), sample["source"].as_str()?))
    });
    let mut files: Vec<_> = sources.clone().map(|(id, source)| file(language, id, source)).collect();
    let mut ids: Vec<_> = sources.map(|(id, _)| id).collect();
    ids.sort_unstable();
    match language {
        Language::Go => {
            let calls = ids.iter().map(|id| format!("\t{}()\n", camel(id))).collect::<Vec<_>>().concat();
            let main = format!("// Samples of the document.\npackage main\n\nfunc main() {{\n{calls}}}\n");
            files.push(("main.go".to_owned(), main));
        }
        Language::Rust => {
            let (mut modules, mut calls) = (String::new(), String::new());
            for id in ids {
                let _ = writeln!(modules, "mod {id};");
                let _ = writeln!(calls, "    {id}::sample().await?;");
            }
            let main = format!(
                "//! Samples of the document.\n\n{modules}\n#[tokio::main]\n\
                 async fn main() -> Result<(), Box<dyn std::error::Error>> {{\n{calls}    Ok(())\n}}\n"
            );
            files.push(("main.rs".to_owned(), main));
        }
        Language::Java | Language::Python | Language::TypeScript => {}
    }
    files
}

fn file(language: Language, id: &str, source: &str) -> (String, String) {
    // Imports come first, and a blank line ends them.
    let end = match language {
        Language::Go => source.find("\n)\n").map(|end| end + 3),
        _ => source.find("\n\n").map(|end| end + 1),
    };
    let (imports, statements) = source.split_at(end.unwrap_or_default());
    let statements = statements.trim_start();
    match language {
        Language::Go => (
            // A name that ends in `_test` is that of a test.
            format!("{}.go", camel(id)),
            format!("package main\n\n{imports}\nfunc {}() {{\n{}}}\n", camel(id), inner(statements, "\t")),
        ),
        Language::Java => {
            let class = pascal(id);
            let code = format!(
                "{imports}\nfinal class {class} {{\n    private {class}() {{}}\n\n    \
                 static void sample() throws Exception {{\n{}    }}\n}}\n",
                inner(statements, "        ")
            );
            (format!("{class}.java"), code)
        }
        Language::Rust => (
            format!("{id}.rs"),
            format!(
                "{imports}\npub async fn sample() -> Result<(), Box<dyn std::error::Error>> {{\n{}    Ok(())\n}}\n",
                inner(statements, "    ")
            ),
        ),
        Language::Python => (format!("{id}.py"), format!("{source}\n")),
        Language::TypeScript => (format!("{id}.ts"), format!("{source}\n")),
    }
}

fn inner(statements: &str, indent: &str) -> String {
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("{indent}{line}\n") };
    statements.lines().map(line).collect()
}
