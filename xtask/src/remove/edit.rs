//! One change of a tree.

/// A change that has to fit exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Deletes a file, or a folder with everything in it.
    Delete(String),
    /// Replaces a text that the file has once.
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

impl Edit {
    /// The text after the edit.
    ///
    /// # Errors
    /// Why it does not fit.
    pub fn apply(&self, text: &str) -> Result<String, String> {
        match self {
            Self::Delete(_) => Ok(text.to_owned()),
            Self::Replace { path, old, new } => match text.matches(old.as_str()).count() {
                1 => Ok(text.replace(old.as_str(), new)),
                count => Err(format!("{path} has {count} times instead of once: {old}")),
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
