//! `cargo xtask`, as scripts and people call it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use xtask::app;

fn present() -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let path = root.join(app::document(&app::name(root).unwrap()));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn diff(old: &str, new: &str, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).args(["openapi", "diff", old, new]).args(more).output().unwrap()
}

#[test]
fn its_exit_code_tells_a_harmless_change_from_a_breaking_one_and_from_no_document() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let mut changed = present();
    changed["paths"].as_object_mut().unwrap().shift_remove("/api/v1/auth/me");
    let (old, new) = (file("old.json", &present().to_string()), file("new.json", &changed.to_string()));

    let harmless = diff(&new, &old, &[]);
    assert_eq!(harmless.status.code(), Some(0));
    assert_eq!(harmless.stdout, b"compatible auth_me: `GET /api/v1/auth/me` is new\n");

    let breaking = diff(&old, &new, &["--format", "markdown"]);
    assert_eq!(breaking.status.code(), Some(3));
    let printed = String::from_utf8(breaking.stdout).unwrap();
    let version = present()["info"]["version"].as_str().unwrap().to_owned();
    let report = format!("## {version}\n\n### Breaking\n\n- auth_me: `GET /api/v1/auth/me` is gone\n");
    assert_eq!(printed, report);

    for wrong in [file("list.json", "[]"), file("half.json", "{"), "missing.json".to_owned()] {
        let refused = diff(&old, &wrong, &[]);
        assert_eq!(refused.status.code(), Some(1), "{wrong}");
        assert!(String::from_utf8(refused.stderr).unwrap().contains(&wrong), "{wrong}");
    }
}

#[test]
fn a_removal_that_is_refused_lists_nothing_that_looks_removed() {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("clients/go/go.mod", "module"),
        ("scripts/lib/clients/go.sh", "go_tools() { :; }"),
        ("scripts/lib/clients/java.sh", "java_tools() { :; }"),
        ("tests/clients/mod.rs", "clients! { go java }\n"),
        ("tests/clients/package.rs", "const GO: Form = Form {\n};\n\n\"go\" => &GO,\n"),
        ("clients/README.md", "| [Go](go/README.md) | x |\n| Go | y |\n"),
        (".gitattributes", "*.gen.go linguist-generated\n"),
    ] {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    assert!(
        Command::new("git").args(["init", "--quiet"]).current_dir(folder.path()).status().unwrap().success()
    );
    let remove = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        let output = command.current_dir(folder.path()).args(["remove", "client", "go"]).args(more).output();
        let output = output.unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    assert!(remove(&["--dry-run"]).0.contains("delete clients/go/go.mod\n"));
    let (printed, refusal) = remove(&[]);
    assert!(printed.is_empty() && refusal.contains("not committed"), "{printed}{refusal}");
}
