//! The plan to add a field to the users: to the profile, which is what a user says about itself.
//! Unlike those of a resource, the files of the users were written by hand, so the field is entered
//! in each list by its head.

use std::io;
use std::path::Path;

use super::add_field::Sql;
use super::columns::classes;
use super::edit::Edit;
use super::field::{Field, Kind};
use super::field_view::FieldView;
use super::files::{Edits, Parts};
use super::plan::{Change, Plan};
use super::recover;
use super::resource::{Owner, Resource};
use super::{imports, samples};
use crate::error::Error;
use crate::tree::Tree;

/// The table, and the name of the modules.
pub const TABLE: &str = "users";

const DOMAIN: &str = "src/domain/users.rs";

/// The plan to add `field` to the profile of users.
///
/// # Errors
/// When it cannot be a field of users, or a list is not there.
pub fn plan(root: &Path, field: &str, default: Option<&str>, stamp: &str) -> Result<Plan, Error> {
    let field: Field = field.parse().map_err(Error::Refused)?;
    if !field.nullable {
        return Err(Error::Refused(format!(
            "field `{field}`: clients that register users do not send it, so it may be null: end it with `?`"
        )));
    }
    if matches!(field.kind, Kind::Json | Kind::Enum { .. }) {
        return Err(Error::Refused(format!(
            "field `{field}`: a field of users is a text, a number, a time or a list: make it by hand, or in a resource of its own"
        )));
    }
    let schema = Tree::at(root).text("src/db/schema.rs")?.unwrap_or_default();
    if recover::columns(&schema, TABLE)
        .is_some_and(|columns| columns.iter().any(|one| one.name == field.name))
    {
        return Err(Error::Refused(format!("field `{field}`: the table has a field `{}`", field.name)));
    }
    let users = Resource::parse(TABLE, None, &[field.to_string()], Owner::Service).map_err(Error::Refused)?;
    let sql = Sql::of(&users, &field, default).map_err(Error::Refused)?;
    let view = FieldView::of(&users, &field);
    let mut parts = Parts { files: vec![tests(&field, &view)], edits: lists(&field, &view) };
    declare(root, &mut parts, &field, &view);
    let mut changes = parts.add_to(root)?;
    changes.extend(sql.migrations(&format!("{stamp}_{TABLE}_{}", field.name)));
    changes.extend(tour(root, &field.name)?);
    Ok(Plan::new(root, changes))
}

/// The lists that name every field.
fn lists(field: &Field, view: &FieldView) -> Edits {
    let FieldView { name, row, optional, patch, description, new_description, .. } = view;
    let member = |head: &str, block: String| Edit::Member { head: head.to_owned(), block };
    let model = [
        ("pub struct Profile {", row.clone()),
        ("pub struct NewProfile {", optional.clone()),
        ("pub struct ProfileChanges {", format!("Option<{optional}>")),
    ];
    let schemas = [
        ("pub struct UserView {", format!("{description}, or null"), view.view.clone()),
        ("pub struct ProfileCreate {", description.clone(), optional.clone()),
        ("pub struct ProfilePatch {", format!("{new_description}; null clears it"), patch.clone()),
    ];
    let model = model.map(|(head, class)| member(head, format!("    pub {name}: {class},")));
    let schemas =
        schemas.map(|(head, doc, class)| member(head, format!("    /// {doc}.\n    pub {name}: {class},")));
    let example = member("example!(UserView {", format!("    {name}: {},", view.view_example));
    let [.., class] = classes(&field.kind);
    let column = member("users (id) {", format!("        {name} -> Nullable<{class}>,"));
    let entry = format!("- Users have a field `{name}`.");
    vec![
        ("src/db/schema.rs".to_owned(), vec![column]),
        ("tests/api/users.rs".to_owned(), vec![Edit::Line { beside: "mod ", line: format!("mod {name};") }]),
        ("src/models/users.rs".to_owned(), model.into()),
        ("src/schemas/users.rs".to_owned(), schemas.into_iter().chain([example]).collect()),
        ("CHANGELOG.md".to_owned(), vec![Edit::Added { entry }]),
    ]
}

/// The output of the README's tour, whose users do not set the field. A README without a tour stays as
/// it is.
fn tour(root: &Path, name: &str) -> io::Result<Option<Change>> {
    let path = "README.md";
    if !root.join(path).exists() {
        return Ok(None);
    }
    let Some(before) = Tree::at(root).text(path)? else { return Ok(None) };
    let is_user = |line: &str| line.starts_with("{\"id\":") && line.contains(",\"email\":");
    let with_field = |line: &str| match line.strip_suffix("}\n") {
        Some(user) if is_user(line) => format!("{user},\"{name}\":null}}\n"),
        _ => line.to_owned(),
    };
    let after = before.split_inclusive('\n').map(with_field).collect();
    Ok(Some(Change { path: path.to_owned(), before: Some(before), after: Some(after) }))
}

/// The file of its tests.
fn tests(field: &Field, view: &FieldView) -> (String, String) {
    let FieldView { name, words, .. } = view;
    let [first, second] = [0, 1].map(|turn| samples::sample(field, turn));
    let text = format!(
        r#"//! The {words} of a user.

use serde_json::{{Value, json}};

use super::patch;
use crate::support::client::{{PASSWORD, fresh_email}};

on_both! {{
    async fn the_{name}_of_a_user_is_set_changed_cleared_and_checked(service: Service) {{
        let root = service.superuser().await;
        let body = json!({{"email": fresh_email(), "password": PASSWORD, "{name}": {first}}});
        let made = service.call("POST", "/api/v1/auth/register").json(body).send().await.expect(201).json();
        assert_eq!(made["{name}"], json!({first}));
        let id = made["id"].as_i64().unwrap();
        for (changes, expected) in [
            (json!({{"{name}": {second}}}), json!({second})),
            (json!({{}}), json!({second})),
            (json!({{"{name}": null}}), Value::Null),
        ] {{
            let changed = patch(&service, &root, id, changes.clone()).await.expect(200).json();
            assert_eq!(changed["{name}"], expected, "{{changes}}");
        }}
        let refused = patch(&service, &root, id, json!({{"{name}": []}})).await;
        assert_eq!(refused.invalid_fields(), ["{name}"]);
    }}
}}
"#
    );
    (format!("tests/api/users/{name}.rs"), text)
}

/// Declares the type of the field's values, if it has one of its own: what is valid, and how the
/// database and the document write it. Imports it where it is named.
fn declare(root: &Path, parts: &mut Parts, field: &Field, view: &FieldView) {
    let column = imports::column_type(&field.kind);
    let own = if let Some(type_name) = column.filter(|_| !field.has_type()) {
        import("groundwork_values", type_name)
    } else if field.has_type() {
        declare_type(root, parts, &field.kind, view);
        import("crate::domain::users", &view.type_name)
    } else {
        return;
    };
    for path in ["src/models/users.rs", "src/schemas/users.rs"] {
        if let Some((_, edits)) = parts.edits.iter_mut().find(|(known, _)| known == path) {
            edits.push(own.clone());
        }
    }
}

fn declare_type(root: &Path, parts: &mut Parts, kind: &Kind, view: &FieldView) {
    let FieldView { type_name, stem, alias, words, range, min, max, name, example, .. } = view;
    let block = |text: String| Edit::End { block: text };
    let (imported, declaration) = match imports::column_type(kind) {
        Some(column) => (
            column.to_owned(),
            format!("/// The {words} of a user: {range}.\npub type {type_name} = {alias};\n"),
        ),
        None => (
            format!("{stem}_type"),
            format!(
                "{stem}_type! {{\n    /// The {words} of a user: {range}.\n    \
                 pub struct {type_name}({min}..={max});\n}}\n"
            ),
        ),
    };
    if root.join(DOMAIN).exists() {
        let edits = vec![import("groundwork_values", &imported), block(format!("\n{declaration}"))];
        parts.edits.push((DOMAIN.to_owned(), edits));
    } else {
        let head = format!("//! The values of a user's profile.\n\nuse groundwork_values::{imported};\n\n");
        parts.files.push((DOMAIN.to_owned(), head + &declaration));
        let module = Edit::Line { beside: "pub mod ", line: "pub mod users;".to_owned() };
        parts.edits.push(("src/domain/mod.rs".to_owned(), vec![module]));
    }
    let Some(word) = imports::word(kind) else { return };
    let schema = format!("{word}_schema!({type_name}, \"user_{name}\", example: {example});\n");
    for (path, krate, suffix, text) in [
        ("src/db/values.rs", "groundwork_database", "value", format!("{word}_value!({type_name});\n")),
        ("src/schemas/values.rs", "groundwork_web", "schema", format!("\n{schema}")),
    ] {
        let edits = vec![
            import(krate, &format!("{word}_{suffix}")),
            block(text),
            import("crate::domain::users", type_name),
        ];
        parts.edits.push((path.to_owned(), edits));
    }
}

fn import(module: &str, item: &str) -> Edit {
    Edit::Import { module: module.to_owned(), item: item.to_owned() }
}
