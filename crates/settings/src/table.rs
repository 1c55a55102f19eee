//! The macro that declares settings, and what it generates.

use crate::{Problems, Sources};

/// A struct of settings that [`settings!`](crate::settings!) declares.
pub trait Table: Sized {
    /// Reads every setting and adds what is wrong to `problems`. A wrong value is replaced by its
    /// default, so that the rules between settings can still be checked. `None` if a default is
    /// wrong.
    fn read(sources: &Sources<'_>, problems: &mut Problems) -> Option<Self>;

    /// Every setting for documents, in the order of declaration.
    fn entries() -> Vec<Entry>;
}

/// A setting as documents show it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The environment variable.
    pub name: &'static str,
    /// The default as the variable would spell it; empty for a setting that is unset by default.
    pub default: &'static str,
    /// A value that is accepted.
    pub example: &'static str,
    /// What the setting does, from its documentation comment.
    pub doc: &'static str,
    /// The accepted range, choices or form as a sentence; empty if `doc` says it.
    pub accepts: String,
    /// Whether the value is a secret, which may be in a file.
    pub is_secret: bool,
}

/// Declares a struct of settings with an entry per setting:
///
/// ```text
/// /// Documentation, which is also that of the variable.
/// field: Type = "VARIABLE", default "value or nothing", example "value", check;
/// ```
///
/// `check` is a [`Check`](crate::check::Check) for values of `Type`. The struct is `Clone`, its
/// `Debug` shows no secret if its types do not, and it implements [`Table`]. Its method `effective`
/// lists each variable with the value in force, secrets masked.
#[macro_export]
macro_rules! settings {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $Settings:ident {
            $(
                $(#[doc = $doc:literal])+
                $field:ident: $type:ty = $name:literal, default $default:literal,
                    example $example:literal, $check:expr;
            )+
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Debug)]
        $visibility struct $Settings {
            $(
                $(#[doc = $doc])+
                #[doc = concat!("\n\n`", $name, "=", $default, "`, read by `", stringify!($check), "`.")]
                pub $field: $type,
            )+
        }

        impl $Settings {
            /// The settings in force, in the order of declaration. A secret shows as `********`; an
            /// address keeps everything but its password.
            pub fn effective(&self) -> Vec<(&'static str, String)> {
                vec![$( ($name, $check.show(&self.$field)) ),+]
            }
        }

        impl $crate::Table for $Settings {
            fn read(sources: &$crate::Sources<'_>, problems: &mut $crate::Problems) -> Option<Self> {
                // All are read before the first `?`, so that one wrong setting does not hide
                // another.
                $( let $field = sources.read_one($name, $default, &$check, problems); )+
                Some(Self { $( $field: $field? ),+ })
            }

            fn entries() -> Vec<$crate::Entry> {
                vec![$(
                    $crate::Entry {
                        name: $name,
                        default: $default,
                        example: $example,
                        doc: concat!($($doc),+).trim_ascii(),
                        accepts: $check.accepts,
                        is_secret: $check.is_secret,
                    }
                ),+]
            }
        }
    };
}
