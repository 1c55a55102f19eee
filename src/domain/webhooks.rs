//! The values of webhooks.

use groundwork_values::{TextList, enum_type, id_type, text_type};

id_type! {
    /// The ID of a webhook: positive, assigned by the database, never reused.
    pub struct WebhookId;
}

id_type! {
    /// The ID of a delivery: positive, assigned by the database, never reused.
    pub struct DeliveryId;
}

text_type! {
    /// The URL of a webhook: 1 to 2,048 characters, not blank. Where it may lead depends on the
    /// settings, so the service checks that.
    pub struct WebhookUrl(1..=2048);
}

text_type! {
    /// What a webhook is for: 0 to 500 characters.
    pub struct WebhookDescription(0..=500);
}

/// The events that a webhook gets: names of [`EventType`]s, or [`EVERY_EVENT`].
pub type WebhookEvents = TextList<20, 1, 40>;

/// Stands for all events, those of later releases included.
pub const EVERY_EVENT: &str = "*";

enum_type! {
    /// What happened to a user.
    pub enum EventType {
        UserCreated = "user.created",
        /// A field of the user changed, whichever it is.
        UserUpdated = "user.updated",
        UserDeleted = "user.deleted",
        UserDeactivated = "user.deactivated",
        UserActivated = "user.activated",
        UserEmailVerified = "user.email_verified",
        UserPasswordChanged = "user.password_changed",
    }
}

/// The type of the event that a superuser sends to try a webhook. No webhook subscribes to it.
pub const TEST_EVENT: &str = "webhook.test";

enum_type! {
    /// What has become of a delivery.
    pub enum DeliveryStatus {
        /// It is sent soon, or again later.
        Pending = "pending",
        /// The receiver answered with a status of 2xx.
        Delivered = "delivered",
        /// It is not sent any more.
        Failed = "failed",
    }
}

enum_type! {
    /// Why a webhook is disabled.
    pub enum DisabledReason {
        /// A superuser disabled it.
        Manual = "manual",
        /// Nothing was delivered for three days.
        Failing = "failing",
        /// The receiver answered 410 Gone.
        Gone = "gone",
    }
}

/// Whether a webhook with this list gets events of this type.
pub fn is_subscribed(events: &WebhookEvents, event: EventType) -> bool {
    events.as_ref().iter().any(|name| name == EVERY_EVENT || name == event.as_str())
}

/// What is wrong with a list of events: a phrase that follows the field's name.
pub fn invalid_events(events: &[&str]) -> Option<String> {
    let is_known = |name: &&str| *name == EVERY_EVENT || EventType::parse(name).is_ok();
    if events.is_empty() {
        return Some("must name an event".to_owned());
    }
    (!events.iter().all(is_known)).then(|| {
        let names = EventType::ALL.map(EventType::as_str).join(", ");
        format!("must contain only {EVERY_EVENT} or these events: {names}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_gets_the_events_that_it_names() {
        let list = |names: &[&str]| {
            WebhookEvents::try_from(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
        };
        assert!(is_subscribed(&list(&["user.deleted", "user.created"]), EventType::UserCreated));
        assert!(is_subscribed(&list(&["*"]), EventType::UserPasswordChanged));
        assert!(!is_subscribed(&list(&["user.deleted"]), EventType::UserCreated));
        assert_eq!(invalid_events(&["*"]), None);
        assert_eq!(invalid_events(&["user.created", "user.updated"]), None);
        assert!(invalid_events(&[]).is_some());
        for unknown in ["user", "user.*", "User.created", TEST_EVENT] {
            assert!(invalid_events(&["*", unknown]).is_some(), "{unknown}");
        }
    }
}
