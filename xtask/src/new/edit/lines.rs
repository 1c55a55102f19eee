//! Insertions of whole lines.

use super::Missing;

/// Inserts `line` among the lines that begin with `beside`, before the first that sorts behind it.
pub fn insert_sorted(text: &str, beside: &str, line: &str) -> Result<String, Missing> {
    let lines: Vec<_> = text.lines().collect();
    let siblings: Vec<_> =
        (0..lines.len()).filter(|at| lines[*at].trim_start().starts_with(beside)).collect();
    let last = siblings.last().ok_or_else(|| format!("a line `{beside}…`"))?;
    let next = siblings.iter().find(|at| lines[**at].trim() > line.trim());
    Ok(joined(&lines, next.copied().unwrap_or(last + 1), line))
}

/// Inserts `block` before the only line that is `anchor`.
pub fn insert(text: &str, anchor: &str, block: &str) -> Result<String, Missing> {
    let lines: Vec<_> = text.lines().collect();
    let mut places = (0..lines.len()).filter(|at| lines[*at].trim() == anchor);
    let place = places.next().ok_or_else(|| format!("the line `{anchor}`"))?;
    match places.count() {
        0 => Ok(joined(&lines, place, block.strip_suffix('\n').unwrap_or(block))),
        more => Err(format!("one line `{anchor}`, and not {} lines", more + 1)),
    }
}

/// Inserts `block` before the end of the block that begins with the line `head`.
pub fn insert_member(text: &str, head: &str, block: &str) -> Result<String, Missing> {
    let lines: Vec<_> = text.lines().collect();
    let missing = || format!("a block `{head} … }}`");
    let start = lines.iter().position(|line| line.trim() == head).ok_or_else(missing)?;
    let indent = lines[start].len() - lines[start].trim_start().len();
    let is_end = |line: &&str| line.get(indent..).is_some_and(|rest| rest.starts_with('}'));
    let length = lines[start..].iter().position(is_end).ok_or_else(missing)?;
    Ok(joined(&lines, start + length, block.strip_suffix('\n').unwrap_or(block)))
}

/// Inserts a `diesel::table!` before the first one whose name sorts behind `name`.
pub fn insert_table(text: &str, name: &str, block: &str) -> Result<String, Missing> {
    let lines: Vec<_> = text.lines().collect();
    let starts: Vec<_> = (0..lines.len()).filter(|at| lines[*at] == "diesel::table! {").collect();
    let name_of = |start: usize| lines[start..].iter().find_map(|line| line.trim().strip_suffix(" (id) {"));
    let next = starts.iter().copied().find(|start| name_of(*start).is_some_and(|other| other > name));
    let end = || {
        let last = starts.last()?;
        let close = lines[*last..].iter().position(|line| *line == "}")?;
        Some(last + close + 2)
    };
    let place = next.or_else(end).ok_or_else(|| "a `diesel::table! {`".to_owned())?;
    Ok(joined(&lines, place, block.strip_suffix('\n').unwrap_or(block)))
}

fn joined(lines: &[&str], at: usize, block: &str) -> String {
    let (before, after) = lines.split_at(at);
    let all = before.iter().copied().chain(block.split('\n')).chain(after.iter().copied());
    all.flat_map(|line| [line, "\n"]).collect()
}

/// The lines that `after` has and `before` has not. They are in one place.
pub fn inserted<'a>(before: &str, after: &'a str) -> Vec<&'a str> {
    let (old, new): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    let same_start = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let added = new.len().saturating_sub(old.len());
    new[same_start..].iter().take(added).copied().collect()
}

/// Removes the only place that has these lines.
pub fn remove(text: &str, block: &[&str]) -> Result<String, Missing> {
    replace(text, block, &[])
}

/// Replaces the only place that has the lines of `block`.
pub fn replace(text: &str, block: &[&str], by: &[&str]) -> Result<String, Missing> {
    let lines: Vec<_> = text.lines().collect();
    let shown = || format!("the lines\n{}", block.join("\n"));
    if block.is_empty() || block.len() > lines.len() {
        return Err(shown());
    }
    let mut places = (0..=lines.len() - block.len()).filter(|at| lines[*at..*at + block.len()] == *block);
    let (Some(place), None) = (places.next(), places.next()) else {
        return Err(shown());
    };
    let rest = lines[..place].iter().chain(by).chain(&lines[place + block.len()..]);
    Ok(rest.flat_map(|line| [line, "\n"]).collect())
}
