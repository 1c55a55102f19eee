//! One change of a tree.

use std::ops::Range;
use std::path::Path;

/// A change that has to fit exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Deletes a file, or a folder with everything in it.
    Delete(String),
    /// Replaces a text that the file has once. In Markdown a line may break at any space of it.
    Replace { path: String, old: String, new: String },
    /// Removes whole lines: from the only one that begins with `first`, indentation aside, to the
    /// next one that is `last`. Without `last`, only that line.
    Cut { path: String, first: String, last: Option<String> },
}

pub fn delete(path: &str) -> Edit {
    Edit::Delete(path.to_owned())
}

pub fn replace(path: &str, old: &str, new: &str) -> Edit {
    Edit::Replace { path: path.to_owned(), old: old.to_owned(), new: new.to_owned() }
}

pub fn cut(path: &str, first: &str) -> Edit {
    Edit::Cut { path: path.to_owned(), first: first.to_owned(), last: None }
}

pub fn cut_to(path: &str, first: &str, last: &str) -> Edit {
    Edit::Cut { path: path.to_owned(), first: first.to_owned(), last: Some(last.to_owned()) }
}

/// Where a text is in that of a file.
fn places(path: &str, text: &str, wanted: &str) -> Vec<Range<usize>> {
    let is_prose = Path::new(path).extension().is_some_and(|extension| extension == "md");
    let length_at = |start: usize| {
        let (mut rest, mut wanted) = (&text[start..], wanted);
        while let Some(c) = wanted.chars().next() {
            if is_prose && c.is_whitespace() {
                let next = rest.trim_start();
                if next.len() == rest.len() {
                    return None;
                }
                (rest, wanted) = (next, wanted.trim_start());
            } else {
                (rest, wanted) = (rest.strip_prefix(c)?, &wanted[c.len_utf8()..]);
            }
        }
        Some(text.len() - start - rest.len())
    };
    let starts = text.char_indices().map(|(start, _)| start);
    starts.filter_map(|start| length_at(start).map(|length| start..start + length)).collect()
}

impl Edit {
    /// The text after the edit.
    ///
    /// # Errors
    /// Why it does not fit.
    pub fn apply(&self, text: &str) -> Result<String, String> {
        match self {
            Self::Delete(_) => Ok(text.to_owned()),
            Self::Replace { path, old, new } => match &*places(path, text, old) {
                [place] => Ok(format!("{}{new}{}", &text[..place.start], &text[place.end..])),
                several => Err(format!("{path} has {} times instead of once: {old}", several.len())),
            },
            Self::Cut { path, first, last } => {
                let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
                let mut begins = (0..lines.len()).filter(|&line| lines[line].trim_start().starts_with(first));
                let (Some(begin), None) = (begins.next(), begins.next()) else {
                    return Err(format!("{path} has not exactly one line that begins with: {first}"));
                };
                let is_last = |line: &&str| last.as_ref().is_none_or(|last| line.trim_end() == last);
                let Some(length) = lines[begin..].iter().position(is_last) else {
                    return Err(format!("{path} has no end of the lines that begin with: {first}"));
                };
                lines.drain(begin..=begin + length);
                let is_blank = |line: usize| lines.get(line).is_none_or(|line| line.trim().is_empty());
                // The blank lines before and after the removed ones meet.
                if begin > 0 && is_blank(begin - 1) && is_blank(begin) {
                    lines.remove(begin - 1);
                }
                Ok(lines.concat())
            }
        }
    }
}
