//! Every file of tests is a module of a test binary. Without a `mod`, Rust silently leaves a file
//! out.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders of packages of their own.
const OTHER_PACKAGES: [&str; 1] = ["upgrade"];

/// The Rust files below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .filter(|path| !OTHER_PACKAGES.iter().any(|name| path.ends_with(name)))
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// Whether cargo finds the file by itself: it is in `root` or the `main.rs` of a folder there.
fn is_binary(root: &Path, file: &Path) -> bool {
    let folder = file.parent().unwrap();
    folder == root || (file.ends_with("main.rs") && folder.parent() == Some(root))
}

/// Whether a file in the place of the parent module declares this one.
fn is_declared(file: &Path) -> bool {
    let module = if file.ends_with("mod.rs") { file.parent().unwrap() } else { file };
    let name = module.file_stem().unwrap().to_str().unwrap();
    let folder = module.parent().unwrap();
    let parents = ["integration.rs", "main.rs", "mod.rs"].map(|parent| folder.join(parent));
    let line = format!("mod {name};");
    parents.into_iter().chain([folder.with_extension("rs")]).any(|parent| {
        let text = fs::read_to_string(parent).unwrap_or_default();
        text.lines().any(|declared| declared.strip_prefix("pub ").unwrap_or(declared) == line)
    })
}

/// The files below `root` that no test binary contains.
fn left_out(root: &Path) -> Vec<PathBuf> {
    files(root).into_iter().filter(|file| !is_binary(root, file) && !is_declared(file)).collect()
}

#[test]
fn every_file_of_tests_is_compiled() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    assert_eq!(left_out(&root), Vec::<PathBuf>::new());
}

#[test]
fn a_file_that_is_not_declared_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for (name, text) in [
        ("integration.rs", "mod api;\n"),
        ("api/mod.rs", "mod auth;\npub mod users;\n"),
        ("api/auth.rs", ""),
        ("api/users.rs", "mod list;\n"),
        ("api/users/list.rs", ""),
        ("contract/main.rs", ""),
        ("upgrade/src/main.rs", ""),
    ] {
        fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        fs::write(root.join(name), text).unwrap();
    }
    assert_eq!(left_out(root), Vec::<PathBuf>::new());
    for name in ["api/tokens.rs", "api/users/own.rs", "server/mod.rs"] {
        fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        fs::write(root.join(name), "").unwrap();
        assert_eq!(left_out(root), [root.join(name)]);
        fs::remove_file(root.join(name)).unwrap();
    }
}
