//! One request for each way in which a response comes to be.

use serde_json::json;

use crate::support::client::{PASSWORD, fresh_email};
use crate::support::{Call, Service};

/// The origin that test services allow.
pub const APP: &str = "https://app.example.com";

/// One request for each way in which an answer comes to be, with the status it must get.
pub fn every_kind_of_answer(service: &Service, access: &str) -> Vec<(Call, u16)> {
    let call = |method: &str, path: &str| service.call(method, path);
    let register = || call("POST", "/api/v1/auth/register");
    let new = json!({"email": fresh_email(), "password": PASSWORD});
    let preflight = call("OPTIONS", "/api/v1/users/me").header("origin", APP);
    vec![
        (call("GET", "/"), 200),
        (call("GET", "/docs"), 200),
        (call("GET", "/openapi.json"), 200),
        (call("GET", "/api/v1/health/ready"), 200),
        (call("GET", "/api/v1/users/me").bearer(access), 200),
        (call("HEAD", "/api/v1/health"), 200),
        (register().json(new), 201),
        (preflight.header("access-control-request-method", "GET"), 204),
        (register().body("application/json", "{"), 400),
        (call("GET", "/api/v1/users/me"), 401),
        (call("GET", "/api/v1/users/me").bearer("bad"), 401),
        (call("GET", "/api/v1/users").bearer(access), 403),
        (call("GET", "/nowhere"), 404),
        (call("GET", "/docs/assets/nothing.js"), 404),
        (call("PUT", "/api/v1/users/me"), 405),
        (call("POST", "/docs"), 405),
        (call("TRACE", "/api/v1/users/me"), 405),
        (call("OPTIONS", "/api/v1/users/me"), 405),
        (register().body("application/json", "x".repeat(1024 * 1024 + 1)), 413),
        (register().body("text/plain", "x"), 415),
        (register().json(json!({})), 422),
        (call("POST", "/api/v1/auth/logout").bearer(access), 204),
    ]
}
