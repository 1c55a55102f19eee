//! Checks of web addresses: paths, origins and proxies.

use std::net::IpAddr;

use ipnet::IpNet;
use url::{Position, Url};

use crate::check::{Check, list, parsed};

/// The path that operations are under. The first segment must not be `reserved`, for pages of the
/// application itself.
pub fn path_prefix(reserved: &'static [&'static str]) -> Check<String> {
    let read = move |raw: &str| {
        let Some(path) = raw.strip_prefix('/') else {
            return Err("must start with /".to_owned());
        };
        if path.is_empty() || path.ends_with('/') {
            return Err("must name a path and not end with /".to_owned());
        }
        let plain = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
        };
        if !path.split('/').all(plain) {
            return Err("must be segments of letters, digits and - . _ ~ between single /".to_owned());
        }
        match path.split('/').next() {
            Some(first) if reserved.contains(&first) => {
                Err(format!("must not start with /{first}, where the service has its own pages"))
            }
            _ => Ok(raw.to_owned()),
        }
    };
    parsed(read).accepting("Starts with `/` and does not end with it.")
}

/// A web origin exactly as browsers send it: the header is compared byte by byte.
pub fn origin() -> Check<String> {
    parsed(parse_origin).accepting("Exactly `scheme://host[:port]`; `*` and `null` are refused.")
}

fn parse_origin(raw: &str) -> Result<String, String> {
    if raw.eq_ignore_ascii_case("null") {
        return Err(
            "null is what every sandboxed frame and local file sends, so it would admit anyone".to_owned()
        );
    }
    if raw.contains('*') {
        return Err("* would let every website call the API as its visitor; list each origin".to_owned());
    }
    if !raw.is_ascii() {
        return Err("must write its host as browsers send it, in punycode: xn--…".to_owned());
    }
    let form = || "must be scheme://host or scheme://host:port, without a path or a final /".to_owned();
    let raw = raw.to_ascii_lowercase();
    let (scheme, authority) = raw.split_once("://").ok_or_else(form)?;
    let is_plain = authority.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
    let url = Url::parse(&raw).ok().filter(|_| is_plain).ok_or_else(form)?;
    if url.host_str().is_none_or(str::is_empty) || authority.ends_with(':') || url.port() == Some(0) {
        return Err(form());
    }
    // Like browsers, it leaves out a port that is the default and writes an IPv6 address in one
    // way.
    match url.port_or_known_default() {
        Some(port) if url.port().is_none() && authority.ends_with(&format!(":{port}")) => {
            Err(format!("must leave out :{port}, as browsers do for {scheme}"))
        }
        _ => Ok(url[..Position::BeforePath].to_owned()),
    }
}

const EVERY_ADDRESS: &str =
    "trusts every address, so that any client could claim to be any other; name the proxies";

/// A comma-separated list of the networks and addresses of proxies. It must not cover every
/// address.
pub fn trusted_proxies() -> Check<Vec<IpNet>> {
    let networks = list(parsed(network));
    let read = move |raw: &str| {
        let networks = networks.read(raw)?;
        // Two halves cover every address as well: 0.0.0.0/1 and 128.0.0.0/1.
        if IpNet::aggregate(&networks).iter().any(|network| network.prefix_len() == 0) {
            return Err(format!("together {EVERY_ADDRESS}"));
        }
        Ok(networks)
    };
    let show = |networks: &Vec<IpNet>| list(parsed(network)).show(networks);
    Check::new(read, show).accepting("Comma-separated networks (CIDR) or addresses.")
}

fn network(raw: &str) -> Result<IpNet, String> {
    let network = raw
        .parse::<IpNet>()
        .or_else(|_| raw.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "must be a network such as 10.0.0.0/8 or a single address".to_owned())?;
    if network.prefix_len() == 0 { Err(EVERY_ADDRESS.to_owned()) } else { Ok(network.trunc()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_all<T>(check: &Check<T>, good: &[(&str, &str)], bad: &[(&str, &str)]) {
        for (raw, shown) in good {
            let value = check.read(raw).unwrap_or_else(|problem| panic!("{raw:?} is refused: {problem}"));
            assert_eq!(check.show(&value), *shown, "{raw:?}");
        }
        for (raw, problem) in bad {
            let Err(found) = check.read(raw) else { panic!("{raw:?} is accepted") };
            assert!(found.contains(problem), "{raw:?}: {found:?} does not say {problem:?}");
        }
    }

    #[test]
    fn a_prefix_is_a_plain_absolute_path() {
        check_all(
            &path_prefix(&["docs", "redoc", "openapi.json", "openapi.yaml"]),
            &[("/api/v1", "/api/v1"), ("/v1", "/v1"), ("/docs-api", "/docs-api"), ("/a/docs", "/a/docs")],
            &[
                ("api/v1", "start with /"),
                ("/", "not end with /"),
                ("/api/v1/", "not end with /"),
                ("/api//v1", "segments"),
                ("//api", "segments"),
                ("/api/../v1", "segments"),
                ("/api/:v", "segments"),
                ("/api/*v", "segments"),
                ("/a b", "segments"),
                ("/a?b", "segments"),
                ("/docs", "own pages"),
                ("/redoc/v1", "own pages"),
                ("/openapi.json", "own pages"),
            ],
        );
    }

    #[test]
    fn origins_are_exact_and_written_as_browsers_write_them() {
        check_all(
            &list(origin()),
            &[
                ("", ""),
                ("https://a.example", "https://a.example"),
                (" https://A.example , http://localhost:3000, ", "https://a.example,http://localhost:3000"),
                ("http://[0:0::1]:8080", "http://[::1]:8080"),
                ("http://[::1]", "http://[::1]"),
                ("https://a.example:80", "https://a.example:80"),
                ("capacitor://localhost", "capacitor://localhost"),
            ],
            &[
                ("*", "every website"),
                ("https://*.example.com", "list each origin"),
                ("null", "sandboxed"),
                ("https://a.example,NULL", "entry 2: null"),
                ("a.example", "scheme://host"),
                ("://a.example", "scheme://host"),
                ("1a://a.example", "scheme://host"),
                ("https://", "scheme://host"),
                ("https://:8080", "scheme://host"),
                ("https://a.example/", "final /"),
                ("https://a.example/app", "path"),
                ("https://a.example?x", "scheme://host"),
                ("https://user@a.example", "scheme://host"),
                ("https://a.example:", "scheme://host"),
                ("https://a.example:0", "scheme://host"),
                ("https://a.example:65536", "scheme://host"),
                ("https://[::g]", "scheme://host"),
                ("https://::1", "scheme://host"),
                ("https://a.example:443", "leave out :443"),
                ("http://a.example:80", "leave out :80"),
                ("https://münchen.example", "punycode"),
            ],
        );
    }

    #[test]
    fn proxies_are_networks_or_addresses_but_never_everyone() {
        check_all(
            &trusted_proxies(),
            &[
                ("", ""),
                ("10.0.0.0/8", "10.0.0.0/8"),
                ("10.1.2.3/8,", "10.0.0.0/8"),
                ("0.0.0.0/1,128.0.0.0/2", "0.0.0.0/1,128.0.0.0/2"),
                ("192.168.1.10, fd00::/8, ::1", "192.168.1.10/32,fd00::/8,::1/128"),
            ],
            &[
                ("0.0.0.0/0", "every address"),
                ("10.0.0.0/8,::/0", "entry 2: trusts every address"),
                ("0.0.0.0/1,128.0.0.0/1", "together trusts every address"),
                ("128.0.0.0/2,10.0.0.0/8,192.0.0.0/2,0.0.0.0/1", "together trusts every address"),
                ("::/1,8000::/2,c000::/2", "together trusts every address"),
                ("10.0.0.0/33", "network"),
                ("proxy.internal", "network"),
            ],
        );
    }
}
