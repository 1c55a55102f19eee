//! What is sent by mail, and what the links in mails do.

mod change_of_email;
mod languages;
mod pages;
mod password_reset;
mod registration;
mod secrecy;
mod tokens;
mod verification;

use serde_json::{Value, json};

use crate::support::client::{Answer, NOT_ROUTINE, TestUser};
use crate::support::{Call, Service};

/// The mails' kinds of jobs.
const VERIFY: &str = "send_verification";
const RESEND: &str = "resend_verification";
const RESET: &str = "forgot_password";
const CONFIRM: &str = "confirm_new_email";
const ALREADY_REGISTERED: &str = "notify_already_registered";
const PASSWORD_CHANGED: &str = "notify_password_changed";
const EMAIL_CHANGE: &str = "notify_email_change";

const NEW_PASSWORD: &str = "another horse battery";

/// A call of an operation of `/auth` with this body.
fn auth_call(service: &Service, operation: &str, body: Value) -> Call {
    service.call("POST", &format!("/api/v1/auth/{operation}")).json(body)
}

async fn verify(service: &Service, token: &str) -> Answer {
    auth_call(service, "verify-email", json!({"token": token})).send().await
}

async fn confirm(service: &Service, token: &str) -> Answer {
    auth_call(service, "confirm-email", json!({"token": token})).send().await
}

async fn reset(service: &Service, token: &str, password: &str) -> Answer {
    auth_call(service, "reset-password", json!({"token": token, "password": password})).send().await
}

async fn forgot(service: &Service, email: &str) {
    auth_call(service, "forgot-password", json!({"email": email})).send().await.expect(202);
}

/// The token of the link that sets a new password for an email that had none sent before.
async fn reset_token(service: &Service, email: &str) -> String {
    forgot(service, email).await;
    service.mail(RESET, email, 1).await.token()
}

async fn change_email(service: &Service, user: &TestUser, email: &str, password: &str) -> Answer {
    let body = json!({"email": email, "current_password": password});
    service.by(user, "POST", "/api/v1/users/me/email").json(body).send().await
}

/// The kinds of the audit events about a user, in their order.
async fn events(service: &Service, user: i64) -> Vec<String> {
    let kinds = format!(
        "SELECT kind AS value FROM audit_events WHERE user_id = {user} AND {NOT_ROUTINE} ORDER BY id"
    );
    service.database.rows(&kinds).await.into_iter().flatten().collect()
}
