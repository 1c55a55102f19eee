//! Finds a secret in a line of the log, however the line spells it.

/// A secret in every spelling that a line could have.
pub struct Secret {
    name: &'static str,
    spellings: Vec<String>,
}

impl Secret {
    pub fn new(name: &'static str, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        assert!(bytes.len() >= 4, "{name} is too short to be found without finding other things");
        let joined = |separator: &str, form: fn(&u8) -> String| {
            bytes.iter().map(form).collect::<Vec<_>>().join(separator)
        };
        let lower = joined("", |byte| format!("{byte:02x}"));
        let mut spellings = vec![
            lower.to_uppercase(),
            joined(" ", |byte| format!("{byte:02x}")),
            joined(":", |byte| format!("{byte:02x}")),
            joined(", ", u8::to_string),
            joined(",", u8::to_string),
            joined(" ", u8::to_string),
            lower,
        ];
        spellings.extend((0..3).flat_map(|offset| [false, true].map(|url| inner_base64(bytes, offset, url))));
        if let Ok(text) = std::str::from_utf8(bytes) {
            let quoted = serde_json::to_string(text).unwrap();
            spellings.extend([text.to_owned(), quoted[1..quoted.len() - 1].to_owned()]);
        }
        Self { name, spellings }
    }

    /// What it is called and how it is spelt there, if the line holds it.
    pub fn found_in(&self, line: &str) -> Option<(&'static str, &str)> {
        let found = self.spellings.iter().find(|spelling| line.contains(spelling.as_str()))?;
        Some((self.name, found))
    }
}

/// The letters of base64 (RFC 4648, 4 and 5) that depend on these bytes alone when `offset` other
/// bytes stand before them and any others behind: neither the padding nor the letters that are
/// shared with a neighbour.
fn inner_base64(bytes: &[u8], offset: usize, url: bool) -> String {
    let whole = base64(&[&vec![0; offset], bytes].concat(), url);
    let first = (offset * 8).div_ceil(6);
    let last = (offset + bytes.len()) * 8 / 6;
    whole[first..last].to_owned()
}

/// Without padding.
fn base64(bytes: &[u8], url: bool) -> String {
    let letters =
        ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(if url { ['-', '_'] } else { ['+', '/'] });
    let letters: Vec<char> = letters.collect();
    let encode = |chunk: &[u8]| {
        let number =
            (0..3).fold(0_usize, |number, at| number << 8 | usize::from(*chunk.get(at).unwrap_or(&0)));
        (0..=chunk.len()).map(|at| letters[number >> (18 - 6 * at) & 63]).collect::<String>()
    };
    bytes.chunks(3).map(encode).collect()
}

#[test]
fn the_encoder_matches_the_examples_of_the_standard() {
    // RFC 4648, 10.
    for (text, encoded) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
        assert_eq!(base64(text.as_bytes(), false), encoded);
    }
    assert_eq!((base64(&[0xfb, 0xff], false), base64(&[0xfb, 0xff], true)), ("+/8".into(), "-_8".into()));
}

#[test]
fn a_secret_is_found_in_each_of_its_spellings() {
    let secret = Secret::new("hash", "$2b$04$ab\"c");
    for line in [
        r#"{"text":"is $2b$04$ab\"c."}"#,
        "is $2b$04$ab\"c.",
        "parameters: [36, 50, 98, 36, 48, 52, 36, 97, 98, 34, 99]",
        "Some([1, 36, 50, 98, 36, 48, 52, 36, 97, 98, 34, 99, 7])",
        "[36,50,98,36,48,52,36,97,98,34,99]",
        "x'2432622430342461622263'",
        "24326224303424616222 63 24 32 62 24 30 34 24 61 62 22 63",
        "\\X2432622430342461622263".to_uppercase().as_str(),
        // As it is, with padding, and within more: one and two bytes before it.
        "JDJiJDA0JGFiImM=",
        "JDJiJDA0JGFiImM",
        &base64(b"x$2b$04$ab\"cyy", false),
        &base64(b"xx$2b$04$ab\"cy", true),
    ] {
        assert!(secret.found_in(line).is_some(), "{line}");
    }
    let random = Secret::new("id", [0xfb, 0xff, 0xfe, 0x00, 0x3e, 0x3f]);
    for line in ["fbfffe003e3f", "FBFFFE003E3F", "251, 255, 254, 0, 62, 63", "+//+AD4/", "-__-AD4_"] {
        assert!(random.found_in(line).is_some(), "{line}");
    }
}

#[test]
fn other_text_is_not_reported_as_a_secret() {
    let secret = Secret::new("hash", "$2b$04$abc");
    for line in ["", "$2a$04$abc", "36, 50, 98, 36, 48, 53", "2432622430342461", "JDJiJDA0JGF", "hash"] {
        assert_eq!(secret.found_in(line), None, "{line}");
    }
}
