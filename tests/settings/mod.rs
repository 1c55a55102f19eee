//! The documents generated from the settings are up to date. `UPDATE_GENERATED=1` writes them
//! instead.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use groundwork::settings::Settings;
use groundwork_settings::{env_example, markdown_table};

const BEGIN: &str = "<!-- settings:begin -->\n";
const END: &str = "<!-- settings:end -->";

/// Compares a document with what it should be, or makes it that.
fn check(name: &str, expected: impl FnOnce(&str) -> String) -> io::Result<()> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let update = env::var_os("UPDATE_GENERATED").is_some_and(|value| value == "1");
    let found = fs::read_to_string(&path).unwrap_or_default();
    let expected = expected(&found);
    if update && found != expected {
        return fs::write(&path, expected);
    }
    assert!(
        found == expected,
        "{name} is not what the settings say; run: UPDATE_GENERATED=1 cargo test --test integration -- settings::"
    );
    Ok(())
}

#[test]
fn the_example_file_is_up_to_date() {
    check(".env.example", |_| env_example::<Settings>()).unwrap();
}

#[test]
fn the_settings_reference_is_up_to_date() {
    check("docs/reference/settings.md", |page| {
        let (before, rest) = page.split_once(BEGIN).expect("the page marks where the settings begin");
        let (_, after) = rest.split_once(END).expect("the page marks where the settings end");
        format!("{before}{BEGIN}{}{END}{after}", markdown_table::<Settings>())
    })
    .unwrap();
}
