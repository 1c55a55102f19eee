//! Addresses of SMTP servers, which may hold a password.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use groundwork_secret_url::{Parts, SecretUrl, UrlError, option_name};
use percent_encoding::percent_decode_str;
use secrecy::SecretString;

const FORM: &str = "must be smtp://host:port for STARTTLS, or smtps://user:password@host:port for TLS \
    from the first byte";
/// Submission with STARTTLS (RFC 6409).
const SUBMISSION_PORT: u16 = 587;
/// Submission with TLS from the first byte (RFC 8314).
const SUBMISSIONS_PORT: u16 = 465;

/// When a connection is encrypted. Nothing depends on what the server offers: an attacker on the
/// way can hide its offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// From the first byte: `smtps://`.
    Implicit,
    /// After the command `STARTTLS`. A server without it gets no mail and no password.
    StartTls,
    /// Never. With a password only to this machine itself.
    None,
}

/// The address of an SMTP server: `smtp://[user:password@]host[:587]`, or `smtps://` and port 465.
/// `Display` and `Debug` mask the password.
///
/// `smtp://` uses STARTTLS, except to a loopback address, which no other machine can read. Options:
///
/// - `tls=required` or `tls=off` changes that. Without TLS a password is sent to a loopback address
///   only.
/// - `ca_file=/path` names a PEM file with the only authorities that the server's certificate may
///   be from. Without it these are the system's.
#[derive(Clone)]
pub struct SmtpUrl {
    url: SecretUrl,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) encryption: Encryption,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) credentials: Option<SmtpCredentials>,
}

#[derive(Clone)]
pub(crate) struct SmtpCredentials {
    pub(crate) user: String,
    pub(crate) password: SecretString,
}

impl SmtpUrl {
    /// When connections to the server are encrypted.
    pub fn encryption(&self) -> Encryption {
        self.encryption
    }

    /// The file of authorities, if the address names one.
    pub fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }
}

impl fmt::Display for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpUrl({self})")
    }
}

impl FromStr for SmtpUrl {
    type Err = UrlError;

    fn from_str(raw: &str) -> Result<Self, UrlError> {
        let is_implicit = match raw.split_once("://").map_or("", |(scheme, _)| scheme) {
            "smtp" => false,
            "smtps" => true,
            _ => return Err(UrlError::new(FORM)),
        };
        let url: SecretUrl = raw.parse()?;
        let parts = url.parts();
        if !matches!(parts.path, "" | "/") {
            return Err(UrlError::new("must end after the port, or go on with ? and options"));
        }
        let (host, port) = host_and_port(parts.host)?;
        let port = port.unwrap_or(if is_implicit { SUBMISSIONS_PORT } else { SUBMISSION_PORT });
        let credentials = credentials(&parts)?;
        let Options { tls, ca_file } = options(&parts)?;
        let encryption = match (is_implicit, tls) {
            (true, Some(false)) => return Err(UrlError::new("must not have tls=off: smtps:// is TLS")),
            (true, _) => Encryption::Implicit,
            (false, Some(false)) => Encryption::None,
            (false, None) if is_loopback(&host) => Encryption::None,
            (false, _) => Encryption::StartTls,
        };
        if encryption == Encryption::None {
            if credentials.is_some() && !is_loopback(&host) {
                return Err(UrlError::new("must not send a password without TLS: leave tls=off out"));
            }
            if ca_file.is_some() {
                return Err(UrlError::new("must not have ca_file without TLS: add tls=required"));
            }
        }
        Ok(Self { url, host, port, encryption, ca_file, credentials })
    }
}

/// The host without the brackets of an IPv6 address.
fn host_and_port(authority: &str) -> Result<(String, Option<u16>), UrlError> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let port = port
        .map(|port| port.parse().ok().filter(|port| *port != 0))
        .map(|port| port.ok_or(UrlError::new("must have a port from 1 to 65535")))
        .transpose()?;
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_valid = match inner {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        }
    };
    if is_valid {
        Ok((inner.unwrap_or(host).to_owned(), port))
    } else {
        Err(UrlError::new("must name one host: a name in ASCII, an IPv4 address, or an IPv6 address in []"))
    }
}

fn is_loopback(host: &str) -> bool {
    // Resolvers answer the name themselves (RFC 6761, 6.3).
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn credentials(parts: &Parts<'_>) -> Result<Option<SmtpCredentials>, UrlError> {
    let (user, password) = match parts.user {
        None => return Ok(None),
        Some((user, Some(password))) if !user.is_empty() && !password.is_empty() => {
            (decoded(user)?, decoded(password)?)
        }
        Some(_) => return Err(UrlError::new("must have both a user and a password: user:password@host")),
    };
    Ok(Some(SmtpCredentials { user, password: password.into() }))
}

fn decoded(text: &str) -> Result<String, UrlError> {
    let text = percent_decode_str(text).decode_utf8();
    let text = text.map_err(|_| UrlError::new("must have a user and a password in UTF-8"))?;
    // NUL separates the two on their way to the server (RFC 4616).
    if text.contains(char::is_control) {
        return Err(UrlError::new("must not have a control character in the user or the password"));
    }
    Ok(text.into_owned())
}

#[derive(Default)]
struct Options {
    /// Whether TLS is required or off.
    tls: Option<bool>,
    ca_file: Option<PathBuf>,
}

fn options(parts: &Parts<'_>) -> Result<Options, UrlError> {
    let mut options = Options::default();
    for option in parts.options() {
        let name = option_name(option)?;
        let value = option.split_once('=').map_or("", |(_, value)| value);
        match (name.as_str(), value) {
            ("tls", "required") => options.tls = Some(true),
            ("tls", "off") => options.tls = Some(false),
            ("tls", _) => return Err(UrlError::new("must have tls=required or tls=off")),
            ("ca_file", "") => return Err(UrlError::new("must name a file: ca_file=/path")),
            ("ca_file", path) => options.ca_file = Some(PathBuf::from(decoded(path)?)),
            _ => return Err(UrlError::unknown(name, ": the options are tls and ca_file")),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn parsed(raw: &str) -> SmtpUrl {
        raw.parse().unwrap_or_else(|error| panic!("{raw}: {error}"))
    }

    #[test]
    fn mail_is_encrypted_unless_it_stays_on_this_machine_or_the_operator_says_so() {
        for (raw, host, port, encryption) in [
            ("smtps://mail.example.com", "mail.example.com", 465, Encryption::Implicit),
            ("smtps://app:hunter2@mail.example.com:2465/", "mail.example.com", 2465, Encryption::Implicit),
            ("smtps://localhost?tls=required", "localhost", 465, Encryption::Implicit),
            ("smtp://mail.example.com", "mail.example.com", 587, Encryption::StartTls),
            ("smtp://app:hunter2@192.0.2.1:25", "192.0.2.1", 25, Encryption::StartTls),
            ("smtp://[2001:db8::1]:25", "2001:db8::1", 25, Encryption::StartTls),
            ("smtp://mailpit:1025?tls=off", "mailpit", 1025, Encryption::None),
            ("smtp://localhost:1025", "localhost", 1025, Encryption::None),
            ("smtp://app:hunter2@127.0.0.1:25", "127.0.0.1", 25, Encryption::None),
            ("smtp://[::1]", "::1", 587, Encryption::None),
            ("smtp://[::1]?tls=required", "::1", 587, Encryption::StartTls),
        ] {
            let url = parsed(raw);
            let read = (url.host.as_str(), url.port, url.encryption());
            assert_eq!(read, (host, port, encryption), "{raw}");
        }
        let url = parsed("smtp://relay?ca_file=/etc/mail%20ca.pem");
        assert_eq!(url.ca_file(), Some(Path::new("/etc/mail ca.pem")));
    }

    #[test]
    fn no_password_is_sent_in_clear_text_to_another_machine() {
        for raw in ["smtp://app:hunter2@mail.example.com?tls=off", "smtp://app:hunter2@192.0.2.1:25?tls=off"]
        {
            let error = raw.parse::<SmtpUrl>().unwrap_err().to_string();
            assert_eq!(error, "must not send a password without TLS: leave tls=off out", "{raw}");
        }
    }

    #[test]
    fn the_user_and_the_password_are_decoded_and_not_shown() {
        let url = parsed("smtps://app%40example.com:hun%2Fter2@mail.example.com");
        let credentials = url.credentials.as_ref().unwrap();
        assert_eq!(
            (credentials.user.as_str(), credentials.password.expose_secret()),
            ("app@example.com", "hun/ter2")
        );
        let shown = "smtps://app%40example.com:********@mail.example.com";
        assert_eq!((url.to_string(), format!("{url:?}")), (shown.to_owned(), format!("SmtpUrl({shown})")));
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason_and_without_the_password() {
        for (raw, problem) in [
            ("mail.example.com:25", "smtp://host:port"),
            ("http://mail.example.com", "smtp://host:port"),
            ("smtp://", "one host"),
            ("smtp://a,b", "one host"),
            ("smtp://2001:db8::1", "one host"),
            ("smtp://[mail]", "one host"),
            ("smtp://mail:0", "port"),
            ("smtp://mail:smtp", "port"),
            ("smtp://app:hunter2@mail/inbox", "end after the port"),
            ("smtp://hunter2@mail", "both a user and a password"),
            ("smtp://app:@mail", "both a user and a password"),
            ("smtp://:hunter2@mail", "both a user and a password"),
            ("smtp://app:hunter2%00@mail", "control character"),
            ("smtp://app:hunter2%ff@mail", "UTF-8"),
            ("smtp://app:hunter2@mail?tls=maybe", "tls=required or tls=off"),
            ("smtps://app:hunter2@mail?tls=off", "smtps:// is TLS"),
            ("smtp://localhost?ca_file=/ca.pem", "tls=required"),
            ("smtp://mail?ca_file=", "must name a file"),
            ("smtp://mail?sslmode=require", "unknown option `sslmode`"),
        ] {
            let error = raw.parse::<SmtpUrl>().unwrap_err().to_string();
            assert!(error.contains(problem) && !error.contains("hunter2"), "{raw}: {error}");
        }
    }
}
