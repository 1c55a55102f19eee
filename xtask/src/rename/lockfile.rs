//! `Cargo.lock` is sorted by name, and `cargo --locked` refuses one that is not.

/// Sorts the packages, and the dependencies of each, as cargo writes them.
pub fn sorted(text: &str) -> String {
    let body = text.trim_end_matches('\n');
    let (mut packages, others): (Vec<_>, Vec<_>) =
        body.split("\n\n").partition(|block| block.starts_with("[[package]]"));
    packages.sort_by_key(|block| block.lines().find_map(|line| line.strip_prefix("name = ")).map(unquoted));
    let packages = packages.into_iter().map(with_sorted_dependencies);
    let blocks: Vec<_> = others.into_iter().map(str::to_owned).chain(packages).collect();
    blocks.join("\n\n") + "\n"
}

/// Sets the version of one package.
pub fn with_version(text: &str, name: &str, version: &str) -> String {
    let blocks = text.split("\n\n").map(|block| {
        let is_package = block.lines().any(|line| line == format!("name = \"{name}\""));
        let set = |line: &str| {
            if is_package && line.starts_with("version = ") {
                format!("version = \"{version}\"")
            } else {
                line.to_owned()
            }
        };
        block.split('\n').map(set).collect::<Vec<_>>().join("\n")
    });
    blocks.collect::<Vec<_>>().join("\n\n")
}

fn with_sorted_dependencies(block: &str) -> String {
    let is_dependency = |line: &&str| line.starts_with(" \"");
    let mut dependencies: Vec<_> = block.lines().filter(is_dependency).collect();
    dependencies.sort_by_key(|line| unquoted(line));
    let mut sorted = dependencies.into_iter();
    let lines =
        block.lines().map(|line| if is_dependency(&line) { sorted.next().unwrap_or(line) } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

/// The name in a quoted name or in a dependency, which may have a version behind it.
fn unquoted(text: &str) -> &str {
    let name = text.trim().trim_matches([',', '"']);
    name.split(' ').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_and_dependencies_are_in_the_order_of_their_names() {
        let text = "# By cargo.\nversion = 4\n\n[[package]]\nname = \"a-b\"\nversion = \"1\"\n\n\
            [[package]]\nname = \"z\"\nversion = \"2\"\n\n[[package]]\nname = \"a\"\nversion = \"1\"\n\
            dependencies = [\n \"z\",\n \"a-b 1.0.0\",\n]\n";
        let expected = "# By cargo.\nversion = 4\n\n[[package]]\nname = \"a\"\nversion = \"1\"\n\
            dependencies = [\n \"a-b 1.0.0\",\n \"z\",\n]\n\n[[package]]\nname = \"a-b\"\nversion = \"1\"\n\n\
            [[package]]\nname = \"z\"\nversion = \"2\"\n";
        assert_eq!(sorted(text), expected);
        assert_eq!(sorted(expected), expected);
    }

    #[test]
    fn one_package_gets_another_version() {
        let text =
            "[[package]]\nname = \"a\"\nversion = \"1\"\n\n[[package]]\nname = \"a-b\"\nversion = \"1\"\n";
        let expected =
            "[[package]]\nname = \"a\"\nversion = \"2\"\n\n[[package]]\nname = \"a-b\"\nversion = \"1\"\n";
        assert_eq!(with_version(text, "a", "2"), expected);
    }
}
