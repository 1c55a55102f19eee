//! One static body, answered with as few bytes as the client allows.

use std::{
    fmt::Write as _,
    io::Write as _,
    sync::{Arc, OnceLock},
};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use poem::{
    Endpoint, Request, Response,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
};

use super::negotiation::{accepts_gzip, is_unchanged};

/// Below this size the gzip frame costs about what it saves.
const WORTH_COMPRESSING: usize = 512;

/// How long a client may use its copy without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caching {
    /// Ask each time; the answer is usually 304.
    Revalidate,
    /// For ever: the version is part of the address.
    Immutable,
}

impl Caching {
    fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Revalidate => "no-cache",
            Self::Immutable => "public, max-age=31536000, immutable",
        })
    }
}

/// A body that never changes while the process lives, with its gzip form and its entity tag.
///
/// Tag and gzip form are made on first use: a process nobody reads documentation from pays for neither.
#[derive(Debug)]
pub struct Asset {
    content_type: HeaderValue,
    caching: Caching,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
    hash: OnceLock<String>,
    /// `None` inside: compressing gained nothing.
    gzip: OnceLock<Option<Bytes>>,
}

impl Asset {
    /// Takes the body as it is sent to a client that accepts no encoding.
    pub fn new(content_type: &'static str, caching: Caching, body: impl Into<Bytes>) -> Self {
        Self {
            content_type: HeaderValue::from_static(content_type),
            caching,
            headers: Vec::new(),
            body: body.into(),
            hash: OnceLock::new(),
            gzip: OnceLock::new(),
        }
    }

    /// Adds a header to every answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    /// Answers a GET or HEAD request. The first answer in gzip compresses the body on the calling thread.
    pub fn respond(&self, request: &Request) -> Response {
        let gzip = if self.wants_gzip(request.headers()) { self.gzip() } else { None };
        let tag = format!("\"{}{}\"", self.hash(), if gzip.is_some() { "-gzip" } else { "" });
        let unchanged = is_unchanged(request.headers(), &tag);
        let mut response = Response::builder().header(header::ETAG, tag).finish();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, self.caching.header());
        if self.is_compressible() {
            headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        headers.extend(self.headers.iter().cloned());
        if unchanged {
            response.set_status(StatusCode::NOT_MODIFIED);
            return response;
        }
        let body = gzip.unwrap_or(&self.body);
        headers.insert(header::CONTENT_TYPE, self.content_type.clone());
        headers.insert(header::CONTENT_LENGTH, body.len().into());
        if gzip.is_some() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if request.method() != Method::HEAD {
            response.set_body(body.clone());
        }
        response
    }

    /// The start of the body's SHA-256, in hexadecimal: enough to tell versions apart.
    fn hash(&self) -> &str {
        self.hash.get_or_init(|| hex(&digest(&SHA256, &self.body).as_ref()[..16]))
    }

    /// Images are compressed already.
    fn is_compressible(&self) -> bool {
        self.body.len() >= WORTH_COMPRESSING && !self.content_type.as_bytes().starts_with(b"image/")
    }

    fn wants_gzip(&self, headers: &HeaderMap) -> bool {
        self.is_compressible() && accepts_gzip(headers)
    }

    fn gzip(&self) -> Option<&Bytes> {
        self.gzip.get_or_init(|| compress(&self.body).filter(|gzip| gzip.len() < self.body.len())).as_ref()
    }
}

fn compress(body: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An asset as an endpoint.
#[derive(Debug, Clone)]
pub(super) struct Served(pub(super) Arc<Asset>);

impl Endpoint for Served {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let asset = &self.0;
        if asset.gzip.get().is_none() && asset.wants_gzip(request.headers()) {
            // A megabyte takes long enough to hold up every other request of this thread.
            let asset = Arc::clone(asset);
            let compressed = tokio::task::spawn_blocking(move || asset.gzip().is_some());
            compressed.await.map_err(poem::error::InternalServerError)?;
        }
        Ok(asset.respond(&request))
    }
}
