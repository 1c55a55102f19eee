//! Why a document cannot be published.

use crate::policy::InvalidPolicy;

/// The emitted document cannot be completed.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The text is not JSON, or an object has a key twice.
    #[error("the emitted document cannot be read: {0}")]
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
        /// The rule that it breaks.
        violation: Violation,
    },
}

/// The rule that one operation breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A declared policy cannot be parsed.
    #[error(transparent)]
    Policy(#[from] InvalidPolicy),
    /// `default` and ranges hide which statuses occur.
    #[error("declares the response `{0}`, which is no status code")]
    Status(String),
    /// Every error has the uniform error body.
    #[error("the response {0} has a body of its own; an error response only names its codes")]
    ErrorBody(u16),
    /// Clients could not branch on the error.
    #[error("the response {0} names no error code in its description")]
    NoCodes(u16),
    /// The code is not in the catalogue.
    #[error("the error code `{0}` is not in the catalogue")]
    UnknownCode(String),
    /// A code belongs to one status.
    #[error("the error code `{code}` belongs to the status {catalogue}, not {declared}")]
    CodeStatus {
        /// The code.
        code: String,
        /// The status under which the operation lists it.
        declared: u16,
        /// The status that the catalogue gives it.
        catalogue: u16,
    },
}

impl Violation {
    /// Adds which operation breaks the rule.
    pub(super) fn of(self, operation: &str) -> DocumentError {
        DocumentError::Operation { operation: operation.to_owned(), violation: self }
    }
}
