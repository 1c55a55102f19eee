//! rustfmt, as a function.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Whether the path is of a Rust file.
pub fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "rs")
}

/// The text of a file as rustfmt lays it out, if it is a Rust file.
pub fn file(root: &Path, path: &str, text: String) -> io::Result<String> {
    if is_rust(path) { rust(root, &text) } else { Ok(text) }
}

/// The text of a Rust file as rustfmt lays it out by the settings of the tree at `root`. An error
/// when rustfmt is not there, or the text is not Rust.
fn rust(root: &Path, text: &str) -> io::Result<String> {
    let program = std::env::var_os("RUSTFMT").unwrap_or_else(|| "rustfmt".into());
    let mut command = Command::new(program);
    command.args(["--quiet", "--edition", "2024", "--config-path"]).arg(root);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| {
            io::Error::new(error.kind(), format!("rustfmt does not start ({error}); install it with rustup"))
        })?;
    // rustfmt reads everything before it writes, so neither waits for the other.
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let problem = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("rustfmt refuses a file: {}\n{text}", problem.trim())));
    }
    String::from_utf8(output.stdout).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_laid_out_and_broken_rust_is_an_error() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        assert_eq!(
            rust(&root, "use b::B;\nuse a::A;\nfn  f( ) {}").unwrap(),
            "use a::A;\nuse b::B;\nfn f() {}\n"
        );
        assert!(rust(&root, "fn f(").is_err());
    }
}
