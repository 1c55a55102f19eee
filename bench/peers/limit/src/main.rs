//! The limit: what the hot answers cost when nothing is done but what they need. hyper reads and writes HTTP, HMAC-SHA256 checks
//! the token, one prepared statement asks PostgreSQL, and the answer is written into bytes by hand. There are no logs, no
//! limits, no deadlines, no middleware and no document: it is a yardstick and no service.

mod database;
mod json;
mod token;

use std::convert::Infallible;
use std::env;
use std::rc::Rc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::LocalSet;

use database::Database;
use token::Verifier;

type Answer = Response<Full<Bytes>>;

struct Limit {
    database: Database,
    verifier: Verifier,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let setting = |name| env::var(name).unwrap_or_else(|_| panic!("{name} must be set"));
    let verifier = Verifier::new(&setting("JWT_SECRET_KEY"));
    let address = format!("127.0.0.1:{}", setting("PORT"));
    let serving = async move {
        let database = Database::connect(&setting("DATABASE_URL")).await;
        let limit = Rc::new(Limit { database, verifier });
        let listener = TcpListener::bind(address).await.expect("the port is free");
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let _ = stream.set_nodelay(true);
            let limit = Rc::clone(&limit);
            tokio::task::spawn_local(async move {
                let service = service_fn(move |request| answer(Rc::clone(&limit), request));
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    };
    LocalSet::new().run_until(serving).await;
}

async fn answer(limit: Rc<Limit>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    if request.method() != Method::GET {
        return Ok(not_found());
    }
    Ok(match request.uri().path() {
        "/api/v1/health/live" => ok(br#"{"status":"ok","version":"1.1.0"}"#.to_vec()),
        "/api/v1/users/me" => limit.me(&request).await,
        "/api/v1/users" => limit.page(&request).await,
        _ => not_found(),
    })
}

impl Limit {
    async fn me(&self, request: &Request<Incoming>) -> Answer {
        let claims = match self.verified(request) {
            Ok(claims) => claims,
            Err(refusal) => return refusal,
        };
        match self.database.user_of(&claims).await {
            Some(user) => ok(json::user(&user)),
            None => unauthorized("invalid_token", "The token is invalid or has expired."),
        }
    }

    async fn page(&self, request: &Request<Incoming>) -> Answer {
        let claims = match self.verified(request) {
            Ok(claims) => claims,
            Err(refusal) => return refusal,
        };
        let limit = request.uri().query().and_then(|query| query.strip_prefix("limit=")?.parse().ok());
        let limit: i64 = limit.unwrap_or(20);
        // Both travel together; the page is thrown away if the guard says no.
        let (user, mut users) = tokio::join!(self.database.user_of(&claims), self.database.page(limit + 1));
        if user.is_none_or(|user| !user.is_superuser()) {
            return unauthorized("invalid_token", "The token is invalid or has expired.");
        }
        let has_more = users.len() > limit as usize;
        users.truncate(limit as usize);
        ok(json::page(&users, has_more))
    }

    fn verified(&self, request: &Request<Incoming>) -> Result<token::Claims, Answer> {
        let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(token) = header.and_then(|value| value.strip_prefix("Bearer ")) else {
            return Err(unauthorized("unauthorized", "A bearer token is required."));
        };
        let claims = self.verifier.verify(token);
        claims.ok_or_else(|| unauthorized("invalid_token", "The token is invalid or has expired."))
    }
}

fn ok(body: Vec<u8>) -> Answer {
    respond(StatusCode::OK, body)
}

fn unauthorized(error: &str, message: &str) -> Answer {
    let mut response = respond(StatusCode::UNAUTHORIZED, json::error(error, message));
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

fn not_found() -> Answer {
    respond(StatusCode::NOT_FOUND, json::error("not_found", "There is nothing here."))
}

fn respond(status: StatusCode, body: Vec<u8>) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
