//! The spellings of a resource's name.

use serde::Serialize;

use super::{identifier, words};

/// A resource, as each place spells it. The comments show `order_lines`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Names {
    /// `order_lines`: the table, the modules, the tag, the beginning of operation ids.
    pub plural: String,
    /// `order_line`: variables.
    pub singular: String,
    /// `OrderLine`: the row and the beginning of types.
    pub pascal: String,
    /// `OrderLines`: the operations' type and the tag.
    pub plural_pascal: String,
    /// `order-lines`: the path.
    pub path: String,
    /// `order line`, in prose.
    pub one: String,
    /// `order lines`, in prose.
    pub many: String,
    /// `an order line`, in prose.
    pub an: String,
}

impl Names {
    /// The spellings that follow from the plural, and from the singular if the rules of English do
    /// not tell it.
    pub fn new(plural: &str, singular: Option<&str>) -> Result<Self, String> {
        let refused = |reason: String| format!("resource `{plural}`: {reason}");
        if let Some(problem) = identifier::problem(plural, &[]) {
            return Err(refused(format!("the name {problem}; try `{}`", suggestion(plural))));
        }
        let derived = singular.map(str::to_owned).or_else(|| words::singular(plural));
        let singular = derived.ok_or_else(|| {
            let many = words::plural(plural);
            refused(format!("the name is not a plural; try `{many}`, or give --singular"))
        })?;
        if singular == plural {
            return Err(refused("the singular is the plural; give another --singular".to_owned()));
        }
        // `order` is a word of SQL, but only the plural is in SQL.
        let used = || identifier::is_used(&singular).then(|| "is used for something else".to_owned());
        if let Some(problem) = identifier::problem(&singular, &["SQL"]).or_else(used) {
            let other = format!("service_{plural}");
            let reason = format!("its singular `{singular}` {problem}; try `{other}`, or give --singular");
            return Err(refused(reason));
        }
        Ok(Self::of(plural, &singular))
    }

    fn of(plural: &str, singular: &str) -> Self {
        let (one, many) = (singular.replace('_', " "), plural.replace('_', " "));
        Self {
            plural: plural.to_owned(),
            pascal: words::pascal(singular),
            plural_pascal: words::pascal(plural),
            path: plural.replace('_', "-"),
            an: format!("{} {one}", words::article(&one)),
            singular: singular.to_owned(),
            one,
            many,
        }
    }
}

/// A name that is spelled right.
fn suggestion(name: &str) -> String {
    let snake = words::snake(name);
    let cut = snake[..snake.len().min(identifier::MAX_LENGTH - "customer_".len())].trim_matches('_');
    let candidates = [cut.to_owned(), words::plural(cut), format!("customer_{cut}")];
    let valid = candidates.into_iter().find(|candidate| identifier::problem(candidate, &[]).is_none());
    valid.unwrap_or_else(|| "orders".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_follows_from_the_plural() {
        let names = Names::new("order_lines", None).unwrap();
        let spelled =
            [&names.singular, &names.pascal, &names.plural_pascal, &names.path, &names.an, &names.many];
        assert_eq!(
            spelled,
            ["order_line", "OrderLine", "OrderLines", "order-lines", "an order line", "order lines"]
        );
        let names = Names::new("media", Some("medium")).unwrap();
        assert_eq!((&*names.pascal, &*names.an), ("Medium", "a medium"));
    }

    #[test]
    fn a_name_that_cannot_be_is_refused_with_another() {
        for (plural, expected) in [
            ("OrderLines", "try `order_lines`"),
            ("order-lines", "try `order_lines`"),
            ("order", "try `orders`"),
            ("data", "give --singular"),
            ("types", "its singular `type` is reserved in Rust"),
            ("pages", "its singular `page` is used for something else"),
        ] {
            let refused = Names::new(plural, None).map(|names| names.plural).unwrap_err();
            assert!(refused.contains(expected), "{refused}");
        }
    }
}
