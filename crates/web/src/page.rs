//! Pages of a list: the query parameters that ask for one, and its schema.

use std::borrow::Cow;
use std::iter;
use std::ops::Deref;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{Example, ToJSON, Type};
use serde::Serialize;
use serde_json::json;

use crate::schema::Nullable;
use crate::{integer_schema, text_schema};

/// The number of items of a page: 1 to 100, 20 by default.
#[derive(Clone, Copy, Debug)]
pub struct PageSize(pub u16);

impl Default for PageSize {
    fn default() -> Self {
        Self(20)
    }
}

/// The position at which a page begins: the `next_page` of the page before.
#[derive(Clone, Debug)]
pub struct PageToken(pub String);

impl Deref for PageToken {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

text_schema!(PageToken, "page_token",
    MetaSchema {
        description: Some("The `next_page` of the previous page."),
        min_length: Some(1),
        max_length: Some(512),
        ..MetaSchema::new("string")
    },
    parse: |text: &str| Ok::<_, String>(PageToken(text.to_owned())),
    show: |token: &PageToken| token.0.clone());

integer_schema!(
    PageSize,
    "page_size",
    MetaSchema {
        minimum: Some(1.0),
        maximum: Some(100.0),
        ..MetaSchema::new_with_format("integer", "int32")
    },
    u16
);

/// A schema whose values are listed, with the descriptions of its pages in the document.
pub trait Listed: ToJSON + Example {
    /// The description of a page: "A page of users."
    const PAGE: &'static str;
    /// The description of its items, which states their order.
    const ITEMS: &'static str;
}

/// Makes a schema [`Listed`], with a name for its values and their order:
/// ``listed!(OrderView, "orders", "in ascending order of `id`")``.
#[macro_export]
macro_rules! listed {
    ($schema:ty, $values:literal, $order:literal) => {
        impl $crate::page::Listed for $schema {
            const PAGE: &'static str = concat!("A page of ", $values, ".");
            const ITEMS: &'static str = concat!("The ", $values, ", ", $order, ".");
        }
    };
}

/// A page of a list. Items of the schema `User` make the schema `UserPage`.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    items: Vec<T>,
    next_page: Nullable<String>,
}

impl<T> Page<T> {
    /// The page of these items, and the token of the next page unless it is the last.
    pub fn of(items: impl IntoIterator<Item: Into<T>>, next_page: Option<String>) -> Self {
        Self { items: items.into_iter().map(Into::into).collect(), next_page: next_page.into() }
    }
}

impl<T: Listed> Type for Page<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        format!("{}Page", T::name()).into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(Self::name().into_owned())
    }

    fn register(registry: &mut Registry) {
        let describe = |schema: MetaSchemaRef, description| {
            schema.merge(MetaSchema { description: Some(description), ..MetaSchema::ANY })
        };
        let next_page = "The `page_token` of the next page, or null on the last page.";
        registry.create_schema::<Self, _>(Self::name().into_owned(), |registry| {
            T::register(registry);
            MetaSchema {
                title: Some(Self::name().into_owned()),
                description: Some(T::PAGE),
                required: vec!["items", "next_page"],
                properties: vec![
                    ("items", describe(Vec::<T>::schema_ref(), T::ITEMS)),
                    ("next_page", describe(Nullable::<String>::schema_ref(), next_page)),
                ],
                example: Some(json!({
                    "items": [T::example().to_json()],
                    "next_page": "c2lnbmVkIHBsYWNlAAAAAAAAAAE",
                })),
                ..MetaSchema::new("object")
            }
        });
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(iter::once(self))
    }
}
