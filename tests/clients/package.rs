//! What the package of a client consists of, and what registries read in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What is expected of the package of a language. Files are named by patterns with at most one `*`.
/// `VERSION` stands for that of the document.
struct Form {
    /// The file that registries read.
    manifest: &'static str,
    /// What it contains; most are followed by a value.
    metadata: &'static [&'static str],
    /// What stands before the names of the project's licences.
    licences: &'static [&'static str],
    /// The file that contains the client's README.
    readme: &'static str,
    /// What a program needs besides these.
    required: &'static [&'static str],
    /// What is compiled, and from which files: a class or a module of a test has none of them.
    compiled: &'static [(&'static str, &'static [&'static str])],
    /// All other files.
    others: &'static [&'static str],
    /// A file that would be left over from a build or a test.
    leftover: &'static str,
    /// A source file of the client without which it does not work.
    left_out: &'static str,
}

const TYPESCRIPT: Form = Form {
    manifest: "package.json",
    metadata: &[
        "\"version\": \"VERSION\"",
        "\"name\": \"",
        "\"description\": \"",
        "\"license\": \"",
        "\"homepage\": \"https://",
        "\"url\": \"https://",
        "\"types\": \"./dist/index.d.ts\"",
        "\"default\": \"./dist/index.js\"",
        "\"node\": \">=",
    ],
    licences: &[""],
    readme: "README.md",
    required: &["dist/index.js", "dist/index.d.ts"],
    compiled: &[("dist/*.d.ts", &["src/*.ts"]), ("dist/*.js", &["src/*.ts"])],
    others: &[],
    leftover: "build/test/session.test.js",
    left_out: "src/session.ts",
};

const PYTHON: Form = Form {
    manifest: "wheel/*.dist-info/METADATA",
    metadata: &[
        "\nVersion: VERSION\n",
        "\nName: ",
        "\nSummary: ",
        "\nLicense-Expression: ",
        "\nLicense-File: ",
        "\nRequires-Python: ",
        "\nRequires-Dist: ",
        "\nProject-URL: Homepage, https://",
        "\nProject-URL: Source, https://",
        "\nClassifier: Typing :: Typed\n",
    ],
    licences: &["wheel/*.dist-info/licenses/", "sdist/"],
    readme: "wheel/*.dist-info/METADATA",
    required: &[
        "wheel/groundwork_client/py.typed",
        "wheel/groundwork_client/__init__.py",
        "sdist/PKG-INFO",
        "sdist/README.md",
        "sdist/pyproject.toml",
        "sdist/src/groundwork_client/py.typed",
    ],
    compiled: &[],
    others: &[
        "wheel/groundwork_client/*.py",
        "wheel/*.dist-info/RECORD",
        "wheel/*.dist-info/WHEEL",
        "sdist/src/groundwork_client/*.py",
        "sdist/.gitignore",
    ],
    leftover: "sdist/tests/test_session.py",
    left_out: "src/groundwork_client/session.py",
};

const RUST: Form = Form {
    manifest: "Cargo.toml",
    metadata: &[
        // Behind the name, and not that of a dependency.
        "\"\nversion = \"VERSION\"\n",
        "\nname = \"",
        "\ndescription = \"",
        "\nlicense = \"",
        "\nrepository = \"https://",
        "\nhomepage = \"https://",
        "\nrust-version = \"",
    ],
    licences: &[""],
    readme: "README.md",
    required: &["src/lib.rs", "Cargo.lock"],
    compiled: &[],
    others: &["src/*.rs", "Cargo.toml.orig", ".cargo_vcs_info.json"],
    leftover: "examples/scenario/main.rs",
    left_out: "src/session.rs",
};

const GO: Form = Form {
    manifest: "version.gen.go",
    metadata: &["\nconst Version = \"VERSION\"\n", "\npackage "],
    licences: &[""],
    readme: "README.md",
    required: &["go.mod", "go.sum", "client.gen.go"],
    compiled: &[],
    // The module has its tests, and the programs in `internal`, which nobody else can import.
    others: &["*.go", "oapi-codegen.yaml", ".gitignore"],
    leftover: "client.test",
    left_out: "session.go",
};

const JAVA: Form = Form {
    manifest: "repository/*-VERSION.pom",
    metadata: &[
        "<version>VERSION</version>",
        "<name>",
        "<description>",
        "<url>https://",
        "<licenses>",
        "<developers>",
        "<scm>",
        "<connection>scm:git:https://",
    ],
    licences: &["jar/META-INF/"],
    readme: "jar/META-INF/README.md",
    required: &[
        "jar/*/Session.class",
        "repository/*-VERSION.jar",
        "repository/*-VERSION-sources.jar",
        "repository/*-VERSION-javadoc.jar",
    ],
    compiled: &[("jar/*.class", &["src/main/java/*.java", "src/generated/java/*.java"])],
    others: &[
        "jar/META-INF/MANIFEST.MF",
        "jar/META-INF/maven/*",
        "repository/*.md5",
        "repository/*.sha1",
        "repository/*/maven-metadata.xml",
    ],
    leftover: "jar/example/groundwork/client/Scenario.class",
    left_out: "src/main/java/example/groundwork/client/Session.java",
};

fn form(language: &str) -> &'static Form {
    match language {
        "typescript" => &TYPESCRIPT,
        "python" => &PYTHON,
        "rust" => &RUST,
        "go" => &GO,
        "java" => &JAVA,
        _ => panic!("{language}: no package is described"),
    }
}

/// A file of the client without which its package does not work.
pub fn left_out(language: &str) -> &'static str {
    form(language).left_out
}

/// The files of a package.
#[derive(Clone)]
pub struct Package {
    language: String,
    form: &'static Form,
    files: BTreeMap<String, String>,
}

impl Package {
    pub fn read(language: &str, folder: &Path) -> Self {
        let mut files = BTreeMap::new();
        read_into(&mut files, folder, "");
        Self { language: language.to_owned(), form: form(language), files }
    }

    /// Everything that a registry or a user would miss, and everything that is too much.
    pub fn problems(&self) -> Vec<String> {
        let form = self.form;
        let missing = form.required.iter().filter(|pattern| self.find(pattern).is_none());
        let mut problems: Vec<String> = missing.map(|pattern| format!("{pattern} is missing")).collect();

        let manifest = self.find(form.manifest).map(|text| format!("\n{text}")).unwrap_or_default();
        let lacking = form.metadata.iter().filter(|entry| !manifest.contains(&with_version(entry)));
        problems.extend(lacking.map(|entry| format!("{} lacks {entry:?}", form.manifest)));

        let wrong = self.licences().into_iter().filter(|(path, text)| self.find(path) != Some(text));
        problems.extend(wrong.map(|(path, _)| format!("{path} is not the project's")));

        let readme = fs::read_to_string(format!("{ROOT}/clients/{}/README.md", self.language)).unwrap();
        if !self.find(form.readme).is_some_and(|text| text.contains(readme.trim())) {
            problems.push(format!("{} has not the text of the README", form.readme));
        }

        let has_relative_link = self.find(form.readme).is_some_and(|text| text.contains("](../"));
        if has_relative_link {
            problems.push(format!("{} has a link that leads out of the package", form.readme));
        }

        let unexpected = self.files.keys().filter(|path| !self.is_expected(path));
        problems.extend(unexpected.map(|path| format!("{path} does not belong there")));
        problems
    }

    /// Takes out everything that is checked, one after the other.
    pub fn assert_that_each_check_can_fail(&self) {
        let form = self.form;
        let licences = self.licences().into_iter().map(|(path, _)| path);
        let files = form.required.iter().chain([&form.readme]).map(|pattern| (*pattern).to_owned());
        for pattern in files.chain(licences) {
            let mut broken = self.clone();
            broken.files.retain(|path, _| !matches(&pattern, path));
            assert_ne!(broken.problems(), Vec::<String>::new(), "without {pattern}");
        }
        for entry in form.metadata {
            let mut broken = self.clone();
            let manifests = broken.files.iter_mut().filter(|(path, _)| matches(form.manifest, path));
            for (_, text) in manifests {
                *text = format!("\n{text}").replace(&with_version(entry), "");
            }
            assert_ne!(broken.problems(), Vec::<String>::new(), "without {entry:?}");
        }
        let mut linked = self.clone();
        let readmes = linked.files.iter_mut().filter(|(path, _)| matches(form.readme, path));
        readmes.for_each(|(_, text)| text.push_str("[link](../README.md)"));
        assert_ne!(linked.problems(), Vec::<String>::new(), "with a relative link");
        let mut more = self.clone();
        more.files.insert(form.leftover.to_owned(), String::new());
        assert_ne!(more.problems(), Vec::<String>::new(), "with {}", form.leftover);
    }

    fn find(&self, pattern: &str) -> Option<&String> {
        self.files.iter().find(|(path, _)| matches(pattern, path)).map(|(_, text)| text)
    }

    /// Where the licences of the project are in the package, and their texts.
    fn licences(&self) -> Vec<(String, String)> {
        let names =
            fs::read_dir(ROOT).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let licences: Vec<_> = names.filter(|name| name.starts_with("LICENSE")).collect();
        assert_ne!(licences, Vec::<String>::new(), "the project has no licence");
        let text = |name: &String| fs::read_to_string(format!("{ROOT}/{name}")).unwrap();
        let at = |place: &&str| {
            licences.iter().map(|name| (format!("{place}{name}"), text(name))).collect::<Vec<_>>()
        };
        self.form.licences.iter().flat_map(at).collect()
    }

    fn is_expected(&self, path: &str) -> bool {
        let form = self.form;
        let named = form.required.iter().chain(form.others).chain([&form.manifest, &form.readme]);
        let is_licence = self.licences().iter().any(|(pattern, _)| matches(pattern, path));
        let is_compiled = form.compiled.iter().any(|(pattern, sources)| {
            let class = star(pattern, path).and_then(|star| star.split('$').next());
            class.is_some_and(|class| self.has_one_of(sources, class))
        });
        is_licence || is_compiled || named.into_iter().any(|pattern| matches(pattern, path))
    }

    /// Whether the client has a file as one of the patterns says, with this in place of the `*`.
    fn has_one_of(&self, patterns: &[&str], star: &str) -> bool {
        let client = format!("{ROOT}/clients/{}", self.language);
        patterns.iter().any(|pattern| Path::new(&client).join(pattern.replace('*', star)).is_file())
    }
}

/// Whether a path is as a pattern with at most one `*` says.
fn matches(pattern: &str, path: &str) -> bool {
    let pattern = with_version(pattern);
    pattern == path || star(&pattern, path).is_some()
}

/// What of a path is in place of the `*` of a pattern.
fn star<'a>(pattern: &str, path: &'a str) -> Option<&'a str> {
    let (begin, end) = pattern.split_once('*')?;
    path.strip_prefix(begin)?.strip_suffix(end)
}

/// A text with the version of the document.
fn with_version(text: &str) -> String {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let document = fs::read_to_string(format!("{ROOT}/openapi/groundwork.json")).unwrap();
        let document: Value = serde_json::from_str(&document).unwrap();
        document["info"]["version"].as_str().unwrap().to_owned()
    });
    text.replace("VERSION", &VERSION)
}

fn read_into(files: &mut BTreeMap<String, String>, folder: &Path, prefix: &str) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            read_into(files, &entry.path(), &format!("{path}/"));
        } else {
            files.insert(path, String::from_utf8_lossy(&fs::read(entry.path()).unwrap()).into_owned());
        }
    }
}
