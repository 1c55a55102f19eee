//! Which events the log's directives can enable.
//!
//! Below `info`, dependencies log what they carry: tokio-postgres the parameters of each statement,
//! and with them password hashes; h2 malformed paths; rustls handshake messages and session
//! tickets; redis whole replies. Only the service's own crates may therefore log at `debug` and
//! `trace`, whatever the directives say. A list of crates to silence would miss the next one.

use tracing::Metadata;
use tracing_subscriber::filter::LevelFilter;

use crate::traces::is_exported;

/// The target of the notice that directives were not followed. It is written whatever they say.
pub(crate) const WITHHELD: &str = concat!(module_path!(), "::withheld");

/// Whether directives may enable an event or a span.
pub(crate) fn may_be_logged(metadata: &Metadata<'_>, own_crates: &[&str]) -> bool {
    let target = metadata.target();
    !is_exported(target) && (*metadata.level() <= tracing::Level::INFO || is_own(target, own_crates))
}

pub(crate) fn warn_about_withheld(directives: &str, own_crates: &[&str]) {
    if asks_for_dependencies(directives, own_crates) {
        tracing::warn!(
            target: WITHHELD,
            "LOG_LEVEL asks for debug or trace lines of dependencies; they can hold password hashes and keys, so only this \
             service's own are written"
        );
    }
}

fn is_own(target: &str, own_crates: &[&str]) -> bool {
    let is_of = |rest: &str| rest.is_empty() || rest.starts_with("::");
    own_crates.iter().any(|own| target.strip_prefix(own).is_some_and(is_of))
}

/// Whether the directives ask for `debug` or `trace` of a dependency: by a level alone, by its
/// target, or by a span of any target.
fn asks_for_dependencies(directives: &str, own_crates: &[&str]) -> bool {
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
        !is_own(target, own_crates) && level.unwrap_or(LevelFilter::TRACE) > LevelFilter::INFO
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &[&str] = &["shop", "shop_orders"];

    #[test]
    fn only_the_services_own_crates_are_its_own() {
        for own in ["shop", "shop::audit", "shop::api::errors", "shop_orders::new"] {
            assert!(is_own(own, OWN), "{own}");
        }
        for other in ["", "shopper", "shop_sdk::x", "tokio_postgres::query", "h2", "log"] {
            assert!(!is_own(other, OWN), "{other}");
        }
    }

    #[test]
    fn directives_that_ask_for_the_lines_of_dependencies_are_recognized() {
        for asking in
            ["debug", "TRACE", "5", "info,h2=debug", "tokio_postgres=trace", "[span{id=1}]=trace", "h2[poll]"]
        {
            assert!(asks_for_dependencies(asking, OWN), "{asking}");
        }
        for plain in ["info", "warn,shop=trace", "shop::db=debug,h2=info", "off", "shop[request]=trace"] {
            assert!(!asks_for_dependencies(plain, OWN), "{plain}");
        }
    }
}
