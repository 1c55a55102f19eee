//! Text and values as HTML. Whatever comes in is escaped here.

use serde_json::Value;

/// Text that can stand between tags and in a quoted attribute.
pub(in crate::api::pages) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Each item's HTML, one after the other.
pub(super) fn each<T>(items: impl IntoIterator<Item = T>, html: impl FnMut(T) -> String) -> String {
    items.into_iter().map(html).collect()
}

pub(super) fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

/// A line of text in which backquotes mark code.
pub(super) fn line(text: &str) -> String {
    let mut html = String::new();
    let mut rest = text;
    while let Some((before, (marked, after))) =
        rest.split_once('`').and_then(|(before, rest)| Some((before, rest.split_once('`')?)))
    {
        html += &escape(before);
        html += &code(marked);
        rest = after;
    }
    html + &escape(rest)
}

/// The Markdown that descriptions use: paragraphs, lists of lines that begin with `- `, and code in backquotes.
pub(super) fn prose(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    each(text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()), |block| {
        match block.strip_prefix("- ") {
            Some(list) => {
                format!("<ul>{}</ul>", each(list.split("\n- "), |item| format!("<li>{}</li>", line(item))))
            }
            None => format!("<p>{}</p>", line(block)),
        }
    })
}

/// A table that scrolls in its own box; nothing when it would have no rows. The first cell heads its row.
pub(super) fn table<const N: usize>(
    label: &str,
    columns: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let rows = each(rows, |cells| {
        let cells = each(cells.iter().enumerate(), |(column, cell)| match column {
            0 => format!("<th scope=\"row\">{cell}</th>"),
            _ => format!("<td>{cell}</td>"),
        });
        format!("<tr>{cells}</tr>\n")
    });
    if rows.is_empty() {
        return rows;
    }
    let columns = each(columns, |name| format!("<th scope=\"col\">{name}</th>"));
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"{}\">\
         <table><thead><tr>{columns}</tr></thead>\n<tbody>{rows}</tbody></table></div>\n",
        escape(label)
    )
}

/// A value as indented JSON.
pub(super) fn example(value: &Value) -> String {
    format!("<pre><code>{}</code></pre>\n", escape(&format!("{value:#}")))
}
