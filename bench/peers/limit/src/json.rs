//! Answers, written by hand.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::database::{Instant, User};

pub fn user(user: &User) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    append(&mut out, user);
    out
}

pub fn page(users: &[User], has_more: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(32 + users.len() * 224);
    out.extend_from_slice(b"{\"items\":[");
    for (place, user) in users.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        append(&mut out, user);
    }
    out.extend_from_slice(b"],\"next_page\":");
    match users.last().filter(|_| has_more) {
        Some(last) => {
            let place = URL_SAFE_NO_PAD.encode(last.id().to_be_bytes());
            string(&mut out, &place);
        }
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
    out
}

pub fn error(error: &str, message: &str) -> Vec<u8> {
    format!(r#"{{"success":false,"error":"{error}","message":"{message}","request_id":"{:032x}"}}"#, 0).into_bytes()
}

fn append(out: &mut Vec<u8>, user: &User) {
    let _ = write!(out, "{{\"id\":{},\"email\":", user.id());
    string(out, user.email());
    out.extend_from_slice(b",\"full_name\":");
    match user.full_name() {
        Some(name) => string(out, name),
        None => out.extend_from_slice(b"null"),
    }
    flag(out, "is_active", user.is_active());
    flag(out, "is_superuser", user.is_superuser());
    flag(out, "is_verified", user.is_verified());
    instant(out, "created_at", user.created_at());
    instant(out, "updated_at", user.updated_at());
    out.push(b'}');
}

fn string(out: &mut Vec<u8>, text: &str) {
    let _ = serde_json::to_writer(out, text);
}

fn flag(out: &mut Vec<u8>, name: &str, is_set: bool) {
    let _ = write!(out, ",\"{name}\":{is_set}");
}

fn instant(out: &mut Vec<u8>, name: &str, Instant(micros): Instant) {
    let instant = jiff::Timestamp::from_microsecond(micros).unwrap_or_default();
    let _ = write!(out, ",\"{name}\":\"{instant}\"");
}
