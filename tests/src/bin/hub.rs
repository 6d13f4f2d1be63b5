//! Serves model folders as repositories of a hub, for tests in other languages: `hub OWNER/NAME FOLDER ...`. Prints its
//! address, and ends with its standard input.

use std::io::{Read, stdin};
use std::path::Path;

use patchsweep_tests::hub::{Hub, files_of};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let hub = Hub::start();
    for pair in words.chunks_exact(2) {
        println!("{}", hub.push(&pair[0], "main", files_of(Path::new(&pair[1]))));
    }
    println!("{}", hub.address);
    let _ = stdin().read_to_end(&mut Vec::new());
}
