//! Documents rendered from a table of settings.

use crate::{Entry, Table, value_file};

/// Where a comment of `.env.example` is wrapped, its `# ` included.
const WIDTH: usize = 102;

const HEAD: &str = "\
# Copy to .env and remove the # of what you set. The environment wins over .env; what neither sets has
# the default shown here. Put a value with spaces, quotes or $ in single quotes.
# Generated from the settings: edit those, not this file.
";

/// The content of `.env.example`: every setting with what it means, commented out at its default.
pub fn env_example<T: Table>() -> String {
    let entries = T::entries();
    let mut text = format!("{HEAD}\n{}", comment(&secrets_in_files(&entries)));
    for entry in entries {
        let Entry { name, default, example, .. } = entry;
        let unset = match default {
            "" => format!("# Unset by default. Example: {example}\n"),
            _ => String::new(),
        };
        let setting = format!("\n{}{unset}# {name}={default}\n", comment(&meaning(&entry)));
        text.push_str(&setting);
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
    let head = format!("{}\n\n| Variable | Default | Meaning |\n|---|---|---|\n", secrets_in_files(&entries));
    let rows = entries.iter().map(|entry| {
        let default = match entry.default {
            "" => "unset".to_owned(),
            default => format!("`{default}`"),
        };
        format!("| `{}` | {default} | {} |\n", entry.name, meaning(entry).replace('|', "\\|"))
    });
    rows.fold(head, |table, row| table + &row)
}

fn meaning(entry: &Entry) -> String {
    format!("{} {}", entry.doc, entry.accepts).trim_end().to_owned()
}

/// The text as lines of comments, wrapped between words.
fn comment(text: &str) -> String {
    let (mut comment, mut line) = (String::new(), String::from("#"));
    for word in text.split_whitespace() {
        if line.chars().count() + word.chars().count() >= WIDTH {
            comment += &line;
            comment.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line += word;
    }
    comment + &line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_wrapped_between_words() {
        let text = "word ".repeat(50);
        let comment = comment(&text);
        assert!(comment.lines().count() > 1 && comment.lines().all(|line| line.len() <= WIDTH));
        assert_eq!(comment.replace("# ", "").replace('\n', " "), text);
    }
}
