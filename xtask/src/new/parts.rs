//! What a resource consists of: its files, and its lines in files that exist.

use super::edit::{Edit, Place};
use super::files::{Edits, Parts};
use super::names::Names;
use super::render::Renderer;
use super::resource::{Owner, Resource};
use super::view::View;
use crate::error::Error;

/// The parts of a resource whose migrations are of the time `stamp`.
pub fn of(resource: &Resource, stamp: &str) -> Result<Parts, Error> {
    let renderer = Renderer::new(View::of(resource))?;
    Ok(Parts { files: files(&resource.names, stamp, &renderer)?, edits: edits(resource, &renderer)? })
}

fn files(names: &Names, stamp: &str, renderer: &Renderer) -> Result<Vec<(String, String)>, Error> {
    let plural = &names.plural;
    let migration = |database: &str, file: &str| format!("migrations/{database}/{stamp}_{plural}/{file}");
    let places = [
        (migration("postgres", "up.sql"), "postgres_up.sql"),
        (migration("postgres", "down.sql"), "down.sql"),
        (migration("sqlite", "up.sql"), "sqlite_up.sql"),
        (migration("sqlite", "down.sql"), "down.sql"),
        (format!("src/domain/{plural}.rs"), "domain.rs"),
        (format!("src/models/{plural}.rs"), "model.rs"),
        (format!("src/services/{plural}.rs"), "service.rs"),
        (format!("src/schemas/{plural}.rs"), "schemas.rs"),
        (format!("src/api/v1/{plural}.rs"), "api.rs"),
        (format!("tests/api/{plural}.rs"), "tests.rs"),
    ];
    places.into_iter().map(|(path, template)| Ok((path, renderer.render(template)?))).collect()
}

fn edits(resource: &Resource, renderer: &Renderer) -> Result<Edits, Error> {
    let Names { plural, singular, plural_pascal, pascal, .. } = &resource.names;
    let before = |anchor: &str, block: String| Edit::Before { anchor: anchor.to_owned(), block };
    let line = |beside, line: String| Edit::Line { beside, line };
    let import = |module: String, item: String| Edit::Import { module, item };
    let entry = |list, entry: String, place| Edit::Entry { list, entry, place };
    let module = || line("pub mod ", format!("pub mod {plural};"));
    let api = format!("{plural_pascal}Api");
    let mut schema = vec![
        Edit::Table { name: plural.clone(), block: renderer.render("table.rs")? },
        entry("diesel::allow_tables_to_appear_in_same_query!", plural.clone(), Place::Sorted),
    ];
    if resource.owner == Owner::User {
        let joinable = format!("diesel::joinable!({plural} -> users (user_id));");
        schema.push(line("diesel::joinable!(", joinable));
    }
    let service = format!("        let {plural} = {pascal}Service {{ store: store.clone() }};");
    let health = "/// Liveness and readiness.";
    let permissions =
        Edit::Member { head: "permissions! {".to_owned(), block: renderer.render("permissions.rs")? };
    let path = |text: &str| text.to_owned();
    Ok(vec![
        (path("src/db/schema.rs"), schema),
        (path("src/domain/mod.rs"), vec![module()]),
        (path("src/domain/permissions.rs"), vec![permissions]),
        (path("src/models/mod.rs"), vec![module()]),
        (path("src/services/mod.rs"), vec![module()]),
        (path("src/schemas/mod.rs"), vec![module()]),
        (
            path("src/api/v1/mod.rs"),
            vec![
                module(),
                entry("pub type Operations = ", format!("{plural}::{api}"), Place::Before("health::")),
                before(health, renderer.render("tag.rs")?),
            ],
        ),
        (
            path("src/app.rs"),
            vec![
                import(format!("crate::api::v1::{plural}"), api.clone()),
                import(format!("crate::services::{plural}"), format!("{pascal}Service")),
                before("let operations = (", service),
                entry("let operations = ", format!("{api} {{ {plural} }}"), Place::Before("HealthApi")),
            ],
        ),
        (path("tests/api/mod.rs"), vec![line("mod ", format!("mod {plural};"))]),
        (
            path("tests/api/operations.rs"),
            vec![
                before(
                    "operation(\"health_show\", \"GET\", \"/api/v1/health\", Caller::Anybody, 200, None),",
                    renderer.render("operations.rs")?,
                ),
                import(format!("crate::api::{plural}"), singular.to_uppercase()),
                import(format!("crate::api::{plural}"), format!("new_{singular}")),
            ],
        ),
        (
            path("CHANGELOG.md"),
            vec![Edit::Added { entry: renderer.render("changelog.md")?.trim_end().to_owned() }],
        ),
    ])
}
