//! Compression of large answers, for clients that accept it.

use std::io;

use bytes::Bytes;
use groundwork_openapi::gzip;
use poem::http::{HeaderValue, header};
use poem::{Body, Response};
use tokio::task::spawn_blocking;

use super::conditions::{Wanted, gzip_tag};

/// Below this size the packets on the wire are about the same.
pub(crate) const MIN_COMPRESSED: usize = 1024;

/// Above this size compression takes long enough to hold up the other requests of a thread.
const MAX_INLINE: usize = 64 * 1024;

/// Marks a response that is large enough and holds no secret. What is not marked is not compressed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compressible;

/// Compresses a response that is marked, if the client accepts that.
pub(crate) async fn compress(wanted: &Wanted, mut response: Response) -> io::Result<Response> {
    if response.extensions_mut().remove::<Compressible>().is_none() {
        return Ok(response);
    }
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if !gzip::is_preferred(wanted.accept_encoding.iter()) {
        return Ok(response);
    }
    let plain = response.take_body().into_bytes().await.map_err(io::Error::other)?;
    let Some(compressed) = smaller(plain.clone()).await? else {
        response.set_body(plain);
        return Ok(response);
    };
    response.set_body(Body::from_bytes(compressed));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    let tag = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).map(gzip_tag);
    if let Some(tag) = tag.and_then(|tag| HeaderValue::try_from(tag).ok()) {
        headers.insert(header::ETAG, tag);
    }
    Ok(response)
}

/// The gzip form; `None` if it is not smaller.
async fn smaller(plain: Bytes) -> io::Result<Option<Bytes>> {
    let is_large = plain.len() > MAX_INLINE;
    let work = move || gzip::compress_fast(&plain).filter(|compressed| compressed.len() < plain.len());
    if is_large { spawn_blocking(work).await.map_err(io::Error::other) } else { Ok(work()) }
}
