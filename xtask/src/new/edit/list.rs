//! Entries of a list in brackets: `(AuthApi, UsersApi)`, `["sessions", "users"]`.

use std::ops::Range;

use super::{Missing, Place};

/// The entries of the list that follows `head`, as places in the text.
fn entries(text: &str, head: &str) -> Result<Vec<Range<usize>>, Missing> {
    let missing = || format!("the list `{head}…`");
    let head = head.trim_end();
    let mut heads = text.match_indices(head);
    let start = heads.find_map(|(at, _)| {
        let behind = &text[at + head.len()..];
        let list = behind.trim_start().strip_prefix(['(', '[', '{'])?;
        Some(text.len() - list.len())
    });
    let start = start.ok_or_else(missing)?;
    let (mut depth, mut begin, mut found) = (0_usize, start, Vec::new());
    for (at, c) in text[start..].char_indices().map(|(at, c)| (start + at, c)) {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => {
                found.extend(trimmed(text, begin..at));
                return Ok(found);
            }
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                found.extend(trimmed(text, begin..at));
                begin = at + 1;
            }
            _ => {}
        }
    }
    Err(missing())
}

fn trimmed(text: &str, Range { start, end }: Range<usize>) -> Option<Range<usize>> {
    let entry = &text[start..end];
    let start = start + entry.len() - entry.trim_start().len();
    let end = start + entry.trim().len();
    (start < end).then_some(start..end)
}

/// Inserts an entry.
pub fn add(text: &str, list: &str, entry: &str, place: &Place) -> Result<String, Missing> {
    let entries = entries(text, list)?;
    let next = match place {
        Place::Sorted => entries.iter().find(|range| &text[(*range).clone()] > entry),
        Place::Before(name) => {
            let named = entries.iter().find(|range| text[(*range).clone()].starts_with(name));
            Some(named.ok_or_else(|| format!("the entry `{name}` in the list `{list}…`"))?)
        }
    };
    // As between the entry before and this one.
    let white = |at: usize| &text[text[..at].trim_end().len()..at];
    if let Some(Range { start, .. }) = next {
        let between = if *start == entries[0].start { " " } else { white(*start) };
        return Ok(format!("{}{entry},{between}{}", &text[..*start], &text[*start..]));
    }
    let Range { start, end } = entries.last().ok_or_else(|| format!("an entry in the list `{list}…`"))?;
    let between = if entries.len() == 1 { " " } else { white(*start) };
    Ok(format!("{},{between}{entry}{}", &text[..*end], &text[*end..]))
}

/// Removes an entry.
pub fn remove(text: &str, list: &str, entry: &str) -> Result<String, Missing> {
    let entries = entries(text, list)?;
    let is_entry = |range: &Range<usize>| text[range.clone()] == *entry;
    let place = entries.iter().position(is_entry);
    let place = place.ok_or_else(|| format!("the entry `{entry}` in the list `{list}…`"))?;
    let (start, end) = match (place, entries.get(place + 1)) {
        (_, Some(next)) => (entries[place].start, next.start),
        (0, None) => (entries[place].start, entries[place].end),
        (_, None) => (entries[place - 1].end, entries[place].end),
    };
    Ok(format!("{}{}", &text[..start], &text[end..]))
}
