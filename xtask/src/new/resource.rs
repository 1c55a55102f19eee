//! A resource, as the command line describes it.

use std::collections::BTreeSet;

use super::field::{Field, Kind};
use super::names::Names;
use super::words;

/// Whose the things are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Each belongs to the user who created it, and nobody else sees it.
    User,
    /// They belong to the service; superusers manage them.
    Service,
}

/// What is generated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    pub(super) names: Names,
    pub(super) fields: Vec<Field>,
    pub(super) owner: Owner,
    /// How many of the last fields were added later: their columns are behind the others.
    pub(super) later: usize,
}

impl Resource {
    /// Reads the arguments. Each of `fields` may hold several fields with white space between them,
    /// so that a shell needs one pair of quotes.
    ///
    /// # Errors
    /// What is wrong with them, and what would be right.
    pub fn parse(
        plural: &str,
        singular: Option<&str>,
        fields: &[String],
        owner: Owner,
    ) -> Result<Self, String> {
        let names = Names::new(plural, singular)?;
        let fields: Vec<Field> = split(fields).iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
        if fields.is_empty() {
            return Err(format!("resource `{plural}`: it needs a field, such as 'number:text(1..40)!'"));
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = fields.iter().find(|field| !seen.insert(&*field.name)) {
            return Err(format!("field `{twice}`: `{}` is there twice", twice.name));
        }
        if let Some(field) = fields.iter().find(|field| field.name == names.singular && field.has_type()) {
            return Err(format!(
                "field `{field}`: it has the name of the resource; try `{}_name`",
                field.name
            ));
        }
        let resource = Self { names, fields, owner, later: 0 };
        let mut seen: BTreeSet<_> = resource.fields.iter().map(|field| field.name.clone()).collect();
        let times = resource.fields.iter().filter(|field| field.kind == Kind::Timestamp);
        for parameter in times.flat_map(Field::limits) {
            if !seen.insert(parameter.clone()) {
                return Err(format!(
                    "field `{parameter}`: a list has this parameter already; choose another name"
                ));
            }
        }
        Ok(resource)
    }

    /// The resource with one more field, which is added later.
    pub(super) fn with(&self, field: &Field) -> Result<Self, String> {
        let fields: Vec<_> = self.fields.iter().chain([field]).map(Field::to_string).collect();
        let same = Self::parse(&self.names.plural, Some(&self.names.singular), &fields, self.owner)?;
        Ok(Self { later: self.later + 1, ..same })
    }

    /// The names of the fields that `new field` has added to it.
    pub(super) fn later_fields(&self) -> Vec<&str> {
        self.fields[self.fields.len() - self.later..].iter().map(|field| &*field.name).collect()
    }

    /// Its name: the plural in snake case.
    pub fn plural(&self) -> &str {
        &self.names.plural
    }

    /// The Rust types that are declared for it.
    pub fn types(&self) -> Vec<String> {
        let Names { pascal, plural_pascal, .. } = &self.names;
        let endings = ["", "Id", "View", "Changes", "Filter", "Create", "Update", "Service"];
        let named = endings.iter().map(|ending| format!("{pascal}{ending}"));
        let values = self.fields.iter().filter(|field| field.has_type()).map(|field| self.type_of(field));
        let of_all = ["Api", "Read", "Write"].iter().map(|ending| format!("{plural_pascal}{ending}"));
        named.chain([format!("New{pascal}")]).chain(of_all).chain(values).collect()
    }

    /// The schemas of the document that are declared for it.
    pub fn schemas(&self) -> Vec<String> {
        let named = ["", "Page", "Create", "Update"].iter().map(|end| format!("{}{end}", self.names.pascal));
        let is_enum = |field: &&Field| matches!(field.kind, Kind::Enum { .. });
        named.chain(self.fields.iter().filter(is_enum).map(|field| self.type_of(field))).collect()
    }

    /// The type of a field's values: `OrderNumber`.
    pub fn type_of(&self, field: &Field) -> String {
        format!("{}{}", self.names.pascal, words::pascal(&field.name))
    }

    /// The fields that a list can be narrowed by.
    pub fn filters(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| matches!(field.kind, Kind::Enum { .. } | Kind::Timestamp))
    }
}

/// Splits at white space outside of parentheses.
pub(super) fn split(arguments: &[String]) -> Vec<String> {
    let (mut fields, mut depth) = (vec![String::new()], 0_i32);
    for c in arguments.join(" ").chars() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        match fields.last_mut() {
            Some(field) if !c.is_whitespace() => field.push(c),
            _ if depth == 0 => fields.push(String::new()),
            _ => {}
        }
    }
    fields.retain(|field| !field.is_empty());
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(fields: &[&str]) -> Result<Resource, String> {
        let fields: Vec<_> = fields.iter().map(|field| (*field).to_owned()).collect();
        Resource::parse("orders", None, &fields, Owner::User)
    }

    #[test]
    fn fields_may_share_an_argument() {
        let apart = parse(&["number:text(1..40)!", "state:enum(draft,sent)!", "due_at:timestamp?"]).unwrap();
        let together = parse(&["number:text(1..40)! state:enum(draft, sent)!  due_at:timestamp?"]).unwrap();
        assert_eq!(apart, together);
        assert_eq!(apart.filters().map(|field| &*field.name).collect::<Vec<_>>(), ["state", "due_at"]);
    }

    #[test]
    fn fields_are_there_once_and_at_least_one() {
        assert!(parse(&[]).unwrap_err().contains("needs a field"));
        assert!(parse(&["a1:bool!", "a1:bool?"]).unwrap_err().contains("twice"));
        assert!(parse(&["due_after:bool!", "due_at:timestamp?"]).unwrap_err().contains("has this parameter"));
        let named = Resource::parse("notes", None, &["note:text(1..4)!".to_owned()], Owner::User);
        assert!(named.unwrap_err().contains("try `note_name`"));
    }
}
