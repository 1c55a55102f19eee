//! Words that cannot name a package, a module or a database in the languages of this repository.

/// The words of each language, separated by spaces. A word of several languages is in the first.
pub const KEYWORDS: [(&str, &str); 7] = [
    (
        "Rust",
        "abstract as async await become box break const continue crate do dyn else enum extern false final fn for gen if \
         impl in let loop macro match mod move mut override priv pub ref return self static struct super trait true try \
         type typeof union unsafe unsized use virtual where while yield class core std alloc",
    ),
    (
        "SQL",
        "all analyse analyze and any array asc asymmetric authorization between binary both by case cast check collate \
         collation column commit concurrently constraint create cross current_catalog current_date current_role \
         current_schema current_time current_timestamp current_user database default deferrable delete desc distinct drop \
         end except exists fetch foreign freeze from full grant group having ilike index initially inner insert intersect \
         into is isnull join key lateral leading left like limit localtime localtimestamp natural not notnull null offset \
         on only or order outer overlaps placing postgres primary public references returning right role rollback row \
         schema select session session_user set similar some symmetric system_user table tablesample template0 template1 \
         then to trailing transaction trigger unique update user using values variadic verbose view when window with",
    ),
    (
        "JavaScript",
        "arguments catch debugger eval export extends finally function implements import instanceof interface new package \
         private protected switch this throw typeof undefined var void delete",
    ),
    (
        "Java",
        "assert boolean byte char double float goto int java javax long native non permits record sealed short strictfp \
         synchronized throws transient volatile",
    ),
    ("Python", "def del elif global lambda nonlocal pass raise none print"),
    ("Go", "chan defer fallthrough func go main map range var init internal vendor"),
    (
        "cargo",
        "build con aux nul prn deps doc examples incremental proc_macro test tests target bench benches src xtask",
    ),
];

/// Whether a part of a Java package cannot have this name. Java shares most of its words with Rust
/// and JavaScript.
pub fn is_java(word: &str) -> bool {
    let shared = KEYWORDS.iter().filter(|(language, _)| ["Rust", "JavaScript", "Java"].contains(language));
    let mut words = shared.flat_map(|(_, words)| words.split_whitespace());
    words.any(|reserved| reserved == word && !["core", "std", "alloc"].contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_spelled_as_a_name_would_be() {
        for (language, words) in KEYWORDS {
            let is_spelled =
                |word: &str| word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            assert!(words.split_whitespace().all(is_spelled), "{language}");
        }
    }
}
