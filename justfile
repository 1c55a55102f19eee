# Short names for what one does here often. Everything is a script or a cargo command that works without just.

# Lists the recipes.
default:
    @just --list --unsorted

# Starts the service: SQLite, no settings needed.
run *arguments:
    cargo run -- {{ arguments }}

# Proves the project: all groups, or the named ones (./scripts/test --list).
test *groups:
    ./scripts/test {{ groups }}

# Formats the code.
fmt:
    cargo fmt

# Formatting, clippy, dependencies, shell scripts.
lint:
    ./scripts/test lint

# Applies the migrations to the database in DATABASE_URL.
migrate:
    cargo run -- migrate

# Writes openapi/ from the code.
openapi:
    cargo run -- openapi export
    cargo xtask openapi changelog

# Releases the present document: its version's file in openapi/released/, once.
release-document:
    cp --no-clobber --verbose openapi/groundwork.json openapi/released/$(sed -n 's/^    "version": "\(.*\)",\?$/\1/p' openapi/groundwork.json | head -n 1).json

# Compares the newest released document with the present one, or any two.
diff-document old="openapi/released/1.0.0.json" new="openapi/groundwork.json":
    cargo xtask openapi diff {{ old }} {{ new }}

# Generates the clients anew, all of them or the named ones.
clients *languages:
    ./scripts/clients generate {{ languages }}

# Compiles the clients strictly, and has them go through the scenario.
clients-test:
    ./scripts/test clients

# Writes .env.example and the README's table of settings from the code.
generated:
    UPDATE_GENERATED=1 cargo test --test settings

# The same as `generated`.
alias env-example := generated

# Builds the service by a profile of what it does under load: a quarter of an hour; prints where it is.
release:
    ./scripts/release

# Measures the figures of the README.
measure:
    ./scripts/measure

# Fetches the pinned Swagger UI and Redoc into crates/openapi/assets/.
vendor-pages:
    ./scripts/vendor-pages

# Measures the service beside its peers: 45 minutes; `just bench growth` against the size of the tables.
bench *arguments:
    ./scripts/bench {{ arguments }}
