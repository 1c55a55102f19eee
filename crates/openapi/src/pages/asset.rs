//! A static body, answered with as few bytes as the client allows.

use std::sync::OnceLock;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use poem::error::InternalServerError;
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::web::headers::{ETag, HeaderMapExt, IfNoneMatch};
use poem::{Endpoint, Request, Response};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::gzip;

/// Below this size the gzip frame costs about as much as it saves.
const MIN_COMPRESSED: usize = 512;

/// `Cache-Control` of a body that clients revalidate each time; the response is usually 304.
pub(super) const REVALIDATE: &str = "no-cache";

/// `Cache-Control` of a body whose address has its version.
pub(super) const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// A body that does not change while the process lives, with its entity tag and its gzip form.
///
/// Both are computed on first use, so that a process whose pages are not read pays for neither.
#[derive(Debug)]
pub(super) struct Asset {
    content_type: &'static str,
    /// Headers of every response, 304 included.
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
    is_compressible: bool,
    tag: OnceLock<String>,
    /// `None` inside: compression gained nothing.
    gzip: OnceCell<Option<Bytes>>,
}

impl Asset {
    pub(super) fn new(
        content_type: &'static str,
        cache_control: &'static str,
        body: impl Into<Bytes>,
    ) -> Self {
        let body = body.into();
        // Images are compressed already.
        let is_compressible = body.len() >= MIN_COMPRESSED && !content_type.starts_with("image/");
        let (headers, tag, gzip) = (Vec::new(), OnceLock::new(), OnceCell::new());
        let asset = Self { content_type, headers, body, is_compressible, tag, gzip };
        let asset = asset.with_header(header::CACHE_CONTROL, cache_control);
        if is_compressible { asset.with_header(header::VARY, "Accept-Encoding") } else { asset }
    }

    /// Adds a header to every response.
    pub(super) fn with_header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    /// Compresses on first use, on another thread: a megabyte would block the other requests of
    /// this one for too long.
    async fn gzip(&self) -> poem::Result<Option<&Bytes>> {
        let compress = async || {
            let body = self.body.clone();
            spawn_blocking(move || gzip::compress_best(&body).filter(|gzip| gzip.len() < body.len())).await
        };
        let gzip = self.gzip.get_or_try_init(compress).await;
        Ok(gzip.map_err(InternalServerError)?.as_ref())
    }
}

/// Answers GET. The router takes the body away for HEAD.
impl Endpoint for Asset {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let wants_gzip =
            self.is_compressible && gzip::is_preferred(request.headers().get_all(header::ACCEPT_ENCODING));
        let gzip = if wants_gzip { self.gzip().await? } else { None };
        let tag = self.tag.get_or_init(|| fingerprint(&self.body));
        let tag = format!("\"{tag}{}\"", if gzip.is_some() { "-gzip" } else { "" });
        // Weak comparison: a proxy that recompressed the body has made the tag weak (RFC 9110,
        // 13.1.2).
        let held = request.headers().typed_get::<IfNoneMatch>();
        let is_held =
            held.zip(tag.parse::<ETag>().ok()).is_some_and(|(held, tag)| !held.precondition_passes(&tag));
        let mut response = Response::builder().header(header::ETAG, tag).finish();
        let headers = response.headers_mut();
        headers.extend(self.headers.iter().cloned());
        if is_held {
            response.set_status(StatusCode::NOT_MODIFIED);
            return Ok(response);
        }
        let body = gzip.unwrap_or(&self.body);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(header::CONTENT_LENGTH, body.len().into());
        if gzip.is_some() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response.set_body(body.clone());
        Ok(response)
    }
}

/// The first half of the SHA-256 in hexadecimal: enough to tell versions apart.
pub(super) fn fingerprint(body: &[u8]) -> String {
    let digest = digest(&SHA256, body);
    let half = digest.as_ref().first_chunk().map_or(0, |half| u128::from_be_bytes(*half));
    format!("{half:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_held_tag_is_found_in_any_form() {
        let asset = Asset::new("text/plain", REVALIDATE, "a");
        let hash = fingerprint(b"a");
        let tag = format!("\"{hash}\"");
        let status = async |value: &str| {
            let request = Request::builder().header("if-none-match", value).finish();
            asset.get_response(request).await.status()
        };
        for value in [tag.clone(), format!("W/{tag}"), format!("\"b\", {tag}"), "*".to_owned()] {
            assert_eq!(status(&value).await, StatusCode::NOT_MODIFIED, "{value}");
        }
        for value in ["", "\"b\"", &hash, &format!("\"{hash}-gzip\"")] {
            assert_eq!(status(value).await, StatusCode::OK, "{value}");
        }
    }
}
