//! English: the singular of a plural, and the article of a word.

/// Plurals that the rules below do not cover, with their singulars.
const IRREGULAR: [(&str, &str); 22] = [
    ("analyses", "analysis"),
    ("archives", "archive"),
    ("axes", "axis"),
    ("bonuses", "bonus"),
    ("buses", "bus"),
    ("caches", "cache"),
    ("campuses", "campus"),
    ("children", "child"),
    ("cookies", "cookie"),
    ("crises", "crisis"),
    ("indices", "index"),
    ("knives", "knife"),
    ("lenses", "lens"),
    ("lives", "life"),
    ("men", "man"),
    ("movies", "movie"),
    ("people", "person"),
    ("quizzes", "quiz"),
    ("shoes", "shoe"),
    ("statuses", "status"),
    ("viruses", "virus"),
    ("women", "woman"),
];

/// Endings of plurals with those of their singulars; the first that fits decides.
const ENDINGS: [(&str, &str); 10] = [
    ("ies", "y"),
    ("lves", "lf"),
    ("eaves", "eaf"),
    ("sses", "ss"),
    ("shes", "sh"),
    ("ches", "ch"),
    ("xes", "x"),
    ("oes", "o"),
    ("ss", ""),
    ("s", ""),
];

/// The singular of a plural noun in snake case: only its last word changes. `None` if the word is
/// not a plural by the rules.
pub fn singular(plural: &str) -> Option<String> {
    let (first, last) = match plural.rfind('_') {
        Some(at) => plural.split_at(at + 1),
        None => ("", plural),
    };
    let irregular = IRREGULAR.iter().find(|(plural, _)| *plural == last).map(|(_, one)| (*one).to_owned());
    let regular = || {
        let (ending, replacement) = ENDINGS.iter().find(|(ending, _)| last.ends_with(ending))?;
        let stem = last.strip_suffix(ending)?;
        (*ending != "ss" && stem.len() > 1).then(|| format!("{stem}{replacement}"))
    };
    irregular.or_else(regular).map(|one| format!("{first}{one}"))
}

/// The plural of a singular noun, as a suggestion.
pub fn plural(singular: &str) -> String {
    let ends = |endings: &[&str]| endings.iter().any(|ending| singular.ends_with(ending));
    match singular.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ if ends(&["s", "x", "sh", "ch"]) => format!("{singular}es"),
        _ => format!("{singular}s"),
    }
}

/// The indefinite article before a phrase.
pub fn article(phrase: &str) -> &'static str {
    let begins = |words: &[&str]| words.iter().any(|word| phrase.starts_with(word));
    let is_consonant = ["uni", "use", "usa", "uti", "url", "uuid", "eu", "one"];
    let is_silent = ["hour", "hono", "heir"];
    let has_vowel = phrase.starts_with(['a', 'e', 'i', 'o', 'u']) && !begins(&is_consonant);
    if has_vowel || begins(&is_silent) || begins(&["unin", "unim"]) { "an" } else { "a" }
}

/// `PascalCase` of a name in snake case.
pub fn pascal(snake: &str) -> String {
    snake.split('_').map(capitalized).collect()
}

/// `snake_case` of a name with capitals, hyphens or spaces.
pub fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if !snake.is_empty() && !snake.ends_with('_') && !c.is_ascii_lowercase() && !c.is_ascii_digit() {
            snake.push('_');
        }
        if c.is_ascii_alphanumeric() {
            snake.push(c.to_ascii_lowercase());
        }
    }
    snake
}

/// The word with its first letter as a capital.
pub fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Names as people list them: `a`, `a and b`, `a, b and c`.
pub fn listed(names: &[String], conjunction: &str) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} {conjunction} {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plural_has_a_singular() {
        for (many, one) in [
            ("orders", "order"),
            ("companies", "company"),
            ("addresses", "address"),
            ("order_lines", "order_line"),
            ("boxes", "box"),
            ("branches", "branch"),
            ("dishes", "dish"),
            ("classes", "class"),
            ("houses", "house"),
            ("invoices", "invoice"),
            ("databases", "database"),
            ("statuses", "status"),
            ("people", "person"),
            ("movies", "movie"),
            ("heroes", "hero"),
            ("shelves", "shelf"),
            ("keys", "key"),
            ("sales_people", "sales_person"),
        ] {
            assert_eq!(singular(many).as_deref(), Some(one));
        }
        for not_plural in ["data", "order", "address", "s", "ies"] {
            assert_eq!(singular(not_plural), None, "{not_plural}");
        }
    }

    #[test]
    fn a_suggested_plural_is_one() {
        for (one, many) in
            [("order", "orders"), ("company", "companies"), ("key", "keys"), ("address", "addresses")]
        {
            assert_eq!(plural(one), many);
        }
    }

    #[test]
    fn the_article_follows_the_sound() {
        for (word, expected) in [
            ("order", "an"),
            ("note", "a"),
            ("invoice", "an"),
            ("unit", "a"),
            ("user group", "a"),
            ("hour", "an"),
            ("url", "a"),
            ("upload", "an"),
        ] {
            assert_eq!(article(word), expected, "{word}");
        }
    }

    #[test]
    fn lists_read_as_english() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(listed(&names(&["a"]), "and"), "a");
        assert_eq!(listed(&names(&["a", "b", "c"]), "or"), "a, b or c");
        assert_eq!(
            (pascal("order_line"), snake("OrderLine")),
            ("OrderLine".to_owned(), "order_line".to_owned())
        );
    }
}
