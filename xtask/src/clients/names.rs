//! Names in the spelling of a language, from `snake_case`.

/// `me_update` as `MeUpdate`.
pub fn pascal(name: &str) -> String {
    name.split('_').map(capitalized).collect()
}

/// `me_update` as `meUpdate`.
pub fn camel(name: &str) -> String {
    let pascal = pascal(name);
    let mut letters = pascal.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

/// The name, with an underscore behind it if it is one of `taken`.
pub fn free(name: &str, taken: &[&str]) -> String {
    if taken.contains(&name) { format!("{name}_") } else { name.to_owned() }
}

/// `users` as `Users`.
pub fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}
