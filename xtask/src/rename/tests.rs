use std::collections::BTreeMap;
use std::fs;

use std::process::Command;

use tempfile::TempDir;

use super::*;

const MANIFEST: &str = "[workspace.package]\nversion = \"1.2.0\"\n\n[workspace.dependencies]\n\
    atlas-web = { version = \"1.2.0\", path = \"crates/web\" }\n\n\
    [package]\nname = \"atlas\"\nversion.workspace = true\n";

const FILES: [(&str, &str); 14] = [
    ("Cargo.toml", MANIFEST),
    (
        "Cargo.lock",
        "version = 4\n\n[[package]]\nname = \"atlas\"\nversion = \"1.2.0\"\n\n[[package]]\nname = \"atlas-web\"\nversion = \"1.2.0\"\n",
    ),
    ("CHANGELOG.md", "# Changelog\n\n- Atlas is faster.\n"),
    ("LICENSE-MIT", "Copyright (c) The Atlas team\n"),
    ("README.md", "# Atlas\n\nAn Atlas a day.\n"),
    ("clients/java/pom.xml", "<groupId>example.atlas</groupId>\n"),
    ("clients/java/src/example/atlas/client/Atlas.java", "package example.atlas.client;\n\nclass Atlas {}\n"),
    ("clients/typescript/package.json", "{\"name\": \"atlas-client\"}\n"),
    ("crates/web/src/lib.rs", "//! atlas_web\n"),
    ("deploy/compose.yaml", "image: atlas:1.2.0\n"),
    ("openapi/atlas.json", "{\"info\": {\"title\": \"Atlas\"}}\n"),
    ("openapi/released/1.0.0.json", "{\"info\": {\"title\": \"Atlas\"}}\n"),
    ("openapi/waivers.json", "[{}]\n"),
    ("src/main.rs", "use atlas::app;\nuse atlas_web::x;\n"),
];

/// A clone of a template.
fn clone() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in FILES {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::write(folder.path().join("logo.png"), b"atlas\0atlas").unwrap();
    git(&folder, &["init", "--quiet"]);
    commit(&folder);
    folder
}

fn git(folder: &TempDir, arguments: &[&str]) {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"];
    let mut command = Command::new("git");
    command.arg("-C").arg(folder.path()).args(identity).args(arguments);
    assert!(command.status().unwrap().success());
}

fn commit(folder: &TempDir) {
    git(folder, &["add", "--all"]);
    git(folder, &["commit", "--quiet", "--message", "files"]);
}

fn plan(folder: &TempDir, name: &str, choices: &Choices) -> Result<Plan, Error> {
    Plan::new(folder.path(), &name.parse().unwrap(), choices)
}

fn rename(folder: &TempDir, name: &str) {
    plan(folder, name, &Choices::default()).unwrap().apply().unwrap();
    // Written by the app from its code.
    let (document, title) = (format!("openapi/{name}.json"), Spellings::of(&name.parse().unwrap()).title);
    assert!(read(folder, &document).contains(&title));
}

fn read(folder: &TempDir, path: &str) -> String {
    fs::read_to_string(folder.path().join(path)).unwrap()
}

fn all(folder: &TempDir) -> BTreeMap<String, Vec<u8>> {
    let files = Tree::at(folder.path()).files().unwrap().into_iter();
    files.map(|path| (path.clone(), fs::read(folder.path().join(path)).unwrap())).collect()
}

#[test]
fn a_clone_of_the_template_becomes_a_new_product() {
    let folder = clone();
    let plan = plan(&folder, "acme-orders", &Choices::default()).unwrap();
    plan.apply().unwrap();
    assert_eq!(plan.leftovers().unwrap(), [""; 0]);
    let manifest = read(&folder, "Cargo.toml");
    assert!(manifest.ends_with("[package]\nname = \"acme-orders\"\nversion = \"0.1.0\"\n"), "{manifest}");
    assert!(manifest.contains("atlas-web = { version = \"1.2.0\""), "{manifest}");
    let lock = read(&folder, "Cargo.lock");
    assert!(lock.contains("name = \"acme-orders\"\nversion = \"0.1.0\"\n"), "{lock}");
    for (path, expected) in [
        ("LICENSE-MIT", FILES[3].1),
        (
            "README.md",
            "# Acme Orders\n\nAn Acme Orders a day.\n\nAcme Orders was made from Atlas 1.2.0, whose crates it depends on.\n",
        ),
        (
            "clients/java/src/example/acmeorders/client/AcmeOrders.java",
            "package example.acmeorders.client;\n\nclass AcmeOrders {}\n",
        ),
        ("crates/web/src/lib.rs", FILES[8].1),
        ("deploy/compose.yaml", "image: acme-orders:0.1.0\n"),
        ("openapi/waivers.json", "[]\n"),
        ("src/main.rs", "use acme_orders::app;\nuse atlas_web::x;\n"),
    ] {
        assert_eq!(read(&folder, path), expected, "{path}");
    }
    assert!(!read(&folder, "CHANGELOG.md").contains("faster"));
    assert!(!folder.path().join("openapi/released/1.0.0.json").exists());
    assert!(!folder.path().join("clients/java/src/example/atlas").exists());
    assert_eq!(fs::read(folder.path().join("logo.png")).unwrap(), b"atlas\0atlas");
}

#[test]
fn the_same_name_again_changes_nothing_even_before_a_commit() {
    let folder = clone();
    rename(&folder, "acme-orders");
    assert!(plan(&folder, "acme-orders", &Choices::default()).unwrap().is_empty());
}

#[test]
fn a_product_gets_another_name_and_keeps_what_it_has_released() {
    let folder = clone();
    rename(&folder, "acme-orders");
    commit(&folder);
    let first = all(&folder);
    fs::write(folder.path().join("CHANGELOG.md"), "- Acme Orders is faster.\n").unwrap();
    fs::create_dir_all(folder.path().join("openapi/released")).unwrap();
    fs::write(folder.path().join("openapi/released/0.1.0.json"), "Acme Orders").unwrap();
    commit(&folder);
    rename(&folder, "billing");
    assert_eq!(read(&folder, "src/main.rs"), "use billing::app;\nuse atlas_web::x;\n");
    assert!(
        read(&folder, "README.md")
            .ends_with("Billing was made from Atlas 1.2.0, whose crates it depends on.\n")
    );
    assert_eq!(read(&folder, "CHANGELOG.md"), "- Acme Orders is faster.\n");
    assert_eq!(read(&folder, "openapi/released/0.1.0.json"), "Acme Orders");
    commit(&folder);
    rename(&folder, "acme-orders");
    let again = all(&folder);
    assert!(first.iter().all(|(path, text)| path == "CHANGELOG.md" || again[path] == *text));
}

#[test]
fn what_is_not_committed_is_not_touched() {
    let folder = clone();
    fs::write(folder.path().join("notes.md"), "Atlas").unwrap();
    let before = all(&folder);
    let plan = plan(&folder, "acme-orders", &Choices::default()).unwrap();
    assert!(plan.apply().unwrap_err().to_string().contains("not committed"));
    assert_eq!(all(&folder), before);
    assert!(plan.to_string().contains("move    openapi/atlas.json -> openapi/acme-orders.json\n"), "{plan}");
}

#[test]
fn a_word_of_the_project_is_no_name_for_it() {
    let folder = clone();
    let refused = |name: &str| plan(&folder, name, &Choices::default()).map(|_| ()).unwrap_err().to_string();
    assert!(refused("atlas-web").contains("try `atlas-web-api`"));
}

#[test]
fn one_choice_changes_one_spelling() {
    let folder = clone();
    let choices = Choices { title: Some("The Atlas".to_owned()), ..Choices::default() };
    plan(&folder, "atlas", &choices).unwrap().apply().unwrap();
    assert_eq!(read(&folder, "src/main.rs"), FILES[13].1);
    assert!(read(&folder, "README.md").starts_with("# The Atlas\n"));
    assert_eq!(read(&folder, "CHANGELOG.md"), FILES[2].1, "it is still the template");
}
