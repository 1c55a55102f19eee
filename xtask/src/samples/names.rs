//! The names of the clients' packages, from the files in which a rename changes them.

use std::path::Path;
use std::{fs, io};

use crate::app;
use crate::clients::Language;
use crate::clients::names::pascal;

/// How a program refers to a client.
#[derive(Debug)]
pub struct Names {
    /// The class of the service, such as `Groundwork`.
    pub class: String,
    /// What is imported. In Go, the name of the package.
    pub package: String,
    /// The path of the Go module.
    pub module: String,
}

impl Names {
    /// # Errors
    /// When a file of the client does not have the name.
    pub fn read(root: &Path, language: Language) -> io::Result<Self> {
        let class = pascal(&app::name(root)?.replace('-', "_"));
        let client = root.join("clients").join(language.folder());
        let between = |file: &str, before: &str, after: &str| {
            let text = fs::read_to_string(client.join(file))?;
            let found = text.split_once(before).and_then(|(_, rest)| rest.split_once(after));
            let found = found.map(|(name, _)| name.trim().to_owned());
            found.ok_or_else(|| io::Error::other(format!("{file} of the client does not name its package")))
        };
        let package = match language {
            Language::Go => between("oapi-codegen.yaml", "package: ", "\n"),
            Language::Java => between("pom.xml", "<apiPackage>", ".api</apiPackage>"),
            Language::Python => {
                between("pyproject.toml", "\nname = \"", "\"").map(|name| name.replace('-', "_"))
            }
            Language::Rust => between("Cargo.toml", "\nname = \"", "\"").map(|name| name.replace('-', "_")),
            Language::TypeScript => between("package.json", "\"name\": \"", "\""),
        }?;
        let module =
            if language == Language::Go { between("go.mod", "module ", "\n")? } else { String::new() };
        Ok(Self { class, package, module })
    }
}
