//! A copy of the template becomes a product that has released nothing.

use super::lockfile;
use super::spellings::Spellings;

/// The app's version in the template.
pub const SHARED_VERSION: &str = "version.workspace = true";

/// The version of the new product.
pub const FIRST_VERSION: &str = "0.1.0";

const CHANGELOG: &str = "# Changelog

What users notice, in the form of [Keep a Changelog](https://keepachangelog.com/en/1.1.0/). Versions
follow [Semantic Versioning](https://semver.org/spec/v2.0.0.html) of the API as the document
describes it.

## [Unreleased]

### Added

- Users, login, sessions and health checks.
";

/// Whether the file is a document that the template has released.
pub fn is_removed(path: &str) -> bool {
    path.strip_prefix("openapi/released/").is_some_and(|name| name != "README.md")
}

/// The text of a renamed file in the new product.
pub fn text(path: &str, text: String, origin: &Origin<'_>) -> String {
    match path {
        "Cargo.toml" => with_own_version(&text),
        "Cargo.lock" => lockfile::with_version(&text, &origin.new.kebab, FIRST_VERSION),
        "CHANGELOG.md" => CHANGELOG.to_owned(),
        "openapi/waivers.json" => "[]\n".to_owned(),
        "README.md" => text + &origin.sentence(),
        _ if path.starts_with("deploy/") => origin.with_first_image(&text),
        _ => text,
    }
}

/// Where the product comes from.
pub struct Origin<'a> {
    /// The template.
    pub old: &'a Spellings,
    pub new: &'a Spellings,
    /// The template's version.
    pub version: &'a str,
}

impl Origin<'_> {
    /// The sentence at the end of the README. It keeps the template's name.
    fn sentence(&self) -> String {
        let Self { old, new, version } = self;
        format!("\n{} was made from {} {version}, whose crates it depends on.\n", new.title, old.title)
    }

    /// Sets the version where deployments name the image.
    fn with_first_image(&self, text: &str) -> String {
        let image = format!("{}:{}", self.new.kebab, self.version);
        let tag = format!("newTag: {}", self.version);
        text.replace(&image, &format!("{}:{FIRST_VERSION}", self.new.kebab))
            .replace(&tag, &format!("newTag: {FIRST_VERSION}"))
    }
}

/// The app leaves the version that it shares with the crates.
fn with_own_version(manifest: &str) -> String {
    let Some((before, package)) = manifest.split_once("[package]\n") else { return manifest.to_owned() };
    let own = format!("version = \"{FIRST_VERSION}\"");
    format!("{before}[package]\n{}", package.replacen(SHARED_VERSION, &own, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_app_gets_a_version_and_the_crates_keep_theirs() {
        let manifest =
            "[workspace.package]\nversion = \"1.2.0\"\n\n[package]\nname = \"a\"\nversion.workspace = true\n";
        let expected =
            "[workspace.package]\nversion = \"1.2.0\"\n\n[package]\nname = \"a\"\nversion = \"0.1.0\"\n";
        assert_eq!(with_own_version(manifest), expected);
    }

    #[test]
    fn only_the_apps_image_gets_the_first_version() {
        let [old, new] = ["atlas", "acme-orders"].map(|name| Spellings::of(&name.parse().unwrap()));
        let origin = Origin { old: &old, new: &new, version: "1.2.0" };
        let manifest = "image: acme-orders:1.2.0\nimage: redis:1.2.0\nnewTag: 1.2.0 # yours\n".to_owned();
        let expected = "image: acme-orders:0.1.0\nimage: redis:1.2.0\nnewTag: 0.1.0 # yours\n";
        assert_eq!(text("deploy/a.yaml", manifest, &origin), expected);
    }
}
