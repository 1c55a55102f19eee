//! `cargo xtask openapi samples`: the samples that the document shows for each operation, for curl
//! and for every client in `clients/`.
//!
//! They are made from the document: its names, as the clients spell them, and its examples.

mod call;
mod curl;
mod go;
mod java;
mod names;
mod program;
mod python;
mod rust;
mod typescript;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::{fs, io};

use serde_json::{Map, Value, json};

use call::Call;
use names::Names;
pub use program::programs;

use crate::app;
use crate::clients::Language;
use crate::clients::model;

/// The samples by operation, from the root.
pub const FILE: &str = "openapi/samples.json";

/// The extension in the document: Redoc and others show it.
const EXTENSION: &str = "x-codeSamples";

/// In the order of their samples.
const LANGUAGES: [Language; 5] =
    [Language::TypeScript, Language::Python, Language::Rust, Language::Go, Language::Java];

/// The address of the service in samples.
const SERVER: &str = "http://localhost:8000";

/// Who logs in.
const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "correct horse battery staple";

/// A line of a sample is broken if it would be longer.
const LINE: usize = 80;

/// The samples of a document.
#[derive(Debug)]
pub struct Samples {
    /// The samples of each operation by its id: `[{lang, label, source}]`.
    pub by_operation: Map<String, Value>,
    /// What has no sample, each with the reason.
    pub missing: Vec<String>,
}

/// The languages with a client in the tree at `root`, in the order of their samples.
pub fn languages(root: &Path) -> impl Iterator<Item = Language> {
    let scripts = root.join("scripts/lib/clients");
    LANGUAGES.into_iter().filter(move |language| scripts.join(format!("{}.sh", language.folder())).exists())
}

/// The samples of a document for the clients that the tree at `root` has.
///
/// # Errors
/// When a client's files cannot be read.
pub fn generate(root: &Path, document: &Value) -> io::Result<Samples> {
    let clients: Vec<_> = languages(root)
        .map(|language| Ok((language, Names::read(root, language)?)))
        .collect::<io::Result<_>>()?;
    let (resources, mut missing) = model::resources(document);
    let mut by_operation = Map::new();
    for (resource, operation) in resources.iter().flat_map(|it| it.operations.iter().map(|op| (&it.name, op)))
    {
        let id = &operation.id;
        let call = match Call::new(document, resource, operation) {
            Ok(call) => call,
            Err(reason) => {
                missing.push(format!("{id}: {reason}"));
                continue;
            }
        };
        let mut samples = vec![json!({ "lang": "Shell", "label": "curl", "source": curl::render(&call) })];
        for (language, names) in &clients {
            let title = language.title();
            match render(*language, &call, names) {
                Ok(source) => {
                    samples.push(json!({ "lang": title, "label": title, "source": source.trim_end() }));
                }
                Err(reason) => missing.push(format!("{id} in {title}: {reason}")),
            }
        }
        by_operation.insert(id.clone(), samples.into());
    }
    Ok(Samples { by_operation, missing })
}

fn render(language: Language, call: &Call<'_>, names: &Names) -> Result<String, String> {
    match language {
        Language::Go => go::render(call, names),
        Language::Java => java::render(call, names),
        Language::Python => python::render(call, names),
        Language::Rust => rust::render(call, names),
        Language::TypeScript => Ok(typescript::render(call, names)),
    }
}

impl Samples {
    /// The text of [`FILE`].
    pub fn text(&self) -> String {
        indented(&Value::Object(self.by_operation.clone()))
    }

    /// Writes [`FILE`], and the samples into the documents beside it, as `openapi export` does.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn write(&self, root: &Path) -> io::Result<()> {
        fs::write(root.join(FILE), self.text())?;
        let name = app::name(root)?;
        for (json, yaml) in [
            (app::document(&name), Some(format!("openapi/{name}.yaml"))),
            (format!("openapi/{name}-3.0.json"), None),
        ] {
            let mut document: Value = serde_json::from_str(&fs::read_to_string(root.join(&json))?)?;
            self.attach(&mut document);
            fs::write(root.join(json), indented(&document))?;
            if let Some(yaml) = yaml {
                let text = serde_saphyr::to_string(&document).map_err(io::Error::other)?;
                fs::write(root.join(yaml), text)?;
            }
        }
        Ok(())
    }

    fn attach(&self, document: &mut Value) {
        let items = document["paths"].as_object_mut().into_iter().flatten();
        for operation in items.filter_map(|(_, item)| item.as_object_mut()).flatten().map(|(_, it)| it) {
            let Some(operation) = operation.as_object_mut() else { continue };
            operation.shift_remove(EXTENSION);
            let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
            if let Some(samples) = self.by_operation.get(id) {
                operation.insert(EXTENSION.to_owned(), samples.clone());
            }
        }
    }
}

fn indented(value: &Value) -> String {
    format!("{value:#}\n")
}
