//! Prose, numbers and objects, laid out as in this repository.

/// Of comments and pages.
const WIDTH: usize = 100;

/// Of code, as in `rustfmt.toml`.
const CODE_WIDTH: usize = 110;

/// The paragraphs of `text`, one per line, each wrapped, with `first` before its first line and
/// `rest` before the others. An empty line stays, with what remains of `rest`.
pub fn wrapped(text: &str, first: &str, rest: &str) -> String {
    let paragraphs = text.trim().lines().map(|line| paragraph(line.trim(), first, rest));
    paragraphs.collect::<Vec<_>>().join("\n")
}

fn paragraph(text: &str, first: &str, rest: &str) -> String {
    let mut lines = vec![first.to_owned()];
    let mut is_empty = true;
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { continue };
        if is_empty {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(format!("{rest}{word}"));
        } else {
            line.push(' ');
            line.push_str(word);
        }
        is_empty = false;
    }
    let lines: Vec<_> = lines.iter().map(|line| line.trim_end()).collect();
    lines.join("\n")
}

/// A list in brackets, or an object of JSON in braces, as code: on one line, unless that is longer
/// than rustfmt would allow with `used` columns of other code; then a line per entry, in a block
/// whose indentation is `indent`.
pub fn bracketed([open, close]: [char; 2], entries: &[String], indent: usize, used: usize) -> String {
    let line = format!("{open}{}{close}", entries.join(", "));
    if used + line.chars().count() <= CODE_WIDTH {
        return line;
    }
    let outer = " ".repeat(indent);
    let lines = entries.iter().map(|entry| format!("{outer}    {entry},\n"));
    format!("{open}\n{}{outer}{close}", lines.collect::<String>())
}

/// A number with a separator between thousands. In code, from five digits on.
pub fn grouped(number: i64, separator: char) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut grouped = if number < 0 { "-".to_owned() } else { String::new() };
    for (at, digit) in digits.char_indices() {
        let is_between = at > 0 && (digits.len() - at).is_multiple_of(3);
        if is_between && (separator == ',' || digits.len() > 4) {
            grouped.push(separator);
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_wrapped_and_their_lines_marked() {
        let long = "word ".repeat(25);
        let expected =
            format!("    /// {}\n    /// {}", "word ".repeat(18).trim_end(), "word ".repeat(7).trim_end());
        assert_eq!(wrapped(&long, "    /// ", "    /// "), expected);
        assert_eq!(wrapped("List notes\n\nAll.", "/// ", "/// "), "/// List notes\n///\n/// All.");
        assert_eq!(wrapped("one", "- ", "  "), "- one");
    }

    #[test]
    fn numbers_are_grouped_in_prose_and_if_long_in_code() {
        assert_eq!(grouped(2000, ','), "2,000");
        assert_eq!(grouped(2000, '_'), "2000");
        assert_eq!(grouped(-1_234_567, '_'), "-1_234_567");
        assert_eq!(grouped(999, ','), "999");
    }

    #[test]
    fn an_object_is_on_one_line_if_it_fits() {
        let fields = ["\"a\": 1".to_owned(), "\"b\": 2".to_owned()];
        assert_eq!(bracketed(['{', '}'], &fields, 4, 10), "{\"a\": 1, \"b\": 2}");
        assert_eq!(bracketed(['{', '}'], &fields, 4, 100), "{\n        \"a\": 1,\n        \"b\": 2,\n    }");
    }
}
