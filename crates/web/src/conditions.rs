//! Entity tags, and requests on a condition (RFC 9110, 8.8.3 and 13).
//!
//! A tag is a hash of the representation, so it changes exactly when the representation does: with
//! no column to maintain, none to forget, and no two changes within one tick of a clock.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use poem::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::web::headers::{ETag, HeaderMapExt, IfMatch as IfMatchHeader, IfNoneMatch};
use poem::{Body, Request, RequestBody, Response};
use poem_openapi::registry::{MetaParamIn, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::Serialize;

/// What the tag of a gzip form has after the tag of the plain form: two forms of one representation
/// differ in their bytes, and so do their strong tags (RFC 9110, 8.8.3.3).
const GZIP_SUFFIX: &str = "-gzip";

/// How many bytes of the hash a tag has: enough that no two representations share one.
const TAG_BYTES: usize = 16;

/// The strong entity tag of a representation, in quotes.
pub(crate) fn tag_of(body: &[u8]) -> String {
    let hash = digest(&SHA256, body);
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&hash.as_ref()[..TAG_BYTES]))
}

/// The tag of the gzip form of what has this tag.
pub(crate) fn gzip_tag(tag: &str) -> String {
    format!("{}{GZIP_SUFFIX}\"", tag.trim_end_matches('"'))
}

/// Whether a current value meets a condition.
pub type Precondition<T> = Box<dyn Fn(&T) -> bool + Send + Sync>;

/// The header `If-Match`: change only what the client has seen. It may have several lines and tags,
/// or be `*`. A weak tag, or what is no tag, matches nothing.
///
/// `If-None-Match`, which clients have little use for on a change, is honoured beside it. If it
/// cannot be read, nothing is changed.
pub struct IfMatch {
    if_match: Option<Condition>,
    if_none_match: Option<IfNoneMatch>,
}

enum Condition {
    Tags(IfMatchHeader),
    /// The header cannot be read.
    Never,
}

impl IfMatch {
    fn of(headers: &HeaderMap) -> Self {
        let unseen_is_readable =
            headers.get_all(header::IF_NONE_MATCH).iter().all(|line| line.to_str().is_ok());
        let if_match = match headers.typed_try_get::<IfMatchHeader>() {
            Ok(tags) if unseen_is_readable => tags.map(Condition::Tags),
            _ => Some(Condition::Never),
        };
        Self { if_match, if_none_match: headers.typed_get() }
    }

    /// The condition on a value that is shown as what `view` makes of it; `None` without the
    /// headers. It has to be checked where the value cannot change until it is written.
    pub fn on<T: Clone + 'static, V: Serialize>(
        self,
        view: impl Fn(T) -> V + Send + Sync + 'static,
    ) -> Option<Precondition<T>> {
        if self.if_match.is_none() && self.if_none_match.is_none() {
            return None;
        }
        Some(Box::new(move |current| {
            let body = serde_json::to_vec(&view(current.clone()));
            body.is_ok_and(|body| self.holds(&tag_of(&body)))
        }))
    }

    fn holds(&self, tag: &str) -> bool {
        // A client that read the gzip form has seen the same state.
        let [Ok(plain), Ok(gzip)] = [tag, &gzip_tag(tag)].map(str::parse::<ETag>) else { return false };
        let forms = [plain, gzip];
        let is_match = match &self.if_match {
            None => true,
            Some(Condition::Tags(tags)) => forms.iter().any(|tag| tags.precondition_passes(tag)),
            Some(Condition::Never) => false,
        };
        let none_matches = |tags: &IfNoneMatch| forms.iter().all(|tag| tags.precondition_passes(tag));
        is_match && self.if_none_match.as_ref().is_none_or(none_matches)
    }
}

impl<'a> ApiExtractor<'a> for IfMatch {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    type ParamType = ();
    type ParamRawType = ();

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(MetaSchemaRef::Inline(Box::new(MetaSchema {
            description: Some(
                "Change the resource only if it has this `ETag`: otherwise 412. `*` stands for any.",
            ),
            ..MetaSchema::new("string")
        })))
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        Ok(Self::of(request.headers()))
    }
}

/// What a request says about the form of its response.
pub(crate) struct Wanted {
    pub if_none_match: Option<IfNoneMatch>,
    pub accept_encoding: Vec<HeaderValue>,
}

impl Wanted {
    pub(crate) fn by(request: &Request) -> Self {
        let headers = request.headers();
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let is_conditional = reads && headers.contains_key(header::IF_NONE_MATCH);
        // One that cannot be read is ignored.
        let if_none_match = if is_conditional { headers.typed_get() } else { None };
        Self {
            if_none_match,
            accept_encoding: headers.get_all(header::ACCEPT_ENCODING).iter().cloned().collect(),
        }
    }

    /// Whether the client has what has this tag.
    fn has(&self, headers: &HeaderMap) -> bool {
        let Some(condition) = &self.if_none_match else { return false };
        let tag = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()?.parse::<ETag>().ok());
        tag.is_some_and(|tag| !condition.precondition_passes(&tag))
    }

    /// Replaces a 200 by 304 if the client has the representation already. The headers of the 200
    /// stay, without those of the content.
    pub(crate) fn replace_by_not_modified(&self, mut response: Response) -> Response {
        if response.status() == StatusCode::OK && self.has(response.headers()) {
            response.set_status(StatusCode::NOT_MODIFIED);
            response.set_body(Body::empty());
            for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::CONTENT_LENGTH] {
                response.headers_mut().remove(name);
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: &str = "seen";

    /// Whether a change with these headers is made to what has this state.
    fn holds(headers: &[(&'static str, &[u8])], current: &'static str) -> Option<bool> {
        let mut map = HeaderMap::new();
        for (name, line) in headers {
            map.append(*name, HeaderValue::from_bytes(line).unwrap());
        }
        IfMatch::of(&map).on(|text: &str| text.to_owned()).map(|holds| holds(&current))
    }

    /// The same with lines of one header.
    fn holds_with(name: &'static str, lines: &[&str], current: &'static str) -> Option<bool> {
        let headers: Vec<_> = lines.iter().map(|line| (name, line.as_bytes())).collect();
        holds(&headers, current)
    }

    #[test]
    fn a_tag_matches_what_was_seen_and_nothing_else() {
        let tag = tag_of(b"\"seen\"");
        let gzip = gzip_tag(&tag);
        for lines in [&[&*tag][..], &["*"], &["\"other\", ", &tag], &[&format!("\"a,b\", {tag}")], &[&gzip]] {
            assert_eq!(holds_with("if-match", lines, SEEN), Some(true), "{lines:?}");
        }
        assert_eq!(holds_with("if-match", &[&tag], "changed"), Some(false));
        for lines in
            [&["\"other\""][..], &[&format!("W/{tag}")], &[tag.trim_matches('"')], &[""], &["\"open"]]
        {
            assert_eq!(holds_with("if-match", lines, SEEN), Some(false), "{lines:?}");
        }
        assert_eq!(holds(&[], SEEN), None);
    }

    #[test]
    fn a_change_on_condition_that_nothing_matches_is_refused_for_what_was_seen() {
        let tag = tag_of(b"\"seen\"");
        let gzip = gzip_tag(&tag);
        for lines in [&[&*tag][..], &["*"], &[&format!("W/{tag}")], &[&gzip], &["\"other\"", &tag]] {
            assert_eq!(holds_with("if-none-match", lines, SEEN), Some(false), "{lines:?}");
        }
        assert_eq!(holds_with("if-none-match", &["\"other\""], SEEN), Some(true));
        let unreadable = [b"\"\xe9\", ", tag.as_bytes()].concat();
        assert_eq!(holds(&[("if-none-match", &unreadable)], SEEN), Some(false));
    }

    #[test]
    fn both_conditions_must_hold() {
        let (tag, other) = (tag_of(b"\"seen\""), "\"other\"");
        for (seen, unseen, expected) in
            [(&*tag, other, true), (&tag, &tag, false), (other, other, false), (other, &tag, false)]
        {
            let headers = [("if-match", seen.as_bytes()), ("if-none-match", unseen.as_bytes())];
            assert_eq!(holds(&headers, SEEN), Some(expected), "{seen} {unseen}");
        }
    }

    #[test]
    fn forms_of_one_representation_have_different_tags() {
        let tag = tag_of(b"{}");
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() == 24, "{tag}");
        assert_eq!(gzip_tag("\"ab\""), "\"ab-gzip\"");
    }
}
