//! The documents made from the settings.

use std::fmt::Write as _;

use super::table::entries;

/// Where a comment of `.env.example` is wrapped.
const WIDTH: usize = 100;

/// The content of `.env.example`: every setting with what it means, commented out at its default.
pub fn env_example() -> String {
    let mut text = String::from(
        "# Copy to .env and remove the # of what you set. The environment wins over .env; what neither sets has\n\
         # the default shown here. Put a value with spaces, quotes or $ in single quotes.\n\
         # Generated from the settings: edit those, not this file.\n",
    );
    for entry in entries() {
        text.push('\n');
        for line in wrapped(&format!("{} {}", entry.doc, entry.accepts)) {
            // Writing to a `String` cannot fail, here and below.
            let _ = writeln!(text, "# {line}");
        }
        if entry.default.is_empty() {
            let _ = writeln!(text, "# Unset by default. Example: {}", entry.example);
        }
        let _ = writeln!(text, "# {}={}", entry.name, entry.default);
    }
    text
}

/// The settings as a Markdown table, for the README.
pub fn markdown_table() -> String {
    let mut text = String::from("| Variable | Default | Meaning |\n|---|---|---|\n");
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
        for row in table.lines() {
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
