//! Metrics of the crates have neutral names. This service's are told apart from others' by a prefix.

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

const PREFIX: &str = "groundwork_";

/// Records under names with the prefix.
pub(super) struct Prefixed<R>(pub(super) R);

fn prefixed(key: &Key) -> Key {
    if key.name().starts_with(PREFIX) {
        return key.clone();
    }
    Key::from_parts(format!("{PREFIX}{}", key.name()), key.labels().cloned().collect::<Vec<_>>())
}

impl<R: Recorder> Recorder for Prefixed<R> {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.0.describe_counter(name, unit, help);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.0.describe_gauge(name, unit, help);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.0.describe_histogram(name, unit, help);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.0.register_counter(&prefixed(key), metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.0.register_gauge(&prefixed(key), metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.0.register_histogram(&prefixed(key), metadata)
    }
}
