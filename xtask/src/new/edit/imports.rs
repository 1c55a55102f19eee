//! Imports: `use module::Item;` and `use module::{Item, Other};`.

use super::{Missing, lines};

/// The place of a `use` of the module and the items it names.
struct Import<'a> {
    start: usize,
    end: usize,
    items: Vec<&'a str>,
}

fn find<'a>(text: &'a str, module: &str) -> Option<Import<'a>> {
    let head = format!("use {module}::");
    let mut places = text.match_indices(&head).map(|(start, _)| start);
    // A module below this one begins with the same words.
    places.find_map(|start| {
        let rest = &text[start + head.len()..];
        let length = rest.find(';')?;
        let items = match rest[..length].strip_prefix('{') {
            Some(list) => {
                list.strip_suffix('}')?.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()
            }
            None => vec![&rest[..length]],
        };
        let is_of_module = items.iter().all(|item| !item.contains("::"));
        let is_statement = start == 0 || text[..start].ends_with('\n');
        (is_of_module && is_statement).then_some(Import {
            start,
            end: start + head.len() + length + 1,
            items,
        })
    })
}

fn written(module: &str, items: &[&str]) -> String {
    match items {
        [only] => format!("use {module}::{only};"),
        _ => format!("use {module}::{{{}}};", items.join(", ")),
    }
}

/// Imports an item too.
pub fn add(text: &str, module: &str, item: &str) -> Result<String, Missing> {
    let Some(Import { start, end, mut items }) = find(text, module) else {
        return lines::insert_sorted(text, "use crate::", &written(module, &[item]));
    };
    if !items.contains(&item) {
        items.push(item);
        items.sort_unstable();
    }
    Ok(format!("{}{}{}", &text[..start], written(module, &items), &text[end..]))
}

/// Imports an item no more.
pub fn remove(text: &str, module: &str, item: &str) -> Result<String, Missing> {
    let missing = || format!("the import of `{module}::{item}`");
    let Import { start, end, mut items } = find(text, module).ok_or_else(missing)?;
    let place = items.iter().position(|found| *found == item).ok_or_else(missing)?;
    items.remove(place);
    let (before, after) = (&text[..start], &text[end..]);
    if items.is_empty() {
        return Ok(format!("{before}{}", after.strip_prefix('\n').unwrap_or(after)));
    }
    Ok(format!("{before}{}{after}", written(module, &items)))
}
