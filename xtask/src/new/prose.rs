//! Prose, laid out as in this repository: at most 100 columns.

const WIDTH: usize = 100;

/// As in `rustfmt.toml`.
const CODE_WIDTH: usize = 110;

/// The paragraphs of `text`, one per line, each wrapped, with `first` before its first line and `rest`
/// before the others. An empty line stays, with what remains of `rest`.
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

/// An object of JSON in Rust: on one line, unless that is longer than rustfmt would allow with `used`
/// columns of other code; then a line per field, in a block whose indentation is `indent`.
pub fn object(fields: &[String], indent: usize, used: usize) -> String {
    let line = format!("{{{}}}", fields.join(", "));
    if used + line.chars().count() <= CODE_WIDTH {
        return line;
    }
    let outer = " ".repeat(indent);
    let lines = fields.iter().map(|field| format!("{outer}    {field},\n"));
    format!("{{\n{}{outer}}}", lines.collect::<String>())
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
    fn an_object_is_on_one_line_if_it_fits() {
        let fields = ["\"a\": 1".to_owned(), "\"b\": 2".to_owned()];
        assert_eq!(object(&fields, 4, 10), "{\"a\": 1, \"b\": 2}");
        assert_eq!(object(&fields, 4, 100), "{\n        \"a\": 1,\n        \"b\": 2,\n    }");
    }
}
