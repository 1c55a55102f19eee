//! Insertions into files that exist, each of which can be undone.

mod changelog;
mod imports;
mod lines;
mod list;

/// One insertion. Texts are compared without their indentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// A line among those that begin with the same words, in alphabetical order.
    Line { beside: &'static str, line: String },
    /// Lines before the only line with this text.
    Before { anchor: String, block: String },
    /// Lines at the end of the block in braces that begins with the line `head`.
    Member { head: String, block: String },
    /// Lines at the end of the file.
    End { block: String },
    /// A `diesel::table!`, in the order of the tables' names, with an empty line behind it.
    Table { name: String, block: String },
    /// An item of a module, joined to what the file imports from it already.
    Import { module: String, item: String },
    /// An entry of the changelog, below what is not released.
    Added { entry: String },
    /// An entry of the list that follows `list` and perhaps white space, up to its closing bracket.
    Entry { list: &'static str, entry: String, place: Place },
}

/// Where an entry goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In alphabetical order.
    Sorted,
    /// Before the entry that begins so.
    Before(&'static str),
}

/// What an edit did not find.
pub type Missing = String;

impl Edit {
    /// The text with the insertion. What rustfmt would lay out otherwise is not laid out.
    pub fn apply(&self, text: &str) -> Result<String, Missing> {
        match self {
            Self::Line { beside, line } => lines::insert_sorted(text, beside, line),
            Self::Before { anchor, block } => lines::insert(text, anchor, block),
            Self::Member { head, block } => lines::insert_member(text, head, block),
            Self::End { block } => Ok(format!("{text}{block}")),
            Self::Table { name, block } => lines::insert_table(text, name, block),
            Self::Import { module, item } => imports::add(text, module, item),
            Self::Entry { list, entry, place } => list::add(text, list, entry, place),
            Self::Added { entry } => changelog::add(text, entry),
        }
    }

    /// The text without the insertion. `format` lays out a text as the file's formatter does: only
    /// so is it known what the insertion looks like in the file.
    pub fn undo<E: From<Missing>>(
        &self,
        text: &str,
        format: impl Fn(String) -> Result<String, E>,
    ) -> Result<String, E> {
        match self {
            Self::Import { module, item } => Ok(imports::remove(text, module, item)?),
            Self::Entry { list, entry, .. } => Ok(list::remove(text, list, entry)?),
            Self::Added { entry } => Ok(changelog::remove(text, entry)?),
            Self::Line { .. }
            | Self::Before { .. }
            | Self::Member { .. }
            | Self::End { .. }
            | Self::Table { .. } => {
                let twice = format(self.apply(text)?)?;
                Ok(lines::remove(text, &lines::inserted(text, &twice))?)
            }
        }
    }
}

/// The text with what `new` inserts in the place of what `old` has inserted.
pub fn replace<E: From<Missing>>(
    text: &str,
    (old, new): (&Edit, &Edit),
    format: impl Fn(String) -> Result<String, E>,
) -> Result<String, E> {
    let (with_old, with_new) = (format(old.apply(text)?)?, format(new.apply(text)?)?);
    let (old, new) = (lines::inserted(text, &with_old), lines::inserted(text, &with_new));
    Ok(lines::replace(text, &old, &new)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Applies the edit, compares, and undoes it.
    fn check(edit: &Edit, before: &str, after: &str) {
        assert_eq!(edit.apply(before).unwrap(), after);
        let undone = edit.undo::<String>(after, Ok);
        assert_eq!(undone.unwrap(), before);
    }

    #[test]
    fn lines_are_inserted_in_order() {
        let edit = |line: &str| Edit::Line { beside: "pub mod ", line: line.to_owned() };
        let modules = "//! A.\n\npub mod auth;\nmod error;\npub mod users;\n\nuse b;\n";
        check(
            &edit("pub mod notes;"),
            modules,
            "//! A.\n\npub mod auth;\nmod error;\npub mod notes;\npub mod users;\n\nuse b;\n",
        );
        check(
            &edit("pub mod zebras;"),
            modules,
            "//! A.\n\npub mod auth;\nmod error;\npub mod users;\npub mod zebras;\n\nuse b;\n",
        );
        check(
            &edit("pub mod aunts;"),
            modules,
            "//! A.\n\npub mod aunts;\npub mod auth;\nmod error;\npub mod users;\n\nuse b;\n",
        );
        assert!(edit("pub mod notes;").apply("fn main() {}\n").unwrap_err().contains("`pub mod …`"));
    }

    #[test]
    fn blocks_are_inserted_at_their_anchors() {
        let text = "enum E {\n    A,\n    B,\n}\n";
        let before = Edit::Before { anchor: "B,".to_owned(), block: "    /// C.\n    C,\n".to_owned() };
        check(&before, text, "enum E {\n    A,\n    /// C.\n    C,\n    B,\n}\n");
        assert!(before.apply("A,\n").unwrap_err().contains("`B,`"));
        assert!(before.apply("B,\nB,\n").unwrap_err().contains("2 lines"));
        assert!(before.undo::<String>(text, Ok).is_err());
    }

    #[test]
    fn members_are_inserted_at_the_end_of_their_block() {
        let text = "    one (id) {\n        a,\n    }\nstruct Two {\n    /// {b}\n    b: B,\n}\n";
        let edit = |head: &str, block: &str| Edit::Member { head: head.to_owned(), block: block.to_owned() };
        check(&edit("one (id) {", "        c,\n"), text, &text.replace("a,\n", "a,\n        c,\n"));
        check(&edit("struct Two {", "    c: C,\n"), text, &text.replace("B,\n", "B,\n    c: C,\n"));
        assert!(edit("struct Three {", "").apply(text).unwrap_err().contains("`struct Three { … }`"));
    }

    #[test]
    fn a_block_of_another_resource_in_between_does_not_matter() {
        let edit = |name: &str| Edit::Before { anchor: "end".to_owned(), block: format!("{name}\n") };
        let both = edit("notes").apply(&edit("orders").apply("end\n").unwrap()).unwrap();
        assert_eq!(both, "orders\nnotes\nend\n");
        assert_eq!(edit("orders").undo::<String>(&both, Ok).unwrap(), "notes\nend\n");
    }

    #[test]
    fn a_block_is_replaced_where_it_is() {
        let edit = |name: &str| Edit::Before { anchor: "end".to_owned(), block: format!("{name}\n") };
        let replaced = replace::<String>("orders\nnotes\nend\n", (&edit("orders"), &edit("new\norders")), Ok);
        assert_eq!(replaced.unwrap(), "new\norders\nnotes\nend\n");
    }

    #[test]
    fn imports_are_joined() {
        let edit =
            |module: &str, item: &str| Edit::Import { module: module.to_owned(), item: item.to_owned() };
        let text = "use std::fmt;\n\nuse crate::a::Email;\nuse crate::ids::UserId;\n\nfn f() {}\n";
        check(
            &edit("crate::ids", "OrderId"),
            text,
            "use std::fmt;\n\nuse crate::a::Email;\nuse crate::ids::{OrderId, UserId};\n\nfn f() {}\n",
        );
        check(
            &edit("crate::b", "Text"),
            text,
            "use std::fmt;\n\nuse crate::a::Email;\nuse crate::b::Text;\nuse crate::ids::UserId;\n\nfn f() {}\n",
        );
        let braces = "use crate::ids::{\n    SessionId, UserId,\n};\n";
        let joined = edit("crate::ids", "OrderId").apply(braces).unwrap();
        assert_eq!(joined, "use crate::ids::{OrderId, SessionId, UserId};\n");
        assert_eq!(
            edit("crate::ids", "OrderId").undo::<String>(&joined, Ok).unwrap(),
            "use crate::ids::{SessionId, UserId};\n"
        );
        assert!(edit("crate::b", "Text").apply("fn f() {}\n").unwrap_err().contains("`use crate::…`"));
        assert!(edit("crate::ids", "OrderId").undo::<String>(text, Ok).is_err());
    }

    #[test]
    fn entries_are_inserted_in_order_or_before_another() {
        let edit = |list, entry: &str, place| Edit::Entry { list, entry: entry.to_owned(), place };
        let tuple = "type T = (AuthApi, UsersApi, HealthApi);\n";
        check(
            &edit("type T = ", "OrdersApi", Place::Before("HealthApi")),
            tuple,
            "type T = (AuthApi, UsersApi, OrdersApi, HealthApi);\n",
        );
        let calls = "let t = (\n    A { auth: auth.clone() },\n    H::new(a, b),\n);\n";
        check(
            &edit("let t = ", "O { o }", Place::Before("H::")),
            calls,
            "let t = (\n    A { auth: auth.clone() },\n    O { o },\n    H::new(a, b),\n);\n",
        );
        let tables = "tables!(audit, users,);\n";
        check(&edit("tables!", "notes", Place::Sorted), tables, "tables!(audit, notes, users,);\n");
        check(&edit("tables!", "zebras", Place::Sorted), tables, "tables!(audit, users, zebras,);\n");
        check(
            &edit("== ", "\"notes\"", Place::Sorted),
            "x == [\"a\", \"users\"]\n",
            "x == [\"a\", \"notes\", \"users\"]\n",
        );
        assert!(edit("list!", "a", Place::Sorted).apply(tables).unwrap_err().contains("`list!…`"));
        assert!(edit("type T = ", "O", Place::Before("X")).apply(tuple).unwrap_err().contains("`X`"));
        assert!(edit("type T = ", "O", Place::Sorted).undo::<String>(tuple, Ok).is_err());
    }
}
