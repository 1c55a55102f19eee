//! Which events `LOG_LEVEL` can enable.
//!
//! Below `info`, dependencies log what they carry: tokio-postgres the parameters of each statement, and with them password
//! hashes; h2 malformed paths; rustls handshake messages and session tickets; redis whole replies. The
//! levels `debug` and `trace` are therefore this service's own alone, and no directive enables them for another crate. A list of
//! the crates to silence would miss the next one.

use tracing::Metadata;
use tracing_subscriber::filter::LevelFilter;

use super::SPANS;

/// The target of the service's own events: its crate, and the modules of it.
const OWN: &str = "groundwork";

/// The target of the notice that directives were not followed. It is written whatever `LOG_LEVEL` says.
pub(super) const WITHHELD: &str = "groundwork::telemetry::withheld";

/// Whether `LOG_LEVEL` may enable an event or a span. The spans of traces are no part of the log.
pub(super) fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    target != SPANS && (is_own(target) || *metadata.level() <= tracing::Level::INFO)
}

fn is_own(target: &str) -> bool {
    target.strip_prefix(OWN).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Whether the directives ask for `debug` or `trace` of anything but the service itself: by a level alone, by another
/// crate's target, or by a span of any target.
pub(super) fn asks_for_dependencies(directives: &str) -> bool {
    directives.split(',').any(|directive| {
        let (target, level) = match directive.rsplit_once('=') {
            Some((target, level)) => (target, level.parse().ok()),
            // A word alone is a level or, with a span, a target at every level.
            None => match directive.parse() {
                Ok(level) => ("", Some(level)),
                Err(_) => (directive, None),
            },
        };
        let target = target.split('[').next().unwrap_or_default();
        !is_own(target) && level.unwrap_or(LevelFilter::TRACE) > LevelFilter::INFO
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_service_itself_is_its_own() {
        for own in ["groundwork", "groundwork::audit", "groundwork::api::errors"] {
            assert!(is_own(own), "{own}");
        }
        for other in ["", "groundworker", "groundwork_sdk::x", "tokio_postgres::query", "h2", "log"] {
            assert!(!is_own(other), "{other}");
        }
    }

    #[test]
    fn directives_that_ask_for_the_lines_of_dependencies_are_recognised() {
        for asking in
            ["debug", "TRACE", "5", "info,h2=debug", "tokio_postgres=trace", "[span{id=1}]=trace", "h2[poll]"]
        {
            assert!(asks_for_dependencies(asking), "{asking}");
        }
        for plain in [
            "info",
            "warn,groundwork=trace",
            "groundwork::db=debug,h2=info",
            "off",
            "groundwork[request]=trace",
        ] {
            assert!(!asks_for_dependencies(plain), "{plain}");
        }
    }
}
