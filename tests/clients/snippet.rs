//! The snippet of a client's README: a program and what it prints.

/// Where the READMEs say the service is.
const ADDRESS: &str = "http://localhost:8000";

pub struct Snippet {
    language: String,
    program: String,
    pub output: String,
}

impl Snippet {
    pub fn of(language: &str) -> Self {
        let file = format!("{}/clients/{language}/README.md", env!("CARGO_MANIFEST_DIR"));
        Self::parse(&std::fs::read_to_string(&file).expect(&file))
    }

    fn parse(readme: &str) -> Self {
        let marked = readme.split_once("<!-- snippet:begin -->").expect("a begin").1;
        let marked = marked.split_once("<!-- snippet:end -->").expect("an end").0;
        let blocks: Vec<&str> = marked.split("```").skip(1).step_by(2).collect();
        let [program, output] = blocks[..] else { panic!("two blocks, not {}", blocks.len()) };
        let (language, program) = program.split_once('\n').unwrap();
        let output = output.strip_prefix("text\n").expect("a block of text");
        Self { language: language.to_owned(), program: program.to_owned(), output: output.to_owned() }
    }

    /// The name that the language's tools expect of a program.
    pub fn file_name(&self) -> &'static str {
        match self.language.as_str() {
            "go" => "main.go",
            "java" => "Snippet.java",
            "python" => "snippet.py",
            "rust" => "main.rs",
            "typescript" | "ts" => "snippet.ts",
            other => panic!("nobody knows how a program in {other:?} is called"),
        }
    }

    /// The program, calling the service at `url`.
    pub fn program_for(&self, url: &str) -> String {
        assert!(self.program.contains(ADDRESS), "the snippet calls {ADDRESS}");
        self.program.replace(ADDRESS, url)
    }
}

#[test]
fn a_snippet_is_a_program_and_its_output() {
    let readme = "# Client\n<!-- snippet:begin -->\n```go\ncall(\"http://localhost:8000\")\n```\nprints\n```text\nfine\n```\n<!-- snippet:end -->";
    let snippet = Snippet::parse(readme);
    assert_eq!(snippet.file_name(), "main.go");
    assert_eq!(snippet.program_for("http://127.0.0.1:7"), "call(\"http://127.0.0.1:7\")\n");
    assert_eq!(snippet.output, "fine\n");
}
