//! What a client runs on, as far as its user agent says.

use std::sync::LazyLock;

use ua_parser::{Error, os, user_agent};

/// The longest name of a program that is no browser.
const MAX_PRODUCT: usize = 40;

/// What people use, the special before the general: most browsers claim to be others as well.
const BROWSERS: &[(&str, &str)] = &[
    (r"Edg(?:e|A|iOS)?/", "Edge"),
    (r"(?:OPR|OPT|OPiOS|Opera)/", "Opera"),
    (r"SamsungBrowser/", "Samsung Internet"),
    (r"Vivaldi/", "Vivaldi"),
    (r"YaBrowser/", "Yandex Browser"),
    (r"DuckDuckGo/", "DuckDuckGo"),
    (r"(?:Firefox|FxiOS)/", "Firefox"),
    (r"HeadlessChrome/", "Headless Chrome"),
    (r"(?:Chrome|CriOS|Chromium)/", "Chrome"),
    (r"Version/[0-9.]+.* Safari/", "Safari"),
    (r"(?:MSIE |Trident/)", "Internet Explorer"),
];

const SYSTEMS: &[(&str, &str)] = &[
    (r"iPhone", "iPhone"),
    (r"iPad", "iPad"),
    (r"Android", "Android"),
    (r"Windows", "Windows"),
    (r"(?:Macintosh|Mac OS X)", "macOS"),
    (r"CrOS", "ChromeOS"),
    (r"Linux", "Linux"),
];

struct Extractors {
    browsers: user_agent::Extractor<'static>,
    systems: os::Extractor<'static>,
}

/// The patterns are fixed; a test shows that they compile.
static EXTRACTORS: LazyLock<Option<Extractors>> = LazyLock::new(|| extractors().ok());

fn extractors() -> Result<Extractors, Error> {
    let browsers = BROWSERS.iter().map(|(pattern, family)| user_agent::Parser {
        regex: (*pattern).into(),
        family_replacement: Some((*family).into()),
        ..user_agent::Parser::default()
    });
    let systems = SYSTEMS.iter().map(|(pattern, system)| os::Parser {
        regex: (*pattern).into(),
        os_replacement: Some((*system).into()),
        ..os::Parser::default()
    });
    Ok(Extractors {
        browsers: user_agent::Builder::new().push_all(browsers)?.build()?,
        systems: os::Builder::new().push_all(systems)?.build()?,
    })
}

/// A name that a person recognizes, such as "Firefox on Windows"; `None` if the user agent says
/// nothing.
pub fn device_name(user_agent: &str) -> Option<String> {
    let extractors = EXTRACTORS.as_ref()?;
    let browser = extractors.browsers.extract(user_agent).map(|browser| browser.family.into_owned());
    let system = extractors.systems.extract(user_agent).map(|system| system.os.into_owned());
    match (browser.or_else(|| product(user_agent)), system) {
        (Some(program), Some(system)) => Some(format!("{program} on {system}")),
        (program, system) => program.or(system),
    }
}

/// The first product of a user agent (RFC 9110, 10.1.5), such as `curl`. What begins with `Mozilla`
/// is a browser that is not known.
fn product(user_agent: &str) -> Option<String> {
    let name = user_agent.split(['/', ' ', '(']).next()?;
    let is_name = name.len() <= MAX_PRODUCT
        && name.chars().any(|c| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    (is_name && name != "Mozilla").then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_named_after_its_browser_and_system() {
        assert!(extractors().is_ok());
        for (user_agent, name) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0",
                "Firefox on Windows",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
                "Chrome on Linux",
            ),
            (
                "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
                "Chrome on ChromeOS",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
                "Safari on macOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/141.0 Mobile/15E148 Safari/604.1",
                "Chrome on iPad",
            ),
            ("curl/8.16.0", "curl"),
            ("python-httpx/0.28.1", "python-httpx"),
            ("okhttp/5.1.0 (Linux)", "okhttp on Linux"),
            ("Mozilla/5.0 (Windows NT 10.0)", "Windows"),
        ] {
            assert_eq!(device_name(user_agent).as_deref(), Some(name), "{user_agent}");
        }
        for nothing in ["", "Mozilla/5.0", "<script>", "12/3", &"x".repeat(255)] {
            assert_eq!(device_name(nothing), None, "{nothing}");
        }
    }
}
