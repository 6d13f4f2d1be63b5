#!/usr/bin/env bash
# One would guess that bolero's BOLERO_RANDOM_SEED makes the random inputs of a test the same each time.
# It makes the first one so. All others come from the operating system, in the same test, whatever the seed is: a test that
# failed at its thousandth input passes when it is run again with the same seed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat > Cargo.toml <<'END'
[package]
name = "seeded"
version = "0.1.0"
edition = "2024"

[dev-dependencies]
bolero = "=0.13.4"
END
cat > src/lib.rs <<'END'
#[test]
fn inputs() {
    bolero::check!().with_type::<u64>().with_iterations(4).for_each(|input| println!("input {input}"));
}
END

inputs() {
    BOLERO_RANDOM_SEED=1 CARGO_TARGET_DIR="$folder/target" cargo test --quiet -- --nocapture 2>/dev/null | sed -n 's/^.*input //p'
}
cargo fetch --quiet
first=$(inputs)
second=$(inputs)
echo "bolero $(cargo tree --quiet --depth 1 2>/dev/null | sed -n 's/.*bolero v//p' | head -1), seed 1, twice:"
paste <(echo "$first") <(echo "$second")
same=$(comm -12 <(sort <<<"$first") <(sort <<<"$second") | wc -l)
all=$(wc -l <<<"$first")
echo "inputs that both runs had: $same of $all"
[ "$same" -eq 1 ] && [ "$all" -gt 1 ]
