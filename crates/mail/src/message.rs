//! A mail before it is sent, and its form on the wire.

use std::fmt;
use std::str::FromStr;

use lettre::Address;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};

use crate::templates::Content;

/// The longest id of a mail, in characters. It is part of a header line and of a file's name.
const ID_LIMIT: usize = 100;

/// The longest subject, in characters. Clients show about sixty.
const SUBJECT_LIMIT: usize = 200;

/// Why a text is no address, name or id of a mail, as the predicate of a sentence about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Not `name@domain`.
    #[error("must be an email address")]
    Address,
    /// Neither `name@domain` nor `Name <name@domain>`, or an address with letters beyond ASCII.
    #[error("must be an email address in ASCII, alone or as Name <name@domain>")]
    Sender,
    /// An id that a header or a file's name could not have.
    #[error("must be 1 to 100 letters, digits, - and _")]
    Id,
}

/// Who mails are from: `no-reply@example.com`, or `Shop <no-reply@example.com>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender(Mailbox);

impl Sender {
    /// The part of the address after the `@`.
    pub fn domain(&self) -> &str {
        self.0.email.domain()
    }
}

impl FromStr for Sender {
    type Err = MessageError;

    fn from_str(raw: &str) -> Result<Self, MessageError> {
        // Not lettre's parser: it drops what follows the first address, and wants quotes around
        // names such as Example, Inc.
        let raw = raw.trim();
        let (name, address) = match raw.strip_suffix('>').and_then(|raw| raw.split_once('<')) {
            Some((name, address)) => (name.trim(), address),
            None => ("", raw),
        };
        let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
        if name.contains(|c: char| c.is_control() || matches!(c, '<' | '>' | '"')) {
            return Err(MessageError::Sender);
        }
        // Its domain is in headers and in the client's greeting, which take ASCII only.
        let address: Address = address.parse().map_err(|_| MessageError::Sender)?;
        if !AsRef::<str>::as_ref(&address).is_ascii() {
            return Err(MessageError::Sender);
        }
        Ok(Self(Mailbox::new(Some(name.to_owned()).filter(|name| !name.is_empty()), address)))
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A mail to one recipient, as text and as HTML. `Debug` shows its id only: the text may have a link
/// that works like a password.
#[derive(Clone)]
pub struct Message {
    id: String,
    to: Address,
    content: Content,
    link: Option<String>,
}

impl Message {
    /// A mail with this content.
    ///
    /// `id` becomes the `Message-ID`, so a caller that sends the same mail twice uses the same id,
    /// and mailboxes show one mail. It must be unique beyond this service's lifetime: a UUID, or a
    /// database's id with a random part.
    ///
    /// # Errors
    /// An id or address that is none.
    pub fn new(id: &str, to: &str, content: Content) -> Result<Self, MessageError> {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if id.is_empty() || id.len() > ID_LIMIT || !id.bytes().all(is_part) {
            return Err(MessageError::Id);
        }
        let to = to.parse().map_err(|_| MessageError::Address)?;
        Ok(Self { id: id.to_owned(), to, content, link: None })
    }

    /// The link in the mail, for the log line of a mailer that writes files. Nothing else uses it.
    #[must_use]
    pub fn with_link(self, link: impl Into<String>) -> Self {
        Self { link: Some(link.into()), ..self }
    }

    /// What `new` was called with.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The recipient's address.
    pub fn to(&self) -> &str {
        self.to.as_ref()
    }

    pub(crate) fn link(&self) -> Option<&str> {
        self.link.as_deref()
    }

    /// The mail as a server receives it, with the time of this call as its date.
    pub(crate) fn compose(&self, from: &Sender) -> Result<lettre::Message, lettre::error::Error> {
        let header =
            |name, value: &str| HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned());
        let Content { language, subject, text, html } = &self.content;
        lettre::Message::builder()
            .from(from.0.clone())
            .to(Mailbox::new(None, self.to.clone()))
            .subject(one_line(subject))
            .message_id(Some(format!("<{}@{}>", self.id, from.domain())))
            // No out-of-office replies (RFC 3834).
            .raw_header(header("Auto-Submitted", "auto-generated"))
            .raw_header(header("Content-Language", &one_line(language)))
            .multipart(MultiPart::alternative_plain_html(text.clone(), html.clone()))
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The text on one line of limited length. A line break in a subject would begin another header.
fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    line.chars().take(SUBJECT_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(subject: &str) -> Content {
        Content {
            language: "en".to_owned(),
            subject: subject.to_owned(),
            text: "Open https://example.com/?token=hunter2\n".to_owned(),
            html: "<p>Grüße</p>".to_owned(),
        }
    }

    fn wire(from: &str, message: &Message) -> String {
        String::from_utf8(message.compose(&from.parse().unwrap()).unwrap().formatted()).unwrap()
    }

    #[test]
    fn a_mail_has_a_stable_id_and_says_that_a_program_sent_it() {
        let message = Message::new("m-1", "ada@example.com", content("Hello")).unwrap();
        let wire = wire("Shop <no-reply@shop.example>", &message);
        for line in [
            "From: Shop <no-reply@shop.example>\r\n",
            "To: ada@example.com\r\n",
            "Subject: Hello\r\n",
            "Message-ID: <m-1@shop.example>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Language: en\r\n",
            "MIME-Version: 1.0\r\n",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "Content-Type: text/html; charset=utf-8\r\n",
        ] {
            assert_eq!(wire.matches(line).count(), 1, "{line}: {wire}");
        }
        assert!(wire.contains("multipart/alternative"), "{wire}");
    }

    #[test]
    fn a_line_break_in_a_name_adds_no_header() {
        for name in
            ["Eve\r\nBcc: all@example.com", "Eve\nBcc: all@example.com", "Eve\r\n\r\nBcc: all@example.com"]
        {
            let message = Message::new("m-1", "ada@example.com", content(&format!("Hello {name}"))).unwrap();
            let wire = wire("no-reply@shop.example", &message);
            assert!(wire.contains("Subject: Hello Eve Bcc: all@example.com\r\n"), "{wire}");
            assert!(!wire.contains("\nBcc"), "{wire}");
            assert_eq!(format!("{name} <a@b.example>").parse::<Sender>(), Err(MessageError::Sender));
        }
        for to in ["ada@example.com\r\nBcc: all@example.com", "ada@example.com, all@example.com", "ada", ""] {
            assert_eq!(Message::new("m-1", to, content("")).unwrap_err(), MessageError::Address, "{to}");
        }
        for id in ["", "a b", "a>\r\nBcc: b", "../a", "ä", &"a".repeat(101)] {
            assert_eq!(
                Message::new(id, "ada@example.com", content("")).unwrap_err(),
                MessageError::Id,
                "{id}"
            );
        }
    }

    #[test]
    fn letters_beyond_ascii_are_encoded() {
        let message = Message::new("m-1", "ada@example.com", content("Grüße")).unwrap();
        let wire = wire("Geschäft <no-reply@shop.example>", &message);
        assert!(wire.is_ascii() && wire.contains("Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n"), "{wire}");
    }

    #[test]
    fn a_sender_is_an_address_with_or_without_a_name() {
        for (raw, shown) in [
            ("a@b.example", "a@b.example"),
            (" <a@b.example> ", "a@b.example"),
            ("Shop <a@b.example>", "Shop <a@b.example>"),
            ("\"Shop, Inc.\" <a@b.example>", "\"Shop, Inc.\" <a@b.example>"),
        ] {
            assert_eq!(raw.parse::<Sender>().unwrap().to_string(), shown, "{raw}");
        }
        for raw in
            ["", "Shop", "a@b.example, c@d.example", "a <b> <c@d.example>", "Shop <>", "a@bücher.example"]
        {
            assert_eq!(raw.parse::<Sender>(), Err(MessageError::Sender), "{raw}");
        }
    }

    #[test]
    fn no_debug_output_shows_the_text_of_a_mail() {
        let message = Message::new("m-1", "ada@example.com", content("hunter2")).unwrap();
        let shown = format!("{:?} {:?}", message.clone().with_link("hunter2"), content("hunter2"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
