//! Statements that a client sends together with COMMIT.

use std::collections::HashSet;

/// Finds the executions of statements that travel together with COMMIT.
#[derive(Default)]
pub struct Deferred {
    /// The names of prepared ones.
    names: HashSet<Vec<u8>>,
    is_bound: bool,
}

impl Deferred {
    /// Whether the message ends such an execution. As a BEGIN, it is not passed on before the client
    /// sends more.
    pub fn ends(&mut self, kind: u8, content: &[u8]) -> bool {
        let field = |number| content.split(|byte| *byte == 0).nth(number).unwrap_or_default();
        match kind {
            // The statement's name, and its text.
            b'P' if is_deferred(&String::from_utf8_lossy(field(1))) => {
                self.names.insert(field(0).to_vec());
            }
            // The name of the portal, and that of the statement.
            b'B' => self.is_bound = self.names.contains(field(1)),
            _ => {}
        }
        kind == b'S' && std::mem::take(&mut self.is_bound)
    }
}

/// Audit events, and the end of a pending change of email.
fn is_deferred(text: &str) -> bool {
    let cancels = text.starts_with("DELETE FROM \"one_time_tokens\"")
        && text.contains("\"kind\"")
        && !text.contains("\"token_hash\"");
    cancels || text.starts_with("INSERT INTO \"audit_events\"")
}
