//! Lets the binary find libtorch at run time without `LD_LIBRARY_PATH`, and compiles the one file that is no Rust.
//!
//! It looks beside itself first, as `make dist` lays the two out, so that the folder can be moved anywhere.

const CALLS: &str = "src/torch/calls.cpp";

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-changed={CALLS}");
    #[cfg(feature = "tch")]
    if let Ok(libtorch) = std::env::var("LIBTORCH") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/../lib/torch/lib");
        println!("cargo:rustc-link-arg=-Wl,-rpath,{libtorch}/lib");
        cc::Build::new()
            .cpp(true)
            .std("c++17")
            .include(format!("{libtorch}/include"))
            .warnings(false)
            .file(CALLS)
            .compile("calls");
    }
}
