//! The page for reading the API, rendered from the published document.
//!
//! The framework's bundle of that name fetches fonts from elsewhere and needs `unsafe-inline` for scripts and styles.
//! This page is HTML and one style sheet: it needs no script at all.

pub(super) mod markup;
mod schema;
#[cfg(test)]
mod tests;

use serde_json::Value;

use self::{
    markup::{code, each, escape, example, line, prose, table},
    schema::{fields, items, kind, members, resolved, rules, text},
};

/// The page. `own` and `vendored` are the addresses of the project's and of the vendored files.
pub(super) fn render(document: &str, own: &str, vendored: &str) -> Result<String, serde_json::Error> {
    let document = &serde_json::from_str::<Value>(document)?;
    let info = document.get("info").unwrap_or(&Value::Null);
    let groups = groups(document);
    Ok(format!(
        include_str!("../../../../assets/docs/reading.html"),
        own = own,
        vendored = vendored,
        title = escape(text(info, "title")),
        version = escape(text(info, "version")),
        description = prose(text(info, "description")),
        contents = contents(document, &groups),
        reference = each(&groups, |group| group_section(document, group))
            + &security_section(document)
            + &schemas_section(document)
            + &headers_section(document),
    ))
}

/// One operation with what the document says around it.
struct Operation<'a> {
    id: &'a str,
    path: &'a str,
    method: &'a str,
    value: &'a Value,
}

/// A tag and its operations, both in the order of the document.
struct Group<'a> {
    tag: &'a str,
    operations: Vec<Operation<'a>>,
}

fn groups(document: &Value) -> Vec<Group<'_>> {
    let mut groups: Vec<Group> = Vec::new();
    for (path, item) in members(document, "paths") {
        for (method, value) in item.as_object().into_iter().flatten() {
            let Some(id) = value.get("operationId").and_then(Value::as_str) else { continue };
            let operation = Operation { id, path, method, value };
            let tag = items(value, "tags").find_map(Value::as_str).unwrap_or("other");
            match groups.iter_mut().find(|group| group.tag == tag) {
                Some(group) => group.operations.push(operation),
                None => groups.push(Group { tag, operations: vec![operation] }),
            }
        }
    }
    groups
}

fn contents(document: &Value, groups: &[Group]) -> String {
    let operations = each(groups, |Group { tag, operations }| {
        let links = each(operations, |Operation { id, method, value, .. }| {
            let (id, summary) = (escape(id), escape(text(value, "summary")));
            format!("<li><a href=\"#{id}\">{} {summary}</a></li>\n", method_mark(method))
        });
        let tag = escape(tag);
        format!("<p><a href=\"#tag-{tag}\">{tag}</a></p>\n<ul>{links}</ul>\n")
    });
    let schemas = each(component(document, "schemas"), |(name, _)| {
        let name = escape(name);
        format!("<li><a href=\"#{name}\">{name}</a></li>\n")
    });
    format!(
        "{operations}<p><a href=\"#authorization\">authorization</a></p>\n\
         <p><a href=\"#schemas\">schemas</a></p>\n<ul class=\"names\">{schemas}</ul>\n\
         <p><a href=\"#headers\">headers</a></p>"
    )
}

fn group_section(document: &Value, Group { tag, operations }: &Group) -> String {
    let described = items(document, "tags").find(|described| text(described, "name") == *tag);
    let description = prose(described.map_or("", |tag| text(tag, "description")));
    let operations = each(operations, |operation| operation_section(document, tag, operation));
    section(&format!("tag-{}", escape(tag)), &escape(tag), &(description + &operations))
}

fn operation_section(document: &Value, tag: &str, operation: &Operation) -> String {
    let Operation { id, path, method, value } = operation;
    let mut summary = escape(text(value, "summary"));
    if value.get("deprecated") == Some(&Value::Bool(true)) {
        summary += " (deprecated)";
    }
    let id = escape(id);
    let html = format!(
        "<p class=\"call\">{method} {path}</p>\n\
         <ul class=\"facts\"><li><code>{id}</code></li><li>{access}</li>\
         <li><a href=\"docs#/{tag}/{id}\" aria-label=\"Try it: {id}\">Try it</a></li></ul>\n\
         {description}{parameters}{body}{responses}",
        method = method_mark(method),
        path = code(path),
        tag = escape(tag),
        access = access(document, value),
        description = prose(text(value, "description")),
        parameters = parameters(document, operation),
        body = body(document, operation),
        responses = responses(document, operation),
    );
    article(&id, &summary, &html)
}

fn method_mark(method: &str) -> String {
    let name = escape(method);
    format!("<span class=\"method {name}\">{}</span>", name.to_uppercase())
}

/// Who may call: an operation without a list of its own has the document's.
fn access(document: &Value, operation: &Value) -> String {
    let holder = if operation.get("security").is_some() { operation } else { document };
    let ways: Vec<_> = items(holder, "security")
        .map(|schemes| {
            let names = schemes.as_object().into_iter().flatten().map(|(name, _)| {
                let scheme = component(document, "securitySchemes").find(|(known, _)| known == name);
                let bearer = scheme.is_some_and(|(_, scheme)| text(scheme, "scheme") == "bearer");
                let name = escape(name);
                let words = if bearer { "Bearer token" } else { &name };
                format!("<a href=\"#security-{name}\">{words}</a>")
            });
            names.collect::<Vec<_>>().join(" and ")
        })
        .map(|names| if names.is_empty() { "Public".to_owned() } else { names })
        .collect();
    if ways.is_empty() { "Public".to_owned() } else { ways.join(" or ") }
}

fn parameters(document: &Value, operation: &Operation) -> String {
    let rows = items(operation.value, "parameters").map(|parameter| {
        let parameter = resolved(document, parameter);
        let schema = parameter.get("schema").unwrap_or(&Value::Null);
        let required = parameter.get("required") == Some(&Value::Bool(true));
        [
            code(text(parameter, "name")),
            escape(text(parameter, "in")),
            kind(schema),
            if required { "required" } else { "optional" }.to_owned(),
            rules(schema),
            line(text(parameter, "description")),
        ]
    });
    let columns = ["Name", "Where", "Type", "Presence", "Rules", "Description"];
    part("Parameters", &table(&format!("Parameters of {}", operation.id), columns, rows))
}

fn body(document: &Value, operation: &Operation) -> String {
    let Some(body) = operation.value.get("requestBody") else { return String::new() };
    let body = resolved(document, body);
    let required = body.get("required") == Some(&Value::Bool(true));
    let contents = each(members(body, "content"), |(media_type, content)| {
        let schema = content.get("schema").unwrap_or(&Value::Null);
        let presence = if required { "required" } else { "optional" };
        let fields = fields(document, resolved(document, schema), &format!("Body of {}", operation.id));
        let examples = each(examples(content), |(name, value)| titled(name) + &example(value));
        let kind = format!("<p>{}, {}, {presence}</p>\n", kind(schema), code(media_type));
        kind + &fields + &part("Example body", &examples)
    });
    part("Body", &(prose(text(body, "description")) + &contents))
}

fn responses(document: &Value, operation: &Operation) -> String {
    let rows = members(operation.value, "responses").map(|(status, response)| {
        let response = resolved(document, response);
        let headers = each(members(response, "headers"), |(name, header)| {
            match text(header, "$ref").strip_prefix("#/components/headers/") {
                Some(target) => format!("<a href=\"#header-{}\">{}</a> ", escape(target), code(name)),
                None => code(name) + " ",
            }
        });
        let contents = each(members(response, "content"), |(_, content)| {
            kind(content.get("schema").unwrap_or(&Value::Null)) + &folded(examples(content))
        });
        [code(status), line(text(response, "description")), headers, contents]
    });
    let columns = ["Status", "Description", "Headers", "Body"];
    part("Responses", &table(&format!("Responses of {}", operation.id), columns, rows))
}

/// The examples of a media type, with their names where they have one.
fn examples(content: &Value) -> Vec<(&str, &Value)> {
    let named = members(content, "examples").filter_map(|(name, named)| Some((name, named.get("value")?)));
    content.get("example").map(|value| ("", value)).into_iter().chain(named).collect()
}

fn folded(examples: Vec<(&str, &Value)>) -> String {
    let summary = match examples.len() {
        0 => return String::new(),
        1 => "Example".to_owned(),
        count => format!("{count} examples"),
    };
    let examples = each(examples, |(name, value)| titled(name) + &example(value));
    format!("<details><summary>{summary}</summary>{examples}</details>")
}

fn titled(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!("<p>{}</p>", code(name)) }
}

fn security_section(document: &Value) -> String {
    let schemes = each(component(document, "securitySchemes"), |(name, scheme)| {
        let description = prose(text(scheme, "description"));
        let name = escape(name);
        article(&format!("security-{name}"), &name, &description)
    });
    section("authorization", "authorization", &schemes)
}

fn schemas_section(document: &Value) -> String {
    let schemas = each(component(document, "schemas"), |(name, schema)| {
        let description = prose(text(schema, "description"));
        let fields = fields(document, schema, &format!("Fields of {name}"));
        let examples: Vec<_> = items(schema, "examples").map(|value| ("", value)).collect();
        // The table says already that it is an object.
        let kind = if fields.is_empty() { kind(schema) + " " } else { String::new() };
        let rules = match kind + &rules(schema) {
            nothing if nothing.is_empty() => nothing,
            rules => format!("<p>{rules}</p>\n"),
        };
        let name = escape(name);
        article(&name, &name, &(description + &rules + &fields + &folded(examples)))
    });
    section("schemas", "schemas", &schemas)
}

fn headers_section(document: &Value) -> String {
    let rows = component(document, "headers").map(|(name, header)| {
        let schema = header.get("schema").unwrap_or(&Value::Null);
        let id = escape(name);
        [
            format!("<code id=\"header-{id}\">{id}</code>"),
            kind(schema),
            rules(schema),
            line(text(header, "description")),
        ]
    });
    section("headers", "headers", &table("Response headers", ["Name", "Type", "Rules", "Description"], rows))
}

/// The components of one sort, by name.
fn component<'a>(document: &'a Value, sort: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    document.get("components").into_iter().flat_map(move |components| members(components, sort))
}

/// A section of the page; `heading` and `html` are HTML.
fn section(id: &str, heading: &str, html: &str) -> String {
    format!("<section id=\"{id}\">\n<h2>{heading}</h2>\n{html}</section>\n")
}

/// One thing with an address of its own; `heading` and `html` are HTML.
fn article(id: &str, heading: &str, html: &str) -> String {
    format!("<article id=\"{id}\">\n<h3><a href=\"#{id}\">{heading}</a></h3>\n{html}</article>\n")
}

/// A part of an operation; nothing where there is nothing to say.
fn part(heading: &str, html: &str) -> String {
    if html.is_empty() { String::new() } else { format!("<h4>{heading}</h4>\n{html}") }
}
