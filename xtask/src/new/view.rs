//! A resource as the templates see it: every phrase and every type, spelled out.

use serde::Serialize;

use super::columns::{Column, columns};
use super::field_view::FieldView;
use super::imports::Imports;
use super::names::Names;
use super::resource::{Owner, Resource};
use super::test_cases::{self, Cases};
use super::words;

/// What a template can name.
#[derive(Serialize)]
pub struct View {
    #[serde(flatten)]
    names: Names,
    /// `An order`, `Orders`: at the start of a sentence.
    #[serde(rename = "An")]
    an_capital: String,
    #[serde(rename = "Many")]
    many_capital: String,
    /// `ORDERS` and `ORDER`: constants.
    plural_screaming: String,
    singular_screaming: String,
    owned: bool,
    columns: Vec<Column>,
    /// Without those that were added later.
    first_columns: Vec<Column>,
    fields: Vec<FieldView>,
    /// Those whose values have a type that a macro declares, and that is another name for one.
    typed: Vec<FieldView>,
    aliases: Vec<FieldView>,
    /// Those that are objects of JSON.
    objects: Vec<FieldView>,
    filters: Vec<FieldView>,
    time_filters: bool,
    /// The number of arguments of a list.
    parameters: usize,
    /// The fields that can be cleared, in prose; none if there is none.
    nullable: Option<String>,
    imports: Imports,
    cases: Cases,
}

impl View {
    pub fn of(resource: &Resource) -> Self {
        let Resource { names, fields, owner, .. } = resource;
        let owned = *owner == Owner::User;
        let views: Vec<_> = fields.iter().map(|field| FieldView::of(resource, field)).collect();
        let only =
            |is: fn(&FieldView) -> bool| views.iter().filter(|view| is(view)).cloned().collect::<Vec<_>>();
        let filters = only(|view| ["enum", "timestamp"].contains(&view.kind));
        let typed = only(|view| view.is_declared);
        let aliases = only(|view| !view.is_declared && !view.type_name.is_empty());
        let clearable: Vec<_> =
            only(|view| view.nullable).iter().map(|view| format!("`{}`", view.name)).collect();
        let (first, later) = fields.split_at(fields.len() - resource.later);
        Self {
            an_capital: words::capitalized(&names.an),
            many_capital: words::capitalized(&names.many),
            plural_screaming: names.plural.to_uppercase(),
            singular_screaming: names.singular.to_uppercase(),
            owned,
            first_columns: columns(resource, first, &[]),
            columns: columns(resource, first, later),
            parameters: 5 + filters
                .iter()
                .map(|view| 1 + usize::from(view.kind == "timestamp"))
                .sum::<usize>(),
            nullable: (!clearable.is_empty()).then(|| words::listed(&clearable, "or")),
            imports: Imports::of(resource),
            cases: test_cases::of(resource),
            names: names.clone(),
            typed,
            aliases,
            objects: only(|view| view.kind == "json"),
            filters,
            time_filters: views.iter().any(|view| view.kind == "timestamp"),
            fields: views,
        }
    }
}
