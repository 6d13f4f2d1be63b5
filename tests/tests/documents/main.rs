//! What README.md and `docs` say that commands print is what they print.
//!
//! The `console` listings of a page are run from its top to its bottom in one folder, beside a coordinator and two workers.
//! Listings of other kinds are not run: those that start servers, or depend on the machine, are `text`.

mod links;
mod lists;
mod page;
mod recipes;
mod tree;
mod varying;

use std::fs;

use page::Page;

#[test]
fn the_readme_shows_what_commands_print() {
    let page = Page::read("README.md").with("data");
    let spec = page.listing("toml", "name = \"my-sweep\"");
    fs::write(page.folder().join("data/my-sweep.toml"), &spec).expect("the spec is written");
    let typo = spec.replacen("\"attn_out\"", "\"atn_out\"", 1);
    fs::write(page.folder().join("data/typo.toml"), typo).expect("the spec is written");
    page.holds();
}

#[test]
fn the_guide_shows_what_commands_print() {
    let page = Page::read("docs/guide.md").with("data/acronym-gpt2").with("data/acronyms.txt");
    fs::write(page.folder().join("paths.toml"), page.listing("toml", "name = \"paths\"")).expect("the spec is written");
    page.holds();
}

#[test]
fn troubleshooting_shows_what_commands_print() {
    let page = Page::read("docs/troubleshooting.md").with("data");
    let spec = fs::read_to_string(page.folder().join("data/acronyms.toml")).expect("a spec");
    let prompts = "The House Inquiry Citizen (HI, HIC\nThe House (H, HI\n";
    let no_samples = spec.replacen("samples = ", "# samples = ", 1).replacen("replace = ", "# replace = ", 1);
    let one_for_all = spec.lines().filter(|line| !line.starts_with("answer")).collect::<Vec<_>>().join("\n");
    for (name, text) in [
        ("ragged.txt", prompts.to_owned()),
        ("ragged.toml", no_samples.replacen("acronyms.txt", "ragged.txt", 1)),
        ("answer.toml", one_for_all),
        ("model.toml", spec.replacen("acronym-gpt2", "gpt2-xl", 1)),
    ] {
        fs::write(page.folder().join("data").join(name), text).expect("a file is written");
    }
    page.holds();
}
