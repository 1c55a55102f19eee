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

# Writes .env.example and the README's table of settings from the code.
generated:
    UPDATE_GENERATED=1 cargo test --test settings

# The same as `generated`.
alias env-example := generated

# Builds the binary that is deployed.
release:
    cargo build --release --locked

# Measures the figures of the README.
measure:
    ./scripts/measure

# Fetches the pinned Swagger UI into assets/.
vendor-swagger-ui:
    ./scripts/vendor-swagger-ui
