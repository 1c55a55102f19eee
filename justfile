# Short names for frequent commands. Each is a script or a cargo command that works without just.

# List the recipes
default:
    @just --list --unsorted

# Start the service on SQLite
run *arguments:
    cargo run -- {{ arguments }}

# Format, clippy, unit tests and the API tests on SQLite: under a minute once built
check:
    cargo fmt --all --check
    cargo clippy --locked --workspace --all-targets -- -D warnings
    cargo test --locked --quiet --lib --bins
    cargo test --locked --quiet --test integration -- settings:: documentation:: document:: api::

# The API tests of one resource on SQLite, such as `just t users`: seconds after an edit
t resource *arguments:
    cargo test --locked --quiet --test integration -- api::{{ resource }}:: {{ arguments }}

# Rebuild and restart the service whenever a file changes; keys change the job (bacon.toml)
watch job="run" *arguments:
    @command -v bacon >/dev/null || cargo install --locked bacon@3.26.0
    bacon {{ job }} {{ arguments }}

# Fill the database with users for development; `just seed --reset` deletes everything in it first
seed *arguments:
    cargo run --quiet -- dev seed {{ arguments }}

# Start PostgreSQL and Redis for development until Ctrl-C
services *arguments:
    ./scripts/services {{ arguments }}

# Run every check, or those of the named groups (./scripts/test --list)
test *groups:
    ./scripts/test {{ groups }}

# Install what the checks need and run nothing
setup:
    ./scripts/test --install-only

# Format the code
fmt:
    cargo fmt --all

# Check formatting, clippy, dependencies and shell scripts
lint:
    ./scripts/test lint

# Read the book in a browser
book:
    @command -v mdbook >/dev/null || cargo install --locked mdbook@0.5.4
    mdbook serve --open

# Migrate the database in DATABASE_URL
migrate:
    cargo run -- migrate

# Write openapi/ from the code
openapi:
    cargo run -- openapi export
    cargo xtask openapi samples
    cargo xtask openapi changelog

# Release the current document: write openapi/released/VERSION.json, once per version
release-document:
    mkdir -p openapi/released
    cp --no-clobber --verbose openapi/groundwork.json openapi/released/$(sed -n 's/^    "version": "\(.*\)",\?$/\1/p' openapi/groundwork.json | head -n 1).json

# Compare the newest released document with the current one, or any two
diff-document old=`ls openapi/released/*.json | sort -V | tail -n 1` new="openapi/groundwork.json":
    cargo xtask openapi diff {{ old }} {{ new }}

# Regenerate the clients of all languages, or of the named ones
clients *languages:
    ./scripts/clients generate {{ languages }}

# Compile the clients strictly and run their scenario
clients-test:
    ./scripts/test clients

# Write .env.example and the settings reference from the code
generated:
    UPDATE_GENERATED=1 cargo test --test integration -- settings::

alias env-example := generated

# Build the service with profile-guided optimization and print the path: a quarter of an hour
release:
    ./scripts/release

# Measure the binary's size, start-up time and idle memory
measure:
    ./scripts/measure

# Fetch the pinned Swagger UI and Redoc into crates/openapi/assets/
vendor-pages:
    ./scripts/vendor-pages

# Measure the service beside its peers: 45 minutes (`just bench growth`: by the size of the tables)
bench *arguments:
    ./scripts/bench {{ arguments }}
