//! Enums to which newer services may add values: `x-extensible-enum`.

use std::error::Error;

use quote::{format_ident, quote};
use serde_json::Value;

/// An enum that keeps unknown values as they were received.
pub struct Growing {
    /// The name in the document and in Rust.
    pub name: String,
    description: String,
    values: Vec<String>,
}

/// The enums of the document that may grow.
pub fn growing_enums(document: &Value) -> Result<Vec<Growing>, Box<dyn Error>> {
    let schemas = document.pointer("/components/schemas").and_then(Value::as_object).ok_or("no schemas")?;
    let growing = schemas.iter().filter(|(_, schema)| schema["x-extensible-enum"] == true);
    growing
        .map(|(name, schema)| {
            let values = schema["enum"].as_array().ok_or_else(|| format!("{name} has no values"))?;
            let description = schema["description"].as_str().unwrap_or(name).to_owned();
            let values = values.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            Ok(Growing { name: name.clone(), description, values })
        })
        .collect()
}

impl Growing {
    /// The Rust enum.
    pub fn tokens(&self) -> impl quote::ToTokens {
        let (name, description, values) = (format_ident!("{}", self.name), &self.description, &self.values);
        let variants: Vec<_> = values.iter().map(|value| format_ident!("{}", pascal_case(value))).collect();
        let documentation = values.iter().map(|value| format!("`{value}`"));
        quote! {
            #[doc = #description]
            #[derive(::serde::Serialize, ::serde::Deserialize, Clone, Debug, PartialEq, Eq, Hash)]
            #[non_exhaustive]
            pub enum #name {
                #(#[doc = #documentation] #[serde(rename = #values)] #variants,)*
                /// A value that this version does not know.
                #[serde(untagged)]
                Unknown(String),
            }
            impl #name {
                /// The value as it is sent.
                pub fn as_str(&self) -> &str {
                    match self {
                        #(Self::#variants => #values,)*
                        Self::Unknown(value) => value,
                    }
                }
            }
            impl ::std::fmt::Display for #name {
                fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                    f.write_str(self.as_str())
                }
            }
        }
    }
}

fn pascal_case(value: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    value.split('_').filter(|word| !word.is_empty()).map(capital).collect()
}
