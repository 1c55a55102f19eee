//! The documents made from the settings.

use std::fmt::Write as _;

use super::table::entries;
use super::value_file;

/// Where a comment of `.env.example` is wrapped.
const WIDTH: usize = 100;

/// The content of `.env.example`: every setting with what it means, commented out at its default.
pub fn env_example() -> String {
    let mut text = String::from(
        "# Copy to .env and remove the # of what you set. The environment wins over .env; what neither sets has\n\
         # the default shown here. Put a value with spaces, quotes or $ in single quotes.\n\
         # Generated from the settings: edit those, not this file.\n",
    );
    text.push('\n');
    for line in wrapped(&secrets_in_files()) {
        // Writing to a `String` cannot fail, here and below.
        let _ = writeln!(text, "# {line}");
    }
    for entry in entries() {
        text.push('\n');
        for line in wrapped(&format!("{} {}", entry.doc, entry.accepts)) {
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
fn secrets_in_files() -> String {
    let secrets: Vec<_> = entries().into_iter().filter(|entry| entry.is_secret).collect();
    let files: Vec<_> =
        secrets.iter().map(|entry| format!("`{}`", value_file::variable(entry.name))).collect();
    format!(
        "A secret may be in a file instead, as container platforms mount them: {} each name a file of at most {} KiB \
         that holds the value of the variable without `_FILE`. White space around it is dropped. Setting both is an error.",
        files.join(", "),
        value_file::LIMIT / 1024,
    )
}

/// The settings as a Markdown table, for the README, and which of them may be in files.
pub fn markdown_table() -> String {
    let mut text = format!("{}\n\n| Variable | Default | Meaning |\n|---|---|---|\n", secrets_in_files());
    for entry in entries() {
        let default = match entry.default {
            "" => "unset".to_owned(),
            default => format!("`{default}`"),
        };
        let meaning = format!("{} {}", entry.doc, entry.accepts).replace('|', "\\|");
        let _ = writeln!(text, "| `{}` | {default} | {meaning} |", entry.name);
    }
    text
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
    use crate::core::settings::Settings;

    #[test]
    fn every_setting_is_in_both_documents_once() {
        let (example, table) = (env_example(), markdown_table());
        for entry in entries() {
            let line = format!("\n# {}={}\n", entry.name, entry.default);
            assert_eq!(example.matches(&line).count(), 1, "{line}");
            let row = format!("\n| `{}` | ", entry.name);
            assert_eq!(table.matches(&row).count(), 1, "{row}");
            assert!(!entry.doc.is_empty() && !entry.doc.contains('\n'), "{}", entry.name);
        }
        // Three bars and a row each: a bar in a cell is escaped.
        for row in table.lines().skip(2) {
            assert_eq!(row.replace("\\|", "").matches('|').count(), 4, "{row}");
        }
    }

    #[test]
    fn the_example_file_uncommented_gives_the_defaults() {
        let example = env_example();
        let value = |name: &str| {
            let prefix = format!("# {name}=");
            example.lines().find_map(|line| line.strip_prefix(&prefix)).map(str::to_owned)
        };
        let from_example = Settings::from_lookup(value).unwrap();
        assert_eq!(from_example.effective(), Settings::from_lookup(|_| None).unwrap().effective());
    }

    #[test]
    fn comments_are_wrapped_between_words() {
        let text = "word ".repeat(50);
        let lines = wrapped(&text);
        assert!(lines.len() > 1 && lines.iter().all(|line| line.len() <= WIDTH));
        assert_eq!(lines.join(" "), text.trim());
    }
}
