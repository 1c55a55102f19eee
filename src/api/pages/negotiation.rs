//! What a request's headers ask of a static body (RFC 9110, sections 12.5.3 and 13.1.2).

use poem::http::{HeaderMap, HeaderName, header};

/// Whether gzip is acceptable and not less welcome than the plain body.
pub(super) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let (mut gzip, mut any, mut identity) = (None, None, None);
    for coding in list(headers, header::ACCEPT_ENCODING) {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight(parameters);
        match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => gzip = Some(weight),
            "*" => any = Some(weight),
            "identity" => identity = Some(weight),
            _ => {}
        }
    }
    let gzip = gzip.or(any).unwrap_or(0.0);
    gzip > 0.0 && gzip >= identity.unwrap_or(0.0)
}

/// A weight that cannot be read counts as a refusal: the plain body is always right.
fn weight(parameters: &str) -> f32 {
    let mut parameters = parameters.split(';').map(str::trim);
    let weight =
        parameters.find_map(|parameter| parameter.strip_prefix("q=").or(parameter.strip_prefix("Q=")));
    weight.map_or(1.0, |weight| weight.trim().parse().unwrap_or(0.0))
}

/// Whether the client holds the body with this tag. A proxy that recompressed it made the tag weak.
pub(super) fn is_unchanged(headers: &HeaderMap, tag: &str) -> bool {
    list(headers, header::IF_NONE_MATCH)
        .any(|held| held == "*" || held.strip_prefix("W/").unwrap_or(held) == tag)
}

/// The members of a list header, over all its lines.
fn list(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    fn headers(name: &HeaderName, lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), HeaderValue::from_static(line))).collect()
    }

    #[test]
    fn gzip_is_sent_where_it_is_welcome() {
        for lines in [
            &["gzip"][..],
            &["gzip, deflate, br, zstd"],
            &["br", "x-gzip"],
            &["*"],
            &["GZIP; q=0.5"],
            &["gzip;q=1.0, identity; q=0.5, *;q=0"],
            &["identity;q=0, *"],
        ] {
            assert!(accepts_gzip(&headers(&header::ACCEPT_ENCODING, lines)), "{lines:?}");
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
            assert!(!accepts_gzip(&headers(&header::ACCEPT_ENCODING, lines)), "{lines:?}");
        }
    }

    #[test]
    fn a_held_tag_is_found_in_any_form() {
        for lines in [&["\"a\""][..], &["W/\"a\""], &["\"b\", \"a\""], &["\"b\"", "\"a\""], &["*"]] {
            assert!(is_unchanged(&headers(&header::IF_NONE_MATCH, lines), "\"a\""), "{lines:?}");
        }
        for lines in [&[][..], &["\"b\""], &["a"], &["\"a-gzip\""]] {
            assert!(!is_unchanged(&headers(&header::IF_NONE_MATCH, lines), "\"a\""), "{lines:?}");
        }
    }
}
