//! The content coding gzip: whether a client prefers it, and how a body gets it.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use poem::http::HeaderValue;

/// Compresses what is sent often: as small as possible.
pub fn compress_best(body: &[u8]) -> Option<Bytes> {
    compress(body, Compression::best())
}

/// Compresses what is sent once: at little cost.
pub fn compress_fast(body: &[u8]) -> Option<Bytes> {
    compress(body, Compression::fast())
}

fn compress(body: &[u8], level: Compression) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(body).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

/// Whether gzip is acceptable and preferred to the plain body, by the lines of `Accept-Encoding`
/// (RFC 9110, 12.5.3). A weight that cannot be read counts as a refusal, because the plain body is
/// always acceptable.
pub fn is_preferred<'a>(lines: impl IntoIterator<Item = &'a HeaderValue>) -> bool {
    let (mut gzip, mut any, mut identity) = (None, None, None);
    let lines = lines.into_iter().filter_map(|line| line.to_str().ok());
    for coding in lines.flat_map(|line| line.split(',')) {
        let mut parts = coding.split(';').map(|part| part.trim().to_ascii_lowercase());
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").map(|q| q.trim().parse().unwrap_or(0.0)));
        let weight: f32 = weight.unwrap_or(1.0);
        match name.as_str() {
            "gzip" | "x-gzip" => gzip = Some(weight),
            "*" => any = Some(weight),
            "identity" => identity = Some(weight),
            _ => {}
        }
    }
    let gzip = gzip.or(any).unwrap_or(0.0);
    gzip > 0.0 && gzip >= identity.unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_preferred_by(lines: &[&'static str]) -> bool {
        let lines: Vec<_> = lines.iter().map(|line| HeaderValue::from_static(line)).collect();
        is_preferred(&lines)
    }

    #[test]
    fn gzip_is_sent_where_it_is_preferred() {
        for lines in [
            &["gzip"][..],
            &["gzip, deflate, br, zstd"],
            &["br", "x-gzip"],
            &["*"],
            &["GZIP; q=0.5"],
            &["gzip;q=1.0, identity; q=0.5, *;q=0"],
            &["identity;q=0, *"],
        ] {
            assert!(is_preferred_by(lines), "{lines:?}");
        }
        for lines in [
            &[][..],
            &[""],
            &["br"],
            &["identity"],
            &["gzip;q=0"],
            &["gzip;q=0.000, *"],
            &["*;q=0"],
            &["gzip;q=0.2, identity"],
            &["gzip;q=much"],
            &["gzip;q=nan"],
        ] {
            assert!(!is_preferred_by(lines), "{lines:?}");
        }
    }
}
