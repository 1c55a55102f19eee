//! Why a document cannot be published.

/// The emitted document cannot be completed.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// A text is not JSON, or an object has a key twice.
    #[error("the emitted document or the samples cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// The document, or a section of its components, is not an object.
    #[error("the emitted document, or a section of its components, is not a JSON object")]
    NotAnObject,
    /// The YAML form could not be written.
    #[error("the document cannot be written as YAML: {0}")]
    Yaml(#[from] serde_saphyr::SerializeError),
    /// One operation breaks a rule.
    #[error("{operation}: {violation}")]
    Operation {
        /// Method and path.
        operation: String,
        /// The rule that it breaks, as a phrase that follows the operation's name.
        violation: String,
    },
}
