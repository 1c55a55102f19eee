//! The values of audit events.

use groundwork_values::{id_type, text_type};

id_type! {
    /// The ID of an audit event: positive, assigned by the database, never reused.
    pub struct AuditEventId;
}

text_type! {
    /// The kind of an audit event, known to this release or not.
    pub struct AuditEventKind(1..=100);
}
