//! Documents rendered from a table of settings.

use std::fmt::Write as _;

use crate::{Entry, Table, value_file};

/// Where a comment of `.env.example` is wrapped.
const WIDTH: usize = 100;

/// The content of `.env.example`: every setting with what it means, commented out at its default.
pub fn env_example<T: Table>() -> String {
    let entries = T::entries();
    let mut text = String::from(
        "# Copy to .env and remove the # of what you set. The environment wins over .env; what neither sets has\n\
         # the default shown here. Put a value with spaces, quotes or $ in single quotes.\n\
         # Generated from the settings: edit those, not this file.\n",
    );
    text.push('\n');
    for line in wrapped(&secrets_in_files(&entries)) {
        // Writing to a `String` cannot fail, here and below.
        let _ = writeln!(text, "# {line}");
    }
    for entry in entries {
        text.push('\n');
        for line in wrapped(&meaning(&entry)) {
            let _ = writeln!(text, "# {line}");
        }
        if entry.default.is_empty() {
            let _ = writeln!(text, "# Unset by default. Example: {}", entry.example);
        }
        let _ = writeln!(text, "# {}={}", entry.name, entry.default);
    }
    text
}

/// Which secrets may be in files, as sentences.
fn secrets_in_files(entries: &[Entry]) -> String {
    let secrets = entries.iter().filter(|entry| entry.is_secret);
    let files: Vec<_> = secrets.map(|entry| format!("`{}`", value_file::variable(entry.name))).collect();
    format!(
        "A secret may be in a file instead, as container platforms mount them: {} each name a file of at most {} KiB \
         that holds the value of the variable without `_FILE`. White space around it is dropped. Setting both is an error.",
        files.join(", "),
        value_file::LIMIT / 1024,
    )
}

/// The settings as a Markdown table, for the README, and which of them may be in files.
pub fn markdown_table<T: Table>() -> String {
    let entries = T::entries();
    let mut text =
        format!("{}\n\n| Variable | Default | Meaning |\n|---|---|---|\n", secrets_in_files(&entries));
    for entry in entries {
        let default = match entry.default {
            "" => "unset".to_owned(),
            default => format!("`{default}`"),
        };
        let meaning = meaning(&entry).replace('|', "\\|");
        let _ = writeln!(text, "| `{}` | {default} | {meaning} |", entry.name);
    }
    text
}

fn meaning(entry: &Entry) -> String {
    format!("{} {}", entry.doc, entry.accepts).trim_end().to_owned()
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + word.chars().count() < WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_wrapped_between_words() {
        let text = "word ".repeat(50);
        let lines = wrapped(&text);
        assert!(lines.len() > 1 && lines.iter().all(|line| line.len() <= WIDTH));
        assert_eq!(lines.join(" "), text.trim());
    }
}
